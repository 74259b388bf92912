"""One partition with most of the work, one group with most of the rows: cores that no task uses take part."""

from __future__ import annotations

import os
import signal
import time

import pytest
from pyspark.sql import functions as F

from beringia.errors import WorkerDiedError
from beringia.spark import numpy_map

GROUPS = 60


@pytest.fixture
def one_partition(spark, conf):
    """Groups of one partition, a few to a batch."""
    conf("spark.beringia.batchBytes", "4k")
    rows = spark.range(0, 100 * GROUPS, 1, 1)
    return rows.select((F.col("id") / 100).cast("int").alias("g"), F.col("id").cast("double").alias("x")).coalesce(1)


EXPECTED = {g: sum(range(100 * g, 100 * g + 100)) for g in range(GROUPS)}


def test_batches_of_one_partition_go_to_an_idle_worker_too(one_partition):
    def where(x):
        time.sleep(0.02)
        return x.sum(), os.getpid()

    rows = numpy_map(where, one_partition.groupBy("g"), "total double, pid long").collect()
    assert [row.g for row in rows] == sorted(EXPECTED), "in the order of their batches"
    assert {row.g: row.total for row in rows} == EXPECTED
    assert len({row.pid for row in rows}) == 2


def test_while_one_is_at_a_long_group_the_other_goes_ahead(one_partition):
    def when(g, x):
        started = time.monotonic()
        time.sleep(1 if g == 10 else 0.005)
        return x.sum(), started, time.monotonic()

    rows = numpy_map(when, one_partition.groupBy("g"), "total double, start double, end double").collect()
    assert {row.g: row.total for row in rows} == EXPECTED
    (long,) = (row for row in rows if row.g == 10)
    meanwhile = [row.g for row in rows if row.g > 10 and row.end < long.end]
    assert len(meanwhile) > 15


def test_a_group_that_kills_a_worker_is_named_whoever_has_it(one_partition, find_workers, gone):
    def dies(g, x):
        time.sleep(0.01)
        if g == 40:
            os.kill(os.getpid(), signal.SIGKILL)
        return x.sum()

    with pytest.raises(WorkerDiedError, match="SIGKILL") as caught:
        numpy_map(dies, one_partition.groupBy("g"), "total double").collect()
    assert caught.value.group == "g=40"
    rows = numpy_map(dies, one_partition.groupBy("g"), "total double", on_error="null").collect()
    assert {row.g: row.total for row in rows} == {**EXPECTED, 40: None}


def test_where_a_task_has_several_cores_its_worker_has_them(run):
    program = """
import os, time
import beringia.spark
from pyspark.sql import SparkSession, functions as F
settings = {"spark.ui.enabled": "false", "spark.task.cpus": "2", "batchBytes": "4k"}
spark = SparkSession.builder.master("local[2]").config(map=beringia.spark.conf(**settings)).getOrCreate()
df = spark.range(0, 6000, 1, 1).select((F.col("id") / 100).cast("int").alias("g"), F.col("id").alias("x")).coalesce(1)
where = lambda x: (time.sleep(0.01), os.getpid())[1]
rows = beringia.spark.numpy_map(where, df.groupBy("g"), "pid long").collect()
print(len(rows), len({row.pid for row in rows}))
spark.stop()
"""
    assert run(program) == "60 1\n"
