"""The metrics of the executor's workers, as Spark's sinks show them (its page, Prometheus, JMX); and a trace."""

from __future__ import annotations

import json

import pytest

PROGRAM = """
import json, os, signal, time, urllib.request
import beringia.spark
from beringia.errors import WorkerDiedError
from beringia.spark import numpy_map
from pyspark.sql import SparkSession, functions as F

settings = {
    "spark.sql.shuffle.partitions": "2", "spark.ui.port": "0", "trace": os.getcwd() + "/trace",
    "spark.metrics.conf.*.sink.prometheusServlet.class": "org.apache.spark.metrics.sink.PrometheusServlet",
    "spark.metrics.conf.*.sink.prometheusServlet.path": "/metrics/prometheus",
    "spark.metrics.conf.*.sink.jmx.class": "org.apache.spark.metrics.sink.JmxSink",
    # For Py4J, which calls methods of the class and not of its public interface.
    "spark.driver.extraJavaOptions": "--add-opens=java.management/com.sun.jmx.mbeanserver=ALL-UNNAMED",
}
spark = SparkSession.builder.master("local[2]").config(map=beringia.spark.conf(**settings)).getOrCreate()
data = spark.range(1000).select((F.col("id") % 50).alias("g"), F.col("id").cast("double").alias("x"))

def dies(g, x):
    if g == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return 0.0

def is_slow_once(g, x):
    if g == 7:
        time.sleep(0.5)
    return 0.0

try:
    numpy_map(dies, data.groupBy("g"), "y double").collect()
except WorkerDiedError:
    pass
frame = numpy_map(is_slow_once, data.groupBy("g"), "y double")
frame.collect()
time.sleep(1)  # the last task's worker is on its way back

page = spark.sparkContext.uiWebUrl
def read(path):
    return urllib.request.urlopen(page + path).read().decode()
beans = spark._jvm.java.lang.management.ManagementFactory.getPlatformMBeanServer()
ObjectName = spark._jvm.javax.management.ObjectName
print(json.dumps({
    "page": json.loads(read("/metrics/json/")),
    "prometheus": read("/metrics/prometheus/"),
    "jmx": {
        name.toString(): str(beans.getAttribute(name, "Value"))
        for name in beans.queryNames(ObjectName("metrics:name=*BeringiaPlugin*,type=gauges"), None)
    },
}))
spark.stop()
"""


@pytest.fixture(scope="module")
def shown(run, tmp_path_factory):
    """What the sinks show, and the events of the trace."""
    printed = run("import os\nos.chdir({!r})\n".format(str(directory := tmp_path_factory.mktemp("shown"))) + PROGRAM)
    (trace,) = (directory / "trace").iterdir()
    return json.loads(printed), json.loads(trace.read_text())


def metric(shown, kind, name):
    (found,) = (value for key, value in shown[0]["page"][kind].items() if key.endswith(f"BeringiaPlugin.{name}"))
    return found


def test_counters_and_gauges_are_on_the_page_of_metrics(shown):
    value = {name: metric(shown, "gauges", name)["value"] for name in ("workers", "workersIdle", "workersStarted")}
    assert 1 <= value["workers"] == value["workersIdle"] <= 2
    assert value["workersStarted"] >= 2
    assert metric(shown, "gauges", "workersLost")["value"] == 1
    assert metric(shown, "gauges", "jobsFailed")["value"] == 1
    assert metric(shown, "gauges", "groups")["value"] >= 50
    assert metric(shown, "gauges", "bytesIn")["value"] >= 8 * 1000
    assert metric(shown, "gauges", "bytesLeased")["value"] == 0
    assert metric(shown, "gauges", "functionNanos")["value"] > 4e8


def test_durations_of_calls_are_a_histogram(shown):
    calls = metric(shown, "histograms", "callNanos")
    assert calls["count"] >= 50
    assert calls["p50"] < 1e8 < calls["max"] < 2e9


def test_prometheus_shows_them_too(shown):
    lines = shown[0]["prometheus"].splitlines()
    assert any("BeringiaPlugin_workersLost_Value" in line and line.endswith(" 1") for line in lines)
    assert any("BeringiaPlugin_callNanos" in line for line in lines)


def test_jmx_shows_them_too(shown):
    (lost,) = (value for name, value in shown[0]["jmx"].items() if "BeringiaPlugin.workersLost" in name)
    assert lost == "1"


def test_a_trace_has_nested_spans_of_each_task_and_worker(shown):
    events = shown[1]
    spans = [event for event in events if event["ph"] == "X"]
    assert {"job", "fill", "wait", "batch", "is_slow_once", "write"} <= {span["name"] for span in spans}
    (slow,) = (span for span in spans if span["name"] == "is_slow_once" and span["args"] == {"group": "g=7"})
    assert 0.5e6 < slow["dur"] < 2e6
    tracks = {(span["pid"], span["tid"]) for span in spans}
    named = {(event["pid"], event["tid"]): event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert named.keys() == tracks
    assert any(name.startswith("stage ") and name.endswith("'is_slow_once'") for name in named.values())
    assert any(name.startswith("Python worker ") for name in named.values())
    for track in tracks:
        check_nesting([span for span in spans if (span["pid"], span["tid"]) == track])


def check_nesting(spans):
    """Each span lies within the one that it begins in."""
    open_until = []
    rounding = 0.002  # microseconds
    for span in sorted(spans, key=lambda span: (span["ts"], -span["dur"])):
        while open_until and open_until[-1] <= span["ts"] + rounding:
            open_until.pop()
        end = span["ts"] + span["dur"]
        assert not open_until or end <= open_until[-1] + rounding, span
        open_until.append(end)
