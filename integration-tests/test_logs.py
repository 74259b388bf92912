"""What functions print, log and warn of reaches the executor's log, with task and group; and not without end."""

from __future__ import annotations

import re

import pytest

LOG4J = """
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c: %m%n
logger.workers.name = beringia.worker
logger.workers.level = {level}
logger.quiet.name = beringia.worker.quiet
logger.quiet.level = error
"""
PROGRAM = """
import logging, os, sys, time, warnings
import beringia.spark
from beringia.spark import numpy_map
from pyspark.sql import SparkSession, functions as F

settings = {{
    "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2",
    "spark.driver.extraJavaOptions": "-Dlog4j2.configurationFile={log4j}",
}}
spark = SparkSession.builder.master("local[2]").config(map=beringia.spark.conf(**settings)).getOrCreate()
data = spark.range(100).select((F.col("id") % 10).alias("g"), F.col("id").cast("double").alias("x"))

def talks(g, x):
    if g != 7:
        return 0.0
    print("printed Ω", end="")
    print(" and ended")
    print("to stderr", file=sys.stderr)
    os.system("echo from another process")
    logging.getLogger("fit").info("converged after %d steps", 3)
    logging.getLogger("fit").debug("a detail")
    logging.getLogger("quiet").warning("not wanted")
    warnings.warn("a doubtful value")
    try:
        1 / 0
    except ZeroDivisionError:
        logging.exception("caught")
    return 0.0

def floods(g, x):
    if g == 7:
        for number in range(100_000):
            print("line", number)
            os.write(2, b"raw\\n")
    return 0.0

numpy_map(talks, data.groupBy("g"), "y double").collect()
numpy_map(floods, data.groupBy("g"), "y double").collect()
time.sleep(2)
spark.stop()
"""


@pytest.fixture
def log(run, tmp_path):
    """The log of a session in which functions talk, at a level of the workers' loggers."""

    def log(level):
        conf = tmp_path / "log4j2.properties"
        conf.write_text(LOG4J.format(level=level))
        done = run(PROGRAM.format(log4j=conf), check=False)
        assert done.returncode == 0, done.stderr[-5000:]
        return done.stderr

    return log


def test_output_has_level_logger_task_and_group(log):
    text = log("info")
    scope = r"\[worker \d+, stage \d+, partition \d+, task \d+, 'talks', g=7\]"
    for line in (
        r"INFO beringia.worker.stdout: printed Ω and ended",
        r"INFO beringia.worker.stderr: to stderr",
        r"INFO beringia.worker.fit: converged after 3 steps",
    ):
        assert re.search(f"^{line} {scope}$", text, re.MULTILINE), line
    assert re.search(r"^INFO beringia.worker.stdout: from another process \[worker \d+\]$", text, re.MULTILINE)
    assert re.search(r"^WARN beringia.worker.py.warnings: .*UserWarning: a doubtful value", text, re.MULTILINE)
    assert re.search(
        r"^ERROR beringia.worker.root: caught\nTraceback .*ZeroDivisionError: division by zero \[worker",
        text,
        re.MULTILINE | re.DOTALL,
    )
    # Levels are those of Spark's own configuration.
    assert "a detail" not in text
    assert "not wanted" not in text
    # A flood is cut, and the log says so.
    assert 1 <= len(re.findall(r"^INFO beringia.worker.stdout: line", text, re.MULTILINE)) < 20_000
    assert re.search(r"^WARN beringia.worker: \d+ lines of stdout are not shown", text, re.MULTILINE)
    assert re.search(r"^WARN beringia.worker: \d+ lines of stderr are not shown", text, re.MULTILINE)


def test_details_are_there_where_they_are_wanted(log):
    assert re.search(r"^DEBUG beringia.worker.fit: a detail \[worker", log("debug"), re.MULTILINE)
