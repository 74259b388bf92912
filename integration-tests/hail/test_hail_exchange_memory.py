"""Data out and in where memory is small, or executors are other processes: a Hail of its own for each."""

import subprocess
import sys
import textwrap

import pytest


def ran_well(script, directory):
    done = subprocess.run(
        [sys.executable, "-c", script, str(directory)],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.stdout.strip().endswith("well"), done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]  # of what ends with the interpreter


@pytest.mark.slow
def test_ten_times_the_heap_goes_out_at_flat_memory(tmp_path):
    """Five GiB by batches, and as much into a file, past a heap of 512 MiB; memory is looked at all the while."""
    script = textwrap.dedent(
        """
        import sys, threading
        from concurrent.futures import ThreadPoolExecutor
        from pathlib import Path
        import numpy as np, hail as hl, beringia.hail as bh
        conf = bh.conf(**{"spark.driver.memory": "512m"})
        hl.init(spark_conf=conf, master="local[2]", quiet=True, tmp_dir=sys.argv[1])

        def peak():
            found = 0
            for process in ("self", JVM):
                lines = Path(f"/proc/{process}/status").read_text().splitlines()
                found += sum(int(x.split()[1]) for x in lines if x.startswith(("RssAnon", "RssShmem")))
            return found << 10

        def most_until(done):
            most = 0
            while not done.wait(0.1):
                most = max(most, peak())
            return most

        JVM, ROWS = hl.spark_context()._gateway.proc.pid, 80_000
        ht = hl.utils.range_table(ROWS, ROWS // 125)
        ht = ht.annotate(x=hl.range(8192).map(lambda i: hl.float64(ht.idx + i)))
        bh.to_arrow(ht.head(2000))
        before, most, rows = peak(), 0, 0
        for batch in bh.to_batches(ht):
            rows += batch.num_rows
            most = max(most, peak())
        assert rows == ROWS
        assert most - before < 400 << 20, (before, most)
        out = np.memmap(sys.argv[1] + "/out.bin", np.float64, "w+", shape=(ROWS, 8192))
        mt = hl.utils.range_matrix_table(ROWS, 8192, n_partitions=ROWS // 125)
        done = threading.Event()
        with ThreadPoolExecutor(1) as watch:
            most = watch.submit(most_until, done)
            try:
                bh.to_numpy(hl.float64(mt.row_idx + mt.col_idx), out=out)
            finally:
                done.set()
            most = most.result()
        assert out[ROWS - 1, 8191] == ROWS - 1 + 8191 and out[0, 1] == 1
        assert most - before < 400 << 20, (before, most)
        hl.stop()
        print("well")
        """
    )
    ran_well(script, tmp_path)


@pytest.mark.slow
def test_a_wide_frame_goes_in_and_out_under_a_small_heap(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        import numpy as np, pandas as pd, hail as hl, beringia.hail as bh
        conf = bh.conf(**{"spark.driver.memory": "1g"})
        hl.init(spark_conf=conf, master="local[2]", quiet=True, tmp_dir=sys.argv[1])
        rng = np.random.default_rng(1)
        frame = pd.DataFrame({f"x{i}": rng.normal(size=35_000) for i in range(40)})
        frame = frame.assign(**{f"s{i}": rng.integers(0, 1000, 35_000).astype(str) for i in range(27)})
        ht = bh.from_pandas(frame)
        assert ht.count() == 35_000
        found = bh.to_pandas(ht)
        assert found.shape == (35_000, 67)
        pd.testing.assert_frame_equal(found.astype(frame.dtypes), frame)
        hl.stop()
        print("well")
        """
    )
    ran_well(script, tmp_path)


def test_on_a_cluster_data_go_through_spark_and_hails_folder(tmp_path):
    """Executors in other processes, which write no file of ours; a driver of 1 GiB takes 35,000 by 67 in and out."""
    script = textwrap.dedent(
        """
        import gc, sys
        from pathlib import Path
        import numpy as np, pandas as pd, hail as hl, beringia.hail as bh
        once = {"spark.task.maxFailures": "1"}  # what is refused is refused each time
        conf = bh.conf(**{"spark.driver.memory": "1g", "spark.driver.maxResultSize": "16m", **once})
        hl.init(spark_conf=conf, master="local-cluster[2,1,1024]", quiet=True, tmp_dir=sys.argv[1])
        frame = pd.DataFrame({"k": np.arange(1000), "x": np.linspace(0, 1, 1000), "s": ["a", "b"] * 500})
        ht = bh.from_pandas(frame, key="k")
        assert ht.count() == 1000
        found = bh.to_pandas(ht)
        assert found.x.tolist() == frame.x.tolist() and found.s.tolist() == frame.s.tolist()
        assert np.array_equal(bh.to_numpy(bh.from_numpy(np.eye(20)).element), np.eye(20))

        def files():
            gc.collect()
            return list(Path(sys.argv[1]).glob("beringia-import*"))

        assert len(files()) == 1  # of the frame, for the table that is left
        made = ht.annotate(y=ht.x * 2)
        del ht
        assert len(files()) == 1
        assert made.aggregate(hl.agg.max(made.y)) == 2
        del made
        assert files() == []

        rng = np.random.default_rng(1)
        wide = pd.DataFrame({f"x{i}": rng.normal(size=35_000) for i in range(40)})
        wide = wide.assign(**{f"s{i}": rng.integers(0, 1000, 35_000).astype(str) for i in range(27)})
        found = bh.to_pandas(bh.from_pandas(wide))
        pd.testing.assert_frame_equal(found.astype(wide.dtypes), wide)

        def refused(length):
            try:
                bh.to_arrow(hl.utils.range_table(1).annotate(x=hl.range(length)))
            except bh.failures.errors.GroupTooLargeError as error:
                assert "use more partitions" in str(error)
                return str(error)
            raise AssertionError("nothing was refused")

        assert "raise spark.driver.maxResultSize" in refused(8_000_000)
        hl.spark_context()._jsc.sc().conf().set("spark.driver.maxResultSize", "0")
        assert "raise spark.executor.memory" in refused(40_000_000)
        made, kept = bh.from_pandas(frame), bh.from_pandas(frame)
        hl.stop()
        del made
        gc.collect()  # the JVM, which may never answer, is not asked to remove the file; nor is it at the end
        print("well")
        """
    )
    ran_well(script, tmp_path)
