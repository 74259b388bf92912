"""``examples/cluster/allocation.sh`` in an allocation of two nodes; srun and pbsdsh are stand-ins."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from programs import HEAD

from other_python import script

pytestmark = pytest.mark.slow

ALLOCATION = Path(__file__).parents[2] / "examples" / "cluster" / "allocation.sh"
SRUN = """#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift; done
for node in 127.0.0.2 127.0.0.3; do SPARK_LOCAL_IP=$node "$@" & done
wait
"""
PBSDSH = """#!/bin/sh
# Three chunks on two nodes, and no environment but the node's own.
shift
for node in 127.0.0.2 127.0.0.3 127.0.0.3; do
    env -i SPARK_LOCAL_IP=$node BERINGIA_TEST_RUN=$BERINGIA_TEST_RUN "$@" &
done
wait
"""


@pytest.fixture(params=["Slurm", "PBS"])
def environment(request, tmp_path):
    """What the batch system sets, and its program on the ``PATH``."""
    programs = tmp_path / "bin"
    programs.mkdir()
    script(programs / "srun", SRUN)
    script(programs / "pbsdsh", PBSDSH)
    nodes = tmp_path / "nodes"
    nodes.write_text("one\ntwo\ntwo\n", encoding="utf-8")
    batch = {
        "Slurm": {"SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "2", "SLURM_CPUS_PER_TASK": "1"},
        "PBS": {"PBS_JOBID": "7", "PBS_NODEFILE": str(nodes), "NCPUS": "1"},
    }[request.param]
    paths = [programs, Path(sys.executable).parent, os.environ["PATH"]]
    return {**batch, "PATH": ":".join(map(str, paths)), "SPARK_WORKER_MEMORY": "1g"}


def daemons():
    """The masters and workers of this test run that are alive."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if (
                b"org.apache.spark.deploy." in (process / "cmdline").read_bytes()
                and os.environ["BERINGIA_TEST_RUN"].encode() in (process / "environ").read_bytes()
            ):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_a_command_has_the_nodes_of_its_allocation(run, environment, find_workers, gone):
    workers, before = set(find_workers()), daemons()
    program = (
        HEAD
        + """
spark = session()
print(hosts(spark), spark.conf.get("spark.authenticate"))
rows = numpy_map(lambda x: x.sum(), data(spark).groupBy("g"), "y double").collect()
print({r.g: r.y for r in rows} == EXPECTED)
spark.stop()
(directory,) = pathlib.Path.cwd().glob("spark-*")
print(oct(directory.stat().st_mode)[-3:], directory, flush=True)
sys.exit(3)
"""
    )
    done = run(program, command=[ALLOCATION, sys.executable], env=environment, timeout=120, check=False)
    assert done.returncode == 3, done.stderr
    hosts, right, place = done.stdout.splitlines()
    assert hosts == "['127.0.0.2', '127.0.0.3'] true"
    assert right == "True"
    mode, directory = place.split()
    assert mode == "700"
    assert sorted(path.name for path in Path(directory).iterdir()) == ["logs", "url", "worker"]  # no secret stays
    assert daemons() == before
    assert set(gone(workers)) <= workers


def test_outside_an_allocation_it_says_so(run):
    done = run("", command=[ALLOCATION, sys.executable], env={"PATH": os.environ["PATH"]}, check=False)
    assert done.returncode == 2
    assert "within an allocation" in done.stderr
