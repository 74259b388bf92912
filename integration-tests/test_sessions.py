"""The ways in which a Spark session comes to have the plugin, and the one in which it has not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyspark

import beringia

JOB = """
def job(spark):
    import numpy as np
    from pyspark.sql import functions as F
    df = spark.range(100).select((F.col("id") % 4).alias("g"), F.col("id").alias("x"))
    rows = beringia.spark.numpy_map(lambda x: x.sum(), df.groupBy("g"), "total long").collect()
    assert sorted(r.total for r in rows) == [1200, 1225, 1250, 1275], rows
    print("ran")
"""
HEAD = f"""
import beringia, beringia.spark
from pyspark.sql import SparkSession
{JOB}
def builder():
    settings = {{"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2"}}
    return SparkSession.builder.master("local[2]").config(map=settings)
"""
SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"


def test_a_new_session_starts_workers_with_the_call_before_the_job(run):
    program = HEAD + (
        "import json, time\n"
        "spark = builder().config(map=beringia.spark.conf()).getOrCreate()\n"
        "beringia.spark.numpy_map(lambda id: id, spark.range(9), 'y long')\n"
        "executor = spark._jvm.org.beringia.executor.ExecutorRuntime\n"
        "deadline = time.monotonic() + 60\n"
        "while json.loads(executor.metrics())['workersStarted'] < 2 and time.monotonic() < deadline: time.sleep(0.05)\n"
        "job(spark)\n"
        "print(json.loads(executor.metrics())['workersStarted'])\n"
    )
    assert run(program) == "ran\n2\n"


def test_a_session_after_one_without_was_stopped(run):
    program = HEAD + (
        "builder().getOrCreate().stop()\n"
        "spark = builder().config(map=beringia.spark.conf()).getOrCreate()\n"
        "job(spark)\nspark.stop()\n"
        "job(builder().config(map=beringia.spark.conf()).getOrCreate())\n"
    )
    assert run(program) == "ran\nran\n"


def test_under_spark_submit(run):
    program = HEAD + "job(builder().config(map=beringia.spark.conf()).getOrCreate())\n"
    assert "ran\n" in run(program, command=[SUBMIT], env={"PYSPARK_DRIVER_PYTHON": sys.executable})


def test_under_spark_submit_with_settings_of_its_own(run):
    program = HEAD + (
        "conf = beringia.spark.conf()\n"
        "assert conf['spark.plugins'].startswith('org.beringia.Absent,'), conf\n"
        "conf['spark.plugins'] = conf['spark.plugins'].split(',')[1]\n"
        "job(builder().config(map=conf).getOrCreate())\n"
    )
    command = [SUBMIT, "--conf", "spark.plugins=org.beringia.Absent"]
    assert "ran\n" in run(program, command=command, env={"PYSPARK_DRIVER_PYTHON": sys.executable})


def test_attach_to_a_running_session(run):
    program = HEAD + (
        "spark = builder().getOrCreate()\n"
        "assert beringia.spark.attach(spark) is spark\n"
        "beringia.spark.attach(spark)\n"
        "job(spark)\n"
        "table = 'TABLE(SELECT id AS a FROM range(3))'\n"
        "query = f\"SELECT * FROM numpy_map({table}, 'numpy:sum', 'total long', by => array())\"\n"
        "print(spark.sql(query).collect())\n"
        "other = spark.newSession()\n"
        "try:\n"
        "    job(other)\n"
        "except beringia.errors.ConfigError:\n"
        "    print('refused')\n"
        "job(beringia.spark.attach(other))\n"
    )
    assert run(program) == "ran\n[Row(total=3)]\nrefused\nran\n"


def test_attach_where_the_plugin_is_already(run):
    program = HEAD + (
        "spark = builder().config(map=beringia.spark.conf()).getOrCreate()\njob(beringia.spark.attach(spark))\n"
    )
    assert run(program) == "ran\n"


def test_without_the_plugin_the_error_shows_the_line_to_add(run):
    program = HEAD + (
        "from beringia.errors import ConfigError\n"
        "spark = builder().getOrCreate()\n"
        "for _ in range(2):\n"
        "    try:\n"
        "        job(spark)\n"
        "    except ConfigError as error:\n"
        "        print(error)\n"
        "try:\n"
        "    beringia.spark.conf()\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    printed = run(program)
    assert printed.count("SparkSession.builder.config(map=beringia.spark.conf()).getOrCreate()") == 2
    assert printed.count("beringia.spark.attach(spark)") == 3
    assert "ran" not in printed


def test_a_session_without_the_plugin_in_a_jvm_that_knows_the_jar(run):
    program = HEAD + (
        "from beringia.errors import ConfigError\n"
        "builder().getOrCreate().stop()\n"
        "beringia.spark.conf()\n"  # adds the jar to the class loader
        "try:\n"
        "    job(builder().getOrCreate())\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    printed = run(program)
    assert "ran" not in printed
    assert "beringia.spark" in printed


OTHER_LINES = (
    HEAD
    + """
from py4j.protocol import Py4JJavaError  # of a context that does not start, PySpark raises it as it is
from beringia.errors import ConfigError
from beringia.spark import lines, setup
mine = lines.jar(lines.installed())
others = [jar.path for jar in lines.jars() if jar.path != mine]
assert others
def refused(call):
    try:
        call()
    except (ConfigError, Py4JJavaError) as error:
        assert f"and here runs {lines.installed()}" in str(error), error
        print("refused")
"""
)


def test_the_jar_of_another_line_is_refused_as_the_session_starts(run):
    program = OTHER_LINES + (
        "for jar in others:\n"
        "    settings = {'spark.jars': str(jar), 'spark.plugins': setup.PLUGIN}\n"
        "    refused(lambda: builder().config(map=settings).getOrCreate())\n"
    )
    assert set(run(program).split()) == {"refused"}


def test_the_jar_of_another_line_is_refused_by_attach_and_conf(run):
    program = OTHER_LINES + (
        "spark = builder().config('spark.jars', str(others[0])).getOrCreate()\n"
        "refused(lambda: beringia.spark.attach(spark))\n"
        "spark.stop()\n"
        "refused(beringia.spark.conf)\n"
    )
    assert run(program) == "refused\nrefused\n"


def test_the_package_that_is_tested_is_that_of_this_tree():
    assert Path(beringia.__file__).is_relative_to(Path(__file__).parents[1] / "python")
    assert os.environ["BERINGIA_TEST_RUN"]
