"""What people call executors from: scripts, cells of notebooks, asyncio."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


def run(source, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_script_needs_no_guard_and_its_globals_are_one_namespace():
    done = run(
        """
        import beringia

        SCALE, STATE = 2, None

        def begin():
            global STATE
            STATE = "set by the initializer"

        def state():
            return STATE, SCALE

        executor = beringia.Executor(1, initializer=begin)
        print(executor.submit(state).result())
        SCALE = 3
        print(executor.submit(state).result())
        SCALE = 2
        print(executor.submit(state).result())
        """
    )
    assert done.stderr == ""
    told = [f"('set by the initializer', {scale})" for scale in (2, 3, 2)]
    assert done.stdout.splitlines() == told


def test_pending_calls_are_finished_at_exit_and_nothing_stays():
    segments = {path.name for path in Path("/dev/shm").iterdir()}
    done = run(
        """
        import atexit, time
        import beringia

        def late(x):
            time.sleep(0.1)
            return x

        calls = [beringia.Executor(2, segment_backend="posix").submit(late, x) for x in range(3)]
        atexit.register(lambda: print([call.result() for call in calls]))
        calls[0].add_done_callback(lambda call: print("done"))
        """
    )
    assert "Traceback" not in done.stderr
    assert sorted(done.stdout.splitlines()) == ["[0, 1, 2]", "done"]
    left = {path.name for path in Path("/dev/shm").iterdir()} - segments
    assert {name for name in left if "beringia" in name and not name.endswith(".lease")} == set()


def test_after_the_end_of_the_interpreter_no_call_is_taken():
    done = run(
        """
        import atexit
        import beringia

        executor = beringia.Executor(1)
        executor.submit(int).result()

        @atexit.register
        def late():
            try:
                executor.submit(int)
            except RuntimeError as error:
                print(error)
        """
    )
    assert (done.stdout, done.stderr) == ("cannot schedule new futures after shutdown\n", "")


def test_asyncio_awaits_calls(executor):
    async def main():
        loop = asyncio.get_running_loop()
        powers = await asyncio.gather(*[loop.run_in_executor(executor, pow, 2, n) for n in range(20)])
        pid = await asyncio.wrap_future(executor.submit(os.getpid))
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(executor, divmod, 1, 0)
        return powers, pid

    powers, pid = asyncio.run(main())
    assert powers == [2**n for n in range(20)]
    assert pid != os.getpid()


CELLS = [
    """
    import beringia, numpy as np, pyarrow as pa, time
    def begin():
        global factor
        factor = 3
    executor = beringia.Executor(1, initializer=begin)
    """,
    """
    def scaled(x):
        return x * factor
    """,
    "list(executor.map(scaled, range(4), progress=True))",
    """
    def scaled(x):
        return later - x * factor
    later = 5
    """,
    "list(executor.map(scaled, range(4)))",
    """
    from beringia.local import progress
    progress._DELAY = 0.1
    data = {"k": np.arange(8), "x": np.ones(8)}
    table = beringia.numpy_map(lambda x: time.sleep(0.1), data, pa.schema({"r": pa.float64()}), by="k", batch_bytes=1)
    """,
    "executor.shutdown()",
]


def test_in_a_notebook_cells_share_names_with_calls_as_they_are_redefined_and_bars_are_widgets():
    nbformat, nbclient = pytest.importorskip("nbformat.v4"), pytest.importorskip("nbclient")
    notebook = nbformat.new_notebook(cells=[nbformat.new_code_cell(textwrap.dedent(cell)) for cell in CELLS])
    nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    outputs = [[dict(each["data"]) for each in cell.outputs if "data" in each] for cell in notebook.cells]
    values = [shown["text/plain"] for cell in outputs for shown in cell if "text/plain" in shown]
    assert "[0, 3, 6, 9]" in values and "[5, 2, -1, -4]" in values
    bars = [any("application/vnd.jupyter.widget-view+json" in shown for shown in cell) for cell in outputs]
    assert bars == [False, False, True, False, False, True, False]
