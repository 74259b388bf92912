"""YARN: Hadoop's mini cluster with two nodes, the environment in an archive; the driver here, and on the cluster."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from programs import HEAD

import standalone

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
JARS = ROOT / "build" / "minicluster"


@pytest.fixture(scope="module")
def yarn(nothing_stays, tmp_path_factory):
    """The environment of a client of the cluster."""
    if not JARS.exists():
        pytest.skip("make test-cluster fetches Hadoop's mini cluster")
    directory = tmp_path_factory.mktemp("yarn")
    classes = f"{JARS}/*:{standalone.SPARK_HOME}/jars/*"
    command = [
        f"{os.environ['JAVA_HOME']}/bin/java",
        "-Xmx512m",
        "-cp",
        classes,
        Path(__file__).with_name("MiniYarn.java"),
    ]
    log = directory / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, directory], cwd=directory, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        deadline = time.monotonic() + 120
        while not (directory / "yarn-site.xml").exists():
            assert process.poll() is None, log.read_text()[-5000:]
            assert time.monotonic() < deadline, log.read_text()[-5000:]
            time.sleep(0.2)
        yield {
            "HADOOP_CONF_DIR": str(directory),
            "MASTER": "yarn",
            "SPARK_HOME": str(standalone.SPARK_HOME),
        }
        process.communicate(timeout=60)


SETTINGS = {
    "spark.yarn.jars": f"local:{standalone.SPARK_HOME}/jars/*",
    "spark.executor.instances": "2",
    "spark.executor.memory": "512m",
    "spark.executorEnv.BERINGIA_TEST_RUN": os.environ["BERINGIA_TEST_RUN"],
}
JOB = """
def where(x):
    time.sleep(0.1)
    return x.sum(), os.getppid(), sys.prefix

rows = numpy_map(where, data(spark).groupBy("g"), "total double, executor long, prefix string").collect()
lines = [
    str({r.g: r.total for r in rows} == EXPECTED),
    f"{len({r.executor for r in rows})} {({pathlib.Path(r.prefix).name for r in rows})}",
]

def raises(g):
    raise ValueError("no group at all")

try:
    numpy_map(raises, data(spark).groupBy("g"), "y double").collect()
except errors.GroupError as error:
    lines.append("no group at all" in error.traceback)
print(*lines, sep="\\n", file=open(OUTPUT, "w") if OUTPUT else sys.stdout)
spark.stop()
"""
RIGHT = ["True", "2 {'environment'}", "True"]


def test_the_driver_here(run, yarn, packed, find_workers, gone):
    workers = set(find_workers())
    program = (
        HEAD
        + f"""
OUTPUT = None
settings = {SETTINGS!r}
spark = session(python="./environment/bin/python", **settings, **{{"spark.archives": "{packed}#environment"}})
"""
        + JOB
    )
    assert run(program, env=yarn, timeout=200).splitlines() == RIGHT
    assert set(gone(workers)) <= workers


def test_the_driver_on_the_cluster(run, yarn, packed, tmp_path, find_workers, gone):
    """The driver runs from the archive too, and finds the jar in it."""
    workers = set(find_workers())
    program = HEAD + f'OUTPUT = "{tmp_path / "output"}"\nspark = session()\n' + JOB
    settings = {
        **SETTINGS,
        "spark.yarn.appMasterEnv.PYSPARK_PYTHON": "./environment/bin/python",
        "spark.yarn.appMasterEnv.BERINGIA_TEST_RUN": os.environ["BERINGIA_TEST_RUN"],
        "spark.driver.memory": "512m",
    }
    submit = [standalone.SPARK_HOME / "bin" / "spark-submit", "--master", "yarn", "--deploy-mode", "cluster"]
    for name, value in settings.items():
        submit += ["--conf", f"{name}={value}"]
    run(program, command=[*submit, "--archives", f"{packed}#environment"], env=yarn, timeout=200)
    assert (tmp_path / "output").read_text().splitlines() == RIGHT
    assert set(gone(workers)) <= workers
