"""NumPy's primitives on all cores: NumPy's results, types and errors, whoever does the parts."""

from __future__ import annotations

import functools
import operator
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import beringia
from beringia import arrays
from beringia.arrays import parts
from beringia.errors import ArgumentError, ResultError

EXACT = [np.add, np.maximum, np.minimum, np.bitwise_xor, np.logical_or, np.logical_and, np.multiply, np.fmax, np.gcd]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Parts of a few items, or every array of a test would be one."""
    monkeypatch.setattr(parts, "SMALL", 2)
    monkeypatch.setattr(parts, "PART", 24)
    monkeypatch.setattr(parts, "BLOCK", 7)
    monkeypatch.setattr(parts, "cores", lambda: 3)


@pytest.fixture(scope="module")
def workers():
    with beringia.Executor(2) as executor:
        yield executor


def pid(part):
    return np.full(len(part), os.getpid())


def same(ours, numpys):
    """Not only equal: of the same type, NumPy's scalars included."""
    assert type(ours) is type(numpys)
    assert ours.dtype == numpys.dtype and ours.shape == numpys.shape
    np.testing.assert_array_equal(ours, numpys)


def outcome(call):
    """What came of a call: its result, or the class and text of its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except Exception as error:
            return type(error), str(error)


def agree(ours, numpys):
    ours, numpys = outcome(ours), outcome(numpys)
    if isinstance(numpys, tuple):
        assert isinstance(ours, tuple) and issubclass(ours[0], numpys[0]), (ours, numpys)
    else:
        same(ours, numpys)


KINDS = st.sampled_from(["i1", "i4", "u8", "?", "i8", ">i2", "m8[s]", "M8[D]", "f8"])


@st.composite
def any_array(draw, dims=3):
    kind = draw(KINDS)
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=dims, min_side=0, max_side=40))
    # Whole numbers, whose sums are exact.
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(-3 if kind[0] in "iIfm>" else 0, 4, shape)
    array = values.astype(kind)
    layout = draw(st.sampled_from(["C", "F", "strided", "turned"]))
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "strided":
        return array[::2]
    return array[::-1].T if layout == "turned" else array


@settings(max_examples=150, deadline=None)
@given(x=any_array(), ufunc=st.sampled_from(EXACT), data=st.data())
def test_reduce_is_numpys(x, ufunc, data):
    axes = st.one_of(st.none(), st.integers(-x.ndim - 1, x.ndim), st.just((0, -1)))
    options = {"axis": data.draw(axes), "keepdims": data.draw(st.booleans())}
    options |= data.draw(st.sampled_from([{}, {"dtype": "i8"}, {"dtype": "f8"}, {"initial": 1}]))
    agree(lambda: arrays.reduce(ufunc, x, **options), lambda: ufunc.reduce(x, **options))


@settings(max_examples=150, deadline=None)
@given(x=any_array(), ufunc=st.sampled_from(EXACT), data=st.data())
def test_accumulate_is_numpys(x, ufunc, data):
    axis = data.draw(st.integers(-x.ndim - 1, x.ndim))
    dtype = data.draw(st.sampled_from([None, None, "i8", "f8"]))
    out = data.draw(st.sampled_from([None, None, "f8", "own", "other"]))

    def with_out(function):
        target = x.copy() if out == "own" else np.zeros(x.shape, out) if out == "f8" else None
        return function(np.zeros((*x.shape, 2)) if out == "other" else target)

    agree(
        lambda: with_out(lambda target: arrays.accumulate(ufunc, x, axis, dtype=dtype, out=target)),
        lambda: with_out(lambda target: ufunc.accumulate(x, axis, dtype, target)),
    )


@settings(max_examples=150, deadline=None)
@given(x=any_array(), data=st.data())
def test_compress_is_numpys(x, data):
    axis = data.draw(st.one_of(st.none(), st.integers(-x.ndim - 1, x.ndim)))
    length = data.draw(st.integers(0, 45))
    mask = np.random.default_rng(length).random(length) < data.draw(st.sampled_from([0.0, 0.5, 1.0]))
    mask = data.draw(st.sampled_from([mask, mask.astype(int), list(mask), mask[:, None]]))
    agree(lambda: arrays.compress(mask, x, axis), lambda: np.compress(mask, x, axis))


@settings(max_examples=100, deadline=None)
@given(x=any_array(), y=any_array(), ufunc=st.sampled_from([np.add, np.multiply, np.less, np.copysign, np.divmod]))
def test_map_of_a_ufunc_is_numpys(x, y, ufunc):
    for other in (y, x, x[:1], 2, 2.5):
        ours, numpys = outcome(lambda: arrays.map(ufunc, x, other)), outcome(lambda: ufunc(x, other))  # noqa: B023
        if isinstance(numpys, tuple) and isinstance(numpys[0], type):
            assert ours[0] is numpys[0]
        else:
            for mine, theirs in zip(np.atleast_1d(ours), np.atleast_1d(numpys), strict=True):
                same(mine, theirs)


@pytest.mark.parametrize("kind", ["?", "i1", "u4", "f4", "f8", "c16", "m8[s]"])
@pytest.mark.parametrize("shape", [(0,), (5,), (20_000,), (20, 30)])
def test_inner_is_numpys(kind, shape):
    x, y = np.random.default_rng(0).integers(0, 2, (2, *shape)).astype(kind)
    agree(lambda: arrays.inner(x, y), lambda: np.inner(x, y))
    agree(lambda: arrays.inner(x, y[:-1]), lambda: np.inner(x, y[:-1]))
    agree(lambda: arrays.inner(x[::2], y[::-2]), lambda: np.inner(x[::2], y[::-2]))


def test_sums_of_floats_are_numpys_but_for_rounding_and_those_of_one_thread(monkeypatch):
    x = np.random.default_rng(0).lognormal(size=10_000)

    def results(count):
        with ThreadPoolExecutor(count) as executor:
            return (
                arrays.reduce(np.add, x, executor=executor),
                *arrays.accumulate(np.add, x, executor=executor),
            )

    one = results(1)
    assert one == results(2) == results(5)
    np.testing.assert_allclose(one, (x.sum(), *np.cumsum(x)), rtol=1e-12)
    assert (np.diff(one[1:]) >= 0).all()  # as a table of weights is searched


OUT_OF_RANGE = {
    "a product that is 0 from the start": (np.multiply, [0.0] + [1e100] * 30),
    "one that is beyond the type, and comes back in its parts": (np.multiply, [1e100] * 30 + [1e-100] * 30),
    "one that is too small in a part only": (np.multiply, [1e300] + [1.0] * 30 + [1e-90] * 4 + [1e80] * 4 + [1.0] * 30),
    "complex ones": (np.multiply, [0j] + [1e100 + 1e100j] * 30),
    "sums that are beyond the type in a part only": (np.add, [-1.7e308] + [0.0] * 27 + [6e307] * 4 + [0.0] * 30),
    "sums that are infinite": (np.add, [1.0] * 30 + [np.inf] + [1.0] * 30 + [-np.inf] + [1.0] * 30),
}


@pytest.mark.parametrize("by", ["threads", "workers"])
@pytest.mark.parametrize("case", OUT_OF_RANGE)
def test_what_leaves_the_range_of_its_type_is_as_with_numpy(case, by, workers):
    ufunc, values = OUT_OF_RANGE[case]
    x = np.array(values)
    executor = workers if by == "workers" else None
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(arrays.reduce(ufunc, x, executor=executor), ufunc.reduce(x), rtol=1e-12)
        expected = ufunc.accumulate(x)
        np.testing.assert_allclose(arrays.accumulate(ufunc, x, executor=executor), expected, rtol=1e-12)
        if by == "threads":
            np.testing.assert_allclose(arrays.accumulate(ufunc, x, out=x), expected, rtol=1e-12)


def test_running_sums_of_a_small_type_that_only_a_block_leaves():
    x = np.array([-60_000] * 2 + [20_000] * 5 + [10_000] * 7, np.float16)  # blocks are of 7
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(arrays.accumulate(np.add, x), np.add.accumulate(x))


def test_arguments_are_taken_as_numpy_takes_them():
    x, cube = np.arange(100.0), np.ones((10, 10, 10))
    agree(lambda: arrays.accumulate(np.add, x, axis=None), lambda: np.add.accumulate(x, axis=None))
    agree(
        lambda: arrays.accumulate(np.add, x, out=(np.empty(100),)), lambda: np.add.accumulate(x, out=(np.empty(100),))
    )
    for axis in (True, None, "a", 1.5):
        agree(lambda axis=axis: arrays.accumulate(np.add, cube, axis), lambda axis=axis: np.add.accumulate(cube, axis))
    agree(lambda: arrays.accumulate(np.add, cube, np.int64(1)), lambda: np.add.accumulate(cube, np.int64(1)))
    for axis in ("a", 1.5, (0, "a")):
        agree(lambda axis=axis: arrays.reduce(np.add, cube, axis), lambda axis=axis: np.add.reduce(cube, axis))


def test_bytes_stay_in_the_order_that_they_have():
    x = np.arange(100, dtype=">i4")
    same(arrays.map(lambda part: part[:, None], x), x[:, None])


def test_who_does_it_is_an_executor():
    with pytest.raises(ArgumentError, match="executor is an Executor or a Pool, got 'threads'"):
        arrays.reduce(np.add, np.ones(100), executor="threads")


def test_it_goes_on_threads_of_this_process_and_as_many_as_are_allowed(monkeypatch):
    seen = set()
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda self: (seen.add(self.name), start(self))[1])
    x = np.ones(10_000)
    assert arrays.reduce(np.add, x) == 10_000
    assert len(seen) == 3 and all(name.startswith("beringia-arrays") for name in seen)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    seen.clear()
    assert arrays.accumulate(np.add, x)[-1] == 10_000
    assert not seen


def test_errors_of_floats_are_as_this_thread_has_them():
    x = np.array([1e308] * 2000)
    for primitive in (arrays.reduce, arrays.accumulate):
        with pytest.warns(RuntimeWarning, match="overflow"):
            primitive(np.add, x)
        with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
            primitive(np.add, x)
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        arrays.map(np.sqrt, -x)


def test_memmaps_and_shared_arrays_are_arrays(tmp_path, workers):
    x = np.arange(5000.0)
    path = tmp_path / "x"
    x.tofile(path)
    for array in (np.memmap(path, "f8", "r"), beringia.share(x)):
        same(arrays.reduce(np.add, array), np.add.reduce(x))
        same(arrays.accumulate(np.add, array), np.cumsum(x))
        same(arrays.compress(x % 2 == 0, array), x[::2])
        same(arrays.map(np.negative, array), -x)
        same(arrays.inner(array, array), np.inner(x, x))
        same(arrays.map(lambda part: part * 2, array, executor=workers), x * 2)


# Plain functions.


def test_plain_functions_are_calls_of_workers(workers):
    x = np.arange(1000.0)
    assert os.getpid() not in arrays.map(pid, x, executor=workers)

    def moments(part):
        return np.array([len(part), part.sum(), (part**2).sum()])

    found = arrays.reduce(moments, x, combine=operator.add, executor=workers)
    np.testing.assert_allclose(found, moments(x))
    same(arrays.accumulate(np.cumsum, x, combine=np.add, executor=workers), np.cumsum(x))


@pytest.mark.parametrize("length", [1, 2, 3, 7, 100])
def test_what_came_before_is_put_before(workers, length):
    """Of words, which nothing but their order puts together."""
    x = np.array([f"{n}," for n in range(length)], object)

    def run(part):
        return np.array(list(map("".join, (part[: n + 1] for n in range(len(part))))), object)

    np.testing.assert_array_equal(arrays.accumulate(run, x, combine=operator.add, executor=workers), run(x))
    joined = arrays.reduce(lambda part: "".join(part), x, combine=operator.add, executor=workers)
    assert joined == "".join(x)


def test_arguments_are_divided_as_numpy_broadcasts_them(workers):
    x, row, column = np.arange(60.0).reshape(20, 3), np.arange(3.0), np.arange(20.0)[:, None]
    same(arrays.map(lambda x, y, z, n: x * y + z + n, x, row, column, 2, executor=workers), x * row + column + 2)
    with pytest.raises(ValueError, match="broadcast"):
        arrays.map(operator.add, x, np.arange(4.0), executor=workers)


@pytest.mark.parametrize("kind", ["threads", "workers", "processes"])
def test_who_does_it_can_be_said(workers, kind):
    x = np.arange(500)
    made = {"threads": ThreadPoolExecutor, "processes": ProcessPoolExecutor}.get(kind)
    executor = made(2) if made else workers
    try:
        same(arrays.map(np.sqrt, x, executor=executor), np.sqrt(x))
        same(arrays.reduce(np.add, x, executor=executor), np.add.reduce(x))
        same(arrays.accumulate(np.add, x, executor=executor), np.cumsum(x))
        same(arrays.accumulate(np.add, x.reshape(5, -1), 1, executor=executor), np.cumsum(x.reshape(5, -1), 1))
        same(arrays.inner(x, x, executor=executor), np.inner(x, x))
        same(arrays.map(np.abs, x, executor=executor), x)
        assert arrays.reduce(functools.partial(np.add.reduce), x, combine=np.add, executor=executor) == x.sum()
    finally:
        if made:
            executor.shutdown()


def test_a_pool_is_one_who_does_it():
    with beringia.Pool(2) as pool:
        same(arrays.map(np.sqrt, np.arange(9.0), executor=pool), np.sqrt(np.arange(9.0)))


def test_empty_arrays():
    empty = np.empty((0, 3))
    assert arrays.reduce(len, empty, combine=operator.add, identity=0) == 0
    with pytest.raises(ValueError, match=r"zero-size array to reduction operation len .* give identity="):
        arrays.reduce(len, empty, combine=operator.add)
    same(arrays.map(np.abs, empty), empty)
    same(arrays.map(lambda part: part * 2, empty), empty)
    same(arrays.accumulate(np.cumsum, np.empty(0), combine=np.add), np.empty(0))


def test_objects_are_numpys_alone():
    x = np.array([2**70, 3, 5] * 50, object)
    total = np.frompyfunc(lambda a, b: a + b, 2, 1)
    assert arrays.reduce(np.add, x) == arrays.reduce(total, x) == sum(x)
    assert list(arrays.accumulate(total, np.arange(100))) == list(np.cumsum(np.arange(100)))
    assert list(arrays.map(np.frompyfunc(hex, 1, 1), np.arange(100))) == list(map(hex, range(100)))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: arrays.reduce(np.subtract, x), r"np\.subtract is not associative.*np\.subtract\.reduce"),
        (lambda x: arrays.accumulate(np.divide, x), r"np\.divide is not associative"),
        (lambda x: arrays.reduce(np.negative, x), "two arguments"),
        (lambda x: arrays.reduce(len, x), "'len' is called with parts.*combine="),
        (lambda x: arrays.reduce(np.add, x, combine=np.add), "combine is for plain functions"),
        (lambda x: arrays.reduce(len, x, 1, dtype="f8", combine=max), "axis and dtype are for ufuncs"),
        (lambda x: arrays.reduce(3, x), "a ufunc or a function, got int"),
        (lambda x: arrays.map(np.matmul, x, x), "signature"),
        (lambda x: arrays.reduce(np.add, np.ma.masked_equal(x, 0)), "MaskedArray"),
    ],
)
def test_what_cannot_be_put_together_is_refused(call, says):
    with pytest.raises(ArgumentError, match=says):
        call(np.arange(100.0))


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (np.sum, r"'sum' got a part of \d+ rows, and must return an array of as many; its result has shape \(\)"),
        (lambda part: part[1:], r"must return an array of as many"),
        (lambda part: part if part[0] else part.astype("f4"), "several types, float32, float64"),
    ],
)
def test_results_that_do_not_fit_are_errors(workers, f, says):
    with pytest.raises(ResultError, match=says):
        arrays.map(f, np.arange(100.0), executor=workers)


def test_an_error_of_a_part_is_itself(workers):
    with pytest.raises(ZeroDivisionError):
        arrays.map(lambda part: part // (1 // int(part[0] < 0)), np.arange(100), executor=workers)
    with pytest.raises(ZeroDivisionError):
        arrays.reduce(lambda part: 1 // int(part[0]), np.arange(100), combine=max, executor=workers)


def test_a_ufunc_wants_no_worker():
    """Nor what they need."""
    program = "import sys, numpy as np, beringia; beringia.arrays.reduce(np.add, np.ones(10**6)); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert not {"cloudpickle", "joblib", "dask", "pyarrow"} & {*loaded}
