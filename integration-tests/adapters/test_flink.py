"""Flink's front, in an environment with Flink: `make test-adapters`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("pyflink")

from pyflink.table import EnvironmentSettings, TableEnvironment

import beringia.flink


@pytest.fixture(scope="module")
def tables():
    return TableEnvironment.create(EnvironmentSettings.in_batch_mode())


def run(tables, f, rows, *columns):
    table = tables.from_elements(rows, list(columns))
    f = beringia.flink.udf(f, "DOUBLE", workers=2)
    with table.select(f(*(getattr(table, name) for name in columns))).execute().collect() as found:
        return sorted(value for (value,) in found)


def test_columns_come_as_arrays_in_workers(tables):
    def f(x, y):
        assert type(x) is np.ndarray
        return x * y

    rows = [(float(x), 2.0) for x in range(1000)]
    assert run(tables, f, rows, "x", "y") == [2.0 * x for x in range(1000)]


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: x[:1], "expected \\(5,\\)"),
        (lambda x: 1 // int(x.sum() * 0), "integer division"),
        (lambda _: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
    ],
    ids=["length", "raises", "dies"],
)
def test_what_goes_wrong_is_the_jobs_error(tables, f, says):
    with pytest.raises(Exception, match=says):
        run(tables, f, [(1.0,)] * 5, "x")


def test_the_example():
    # Flink marks a process that has run a function: no program of Flink is to begin there.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYFLINK_")}
    command = [sys.executable, "examples/flink_distances.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "Berlin: 878 km" in done.stdout, done.stderr
