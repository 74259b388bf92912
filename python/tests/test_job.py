"""The specification of a job: how fronts write it, and that core and worker take nothing that they do not know."""

from __future__ import annotations

import json
import sys

import pyarrow as pa
import pytest

import beringia
from beringia import _function
from beringia._job import Argument, Job, NumpyOptions, Policy, Program, Shape
from beringia.errors import ArgumentError, ProtocolError


def total(x):
    return x.sum()


@pytest.fixture(scope="module")
def pool():
    with beringia.Pool(workers=1) as pool:
        yield pool


def job():
    return Job(
        program=Program(name="total", interpreter=sys.executable, paths=sys.path),
        shape=Shape(rows="one", keys=0),
        options=NumpyOptions(arguments=[Argument(name="x", keyword=False, missing="nan", column=0)]),
    )


def run(pool, spec):
    output = pa.schema([("sum", pa.float64())])
    stream = pool.native.run(
        json.dumps(spec),
        _function.dump(total),
        pa.table({"x": [1.0, 2.0]}),
        output,
        keys=[],
        columns=[0],
        unit="group",
        window=None,
        order_by=[],
        batch_bytes=None,
        progress=None,
        log_level=30,
    )
    return pa.RecordBatchReader.from_stream(stream).read_all().to_pydict()


def test_what_a_front_does_not_know_is_left_out():
    spec = Job(program=Program(name="f"), options=NumpyOptions(arguments=[])).spec()
    assert spec == {
        "program": {
            "name": "f",
            "function": "pickle",
            "pythonVersion": f"{sys.version_info.major}.{sys.version_info.minor}",
            "convention": "numpy",
        },
        "shape": {"mapping": "readOnly"},
        "policy": {"onError": "raise"},
        "options": {"arguments": [], "arrays": [], "nanAsNull": False},
    }


def test_all_that_a_front_says_is_known_to_the_core(pool):
    assert run(pool, job().spec()) == {"sum": [3.0]}
    full = Job(
        program=job().program,
        shape=Shape(rows="one", keys=0, keep=[], mapping="private"),
        policy=Policy(on_error="null", timeout=60.0),
        options=job().options,
    )
    assert run(pool, full.spec()) == {"sum": [3.0]}


@pytest.mark.parametrize("part", [(), ("program",), ("shape",), ("policy",)])
def test_a_field_that_the_core_does_not_know_is_refused(pool, part):
    spec = job().spec()
    where = spec
    for name in part:
        where = where[name]
    where["colour"] = "blue"
    with pytest.raises(ArgumentError, match="the job's specification: unknown field `colour`"):
        run(pool, spec)


def test_an_option_that_the_convention_does_not_know_is_refused_and_names_it(pool):
    spec = job().spec()
    spec["options"]["colour"] = "blue"
    with pytest.raises(ProtocolError, match="the options of the job: unknown field `colour`"):
        run(pool, spec)


def test_a_convention_that_the_worker_does_not_know_is_refused_and_named(pool):
    spec = job().spec()
    spec["program"]["convention"] = "semaphore"
    with pytest.raises(ProtocolError, match="'total' is to be called as 'semaphore', which this worker does not know"):
        run(pool, spec)
