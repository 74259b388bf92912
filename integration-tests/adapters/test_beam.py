"""Beam's front, in an environment with Beam: `make test-adapters`."""

from __future__ import annotations

import os
import runpy
import signal

import numpy as np
import pytest

beam = pytest.importorskip("apache_beam")

from apache_beam.testing.util import assert_that, equal_to  # noqa: E402

import beringia.beam  # noqa: E402
from beringia.errors import ArgumentError  # noqa: E402


def run(check, elements, *args, **options):
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        results = pipeline | beam.Create(elements) | beringia.beam.MapBatches(*args, workers=2, **options)
        assert_that(results, check)


def test_elements_come_as_arrays_in_workers():
    parent = os.getpid()

    def f(x):
        assert os.getpid() != parent and isinstance(x, np.ndarray)
        return x * 2

    run(equal_to([2.0 * x for x in range(1000)]), [float(x) for x in range(1000)], f, np.float64, np.float64)


def test_elements_may_be_arrays_and_results_too():
    rows = [np.arange(3.0) + x for x in range(100)]

    def check(found):
        np.testing.assert_array_equal(sorted(found, key=lambda row: row[0]), [row[:2] for row in rows])

    run(check, rows, lambda x: x[:, :2], (np.float64, (3,)), (np.float64, (2,)))


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: x[:1], "expected .*float64.* of shape \\(5,\\)"),
        (lambda x: x.astype(complex), "complex128"),
        (lambda x: np.ma.masked_less(x, 2), "masked values"),
        (lambda x: 1 // int(x.sum() * 0), "integer division"),
        (lambda _: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
    ],
    ids=["length", "type", "mask", "raises", "dies"],
)
def test_what_goes_wrong_is_the_pipelines_error(f, says):
    with pytest.raises(Exception, match=says):
        run(equal_to([]), [1.0] * 5, f, np.float64, np.float64)


@pytest.mark.parametrize(
    ("value", "returns"),
    [
        (np.int64((1 << 40) + 5), np.int32),
        (np.int64((1 << 53) + 1), np.float64),
        (np.int64((1 << 24) + 1), np.complex64),
        (np.float64(1e300), np.float32),
        (np.complex128(1e300j), np.complex64),
    ],
)
def test_numbers_that_a_dtype_has_not_are_errors(value, returns):
    with pytest.raises(Exception, match=f"returned .*, which {np.dtype(returns)} of returns= does not have"):
        run(equal_to([]), [1.0] * 5, lambda x: np.full(len(x), value), np.float64, returns)


def test_numbers_that_a_dtype_has_are_cast():
    def check(found):
        assert [np.float32(x) for x in found] == [np.float32(0.1)] * 5

    run(check, [0.1] * 5, lambda x: x, np.float64, np.float32)

    def check_ones(found):
        assert list(found) == [1 + 0j] * 5

    run(check_ones, [1.0] * 5, lambda x: x.astype(int), np.float64, np.complex64)


def test_bad_numbers_are_refused():
    with pytest.raises(ArgumentError):
        beringia.beam.MapBatches(np.sqrt, np.float64, np.float64, timeout=-1)


def test_the_example(capfd):
    runpy.run_path("examples/beam_roots.py", run_name="__main__")
    assert "10,000 roots" in capfd.readouterr().out
