"""Constants: what every call gets by name, shared where they are arrays."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest

from beringia.spark import numpy_map


@pytest.fixture(scope="module")
def df(spark):
    return spark.createDataFrame([(g, float(t)) for g in range(3) for t in range(4)], "g int, x double").cache()


def test_arrays_arrive_as_they_are_and_read_only(df):
    consts = {
        "ints": np.arange(6, dtype="i2").reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "strided": np.arange(10.0)[::2],
        "flags": np.array([True, False]),
        "phases": np.array([1j, 2.0], dtype="c16"),
        "days": np.array(["2024-01-01", "NaT"], dtype="M8[D]"),
        "scalar": np.array(4.5),
    }

    def see(x, **consts):
        return [f"{n} {v.dtype} {v.shape} {v.tolist()} {v.flags.writeable}" for n, v in sorted(consts.items())]

    rows = numpy_map(see, df.groupBy("g"), "seen array<string>", consts=consts).collect()
    expected = [f"{n} {v.dtype} {v.shape} {v.tolist()} False" for n, v in sorted(consts.items())]
    assert [row.seen for row in rows] == [expected] * 3


def test_a_fortran_array_keeps_its_order(df):
    m = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    result = numpy_map(
        lambda x, m: (m.flags.f_contiguous, m), df.groupBy("g"), "f boolean, m array<array<double>>", consts={"m": m}
    )
    assert {(row.f, repr(row.m)) for row in result.collect()} == {(True, repr(m.tolist()))}


def test_anything_else_travels_with_the_function(df):
    consts = {
        "scale": 2,
        "names": {"a": [1]},
        "day": datetime.date(2024, 1, 1),
        "texts": np.array(["a", "b"]),
        "objects": np.array([None, {}], dtype=object),
        "empty": np.zeros((0, 3)),
        "masked": np.ma.array([1.0, 2.0], mask=[True, False]),
        "swapped": np.arange(3, dtype=">i4"),
        "weights": np.ones(4),
    }

    def see(x, scale, names, day, texts, objects, empty, masked, swapped, weights):
        assert (names, day, objects.tolist(), empty.shape) == (
            {"a": [1]},
            datetime.date(2024, 1, 1),
            [None, {}],
            (0, 3),
        )
        return (x * weights).sum() * scale, masked.count(), texts[1], swapped.dtype.str

    rows = numpy_map(see, df.groupBy("g"), "y double, n int, t string, d string", consts=consts).collect()
    assert {tuple(row)[1:] for row in rows} == {(12.0, 1, "b", ">i4")}


def test_a_large_array_is_one_copy_for_all_workers(spark):
    table = np.arange(8_000_000, dtype=float)

    def see(x, table):
        # A private copy would count as the process's own memory.
        own = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
        return table[x.astype(int)].sum(), int(own.split()[1])

    df = spark.range(0, 8_000_000, 1000).selectExpr("id div 1000 % 8 as g", "cast(id as double) as x").repartition(8)
    rows = numpy_map(see, df.groupBy("g"), "y double, kilobytes long", consts={"table": table}).collect()
    assert sum(row.y for row in rows) == float(np.arange(0, 8_000_000, 1000).sum())
    assert len(rows) == 8
    assert max(row.kilobytes for row in rows) < table.nbytes / 1024


def test_equal_constants_make_equal_plans(df):
    def f(x, w):
        return (x * w).sum()

    def sums(w):
        return numpy_map(f, df.groupBy("g"), "y double", consts={"w": w})

    cached = sums(np.arange(4.0)).cache()
    assert sums(np.arange(4.0)).storageLevel == cached.storageLevel
    assert not sums(np.ones(4)).storageLevel.useMemory
    cached.unpersist()
