"""joblib on our workers: what Parallel promises, and what becomes of a worker that dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import joblib
import numpy as np
import pytest

import beringia.joblib  # registers
from beringia.errors import WorkerDiedError


def pid(_=None):
    return os.getpid()


def parallel(**options):
    return joblib.Parallel(n_jobs=2, backend="beringia", **options)


def test_results_come_in_order_from_other_processes():
    with joblib.parallel_config("beringia", n_jobs=2):
        assert joblib.Parallel()(joblib.delayed(lambda x: x * x)(x) for x in range(200)) == [x * x for x in range(200)]
        assert os.getpid() not in joblib.Parallel()(joblib.delayed(pid)(x) for x in range(4))


def test_the_workers_of_one_call_are_those_of_the_next():
    first, second = ({*parallel()(joblib.delayed(pid)(x) for x in range(20))} for _ in range(2))
    assert len(first | second) <= 2


def scaled(x):
    x *= 2
    return x.sum()


STRIDES = {
    "as it is": lambda x: x,
    "every other": lambda x: np.repeat(x, 2)[::2],
    "of times": lambda x: x.view("m8[s]"),
}


@pytest.mark.parametrize("strides", STRIDES)
def test_large_arrays_are_read_only_as_with_loky(strides):
    data = STRIDES[strides](np.ones(200_000))
    for backend in ("beringia", "loky"):
        with pytest.raises(ValueError, match="read-only"):
            joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(scaled)(data) for _ in range(2))


def test_arrays_can_be_written_to_as_large_as_was_said():
    for backend in ("beringia", "loky"):
        with joblib.parallel_config(backend, n_jobs=2):
            assert joblib.Parallel()(joblib.delayed(scaled)(np.ones(100_000)) for _ in range(3)) == [200_000] * 3
            writable = joblib.Parallel(max_nbytes="10M")(joblib.delayed(scaled)(np.ones(200_000)) for _ in range(3))
            assert writable == [400_000] * 3
            with pytest.raises(ValueError, match="read-only"):
                joblib.Parallel(max_nbytes=100)(joblib.delayed(scaled)(np.ones(100)) for _ in range(3))


@pytest.mark.parametrize("mode", ["c", None])
def test_a_call_may_write_to_arrays_of_its_own_and_nobody_else_sees_it(mode):
    data = np.ones(1_000_000)
    assert parallel(mmap_mode=mode)(joblib.delayed(scaled)(data) for _ in range(3)) == [2_000_000] * 3
    assert data.sum() == 1_000_000


@pytest.mark.parametrize("mode", ["w+", "r+"])
def test_calls_write_their_results_to_a_file_that_is_mapped(tmp_path, mode):
    def fill(out, i):
        out[i] = i + 1

    np.save(tmp_path / "out.npy", np.zeros(1 << 20))
    if mode == "w+":
        out = np.lib.format.open_memmap(tmp_path / "out.npy", mode, "f8", (1 << 20,))
    else:
        out = np.load(tmp_path / "out.npy", mmap_mode=mode)
    parallel()(joblib.delayed(fill)(out, i) for i in range(4))
    assert out[:5].tolist() == np.load(tmp_path / "out.npy")[:5].tolist() == [1, 2, 3, 4, 0]


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x,
        lambda x: x.T,
        lambda x: x[3:],
        lambda x: x[5:2:-1, ::-2],
        lambda x: np.asarray(x)[:, 1:3].T,
        lambda x: x[2, 3:4],
        lambda x: x[7:],  # empty
        lambda x: x.reshape(3, 2, 8)[1:, 1],
    ],
)
def test_views_of_a_mapped_file_are_views_of_it_in_calls(tmp_path, view):
    x = np.memmap(tmp_path / "x", np.int32, "w+", 40, (6, 8))
    x[...] = np.arange(48).reshape(6, 8)

    def negate(values):
        before = values.tolist()
        values *= -1
        return before, type(values).__name__

    here = view(x).tolist()
    [(before, _)] = parallel()(joblib.delayed(negate)(view(x)) for _ in range(1))
    assert before == here
    assert view(x).tolist() == (-np.array(here)).tolist()


def test_a_file_that_is_mapped_to_be_read_is_only_read_and_a_private_mapping_is_data(tmp_path):
    def write(values):
        values[0] = 9.0
        return values[1]

    np.save(tmp_path / "x.npy", np.arange(1e5))
    with pytest.raises(ValueError, match="read-only"):
        parallel()(joblib.delayed(write)(np.load(tmp_path / "x.npy", mmap_mode="r")) for _ in range(2))
    private = np.load(tmp_path / "x.npy", mmap_mode="c")
    private[1] = 5.0
    assert parallel()(joblib.delayed(write)(private) for _ in range(2)) == [5.0, 5.0]
    gone = np.memmap(tmp_path / "gone", "f8", "w+", shape=(10,))
    (tmp_path / "gone").unlink()
    gone[:] = 3.0
    assert parallel()(joblib.delayed(write)(gone) for _ in range(2)) == [3.0, 3.0]


def test_results_can_be_taken_as_they_come():
    taken = parallel(return_as="generator")(joblib.delayed(lambda x: x + 1)(x) for x in range(20))
    assert list(taken) == list(range(1, 21))
    taken = parallel(return_as="generator_unordered")(joblib.delayed(lambda x: x + 1)(x) for x in range(20))
    assert sorted(taken) == list(range(1, 21))


def test_calls_that_take_too_long_are_ended():
    with pytest.raises(multiprocessing.TimeoutError):
        parallel(timeout=0.5)(joblib.delayed(time.sleep)(60) for _ in range(2))
    assert parallel()(joblib.delayed(abs)(-x) for x in range(3)) == [0, 1, 2]


def test_an_error_is_itself_and_the_next_call_works():
    with pytest.raises(ZeroDivisionError):
        parallel()(joblib.delayed(divmod)(1, x) for x in (1, 0, 2))
    with pytest.raises(WorkerDiedError, match="SIGKILL"):
        parallel()(joblib.delayed(lambda: os.kill(os.getpid(), signal.SIGKILL))() for _ in range(1))
    assert parallel()(joblib.delayed(abs)(-x) for x in range(3)) == [0, 1, 2]


@pytest.mark.parametrize("backend", [None, "beringia", "threading"])
def test_calls_within_calls(backend):
    def inner(x):
        return sum(joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(abs)(-y) for y in range(x)))

    assert parallel()(joblib.delayed(inner)(x) for x in range(6)) == [0, 0, 1, 3, 6, 10]


def test_libraries_have_the_threads_that_were_asked_for():
    with joblib.parallel_config("beringia", n_jobs=2, inner_max_num_threads=3):
        told = joblib.Parallel()(joblib.delayed(os.getenv)("OMP_NUM_THREADS") for _ in range(2))
    assert told == ["3", "3"]
    told = joblib.Parallel(n_jobs=2, backend="beringia")(joblib.delayed(os.getenv)("OMP_NUM_THREADS") for _ in range(2))
    assert told == ["1", "1"]


def test_one_job_is_made_here():
    with joblib.parallel_config("beringia", n_jobs=1):
        assert joblib.Parallel()([joblib.delayed(pid)()]) == [os.getpid()]
    with pytest.raises(ValueError, match="n_jobs == 0"):
        joblib.Parallel(n_jobs=0, backend=beringia.joblib.BeringiaBackend())([])


def test_scikit_learn_finds_what_it_finds_with_loky():
    pytest.importorskip("sklearn")
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, cross_val_score

    x, y = make_classification(1000, 20, random_state=0)
    x.setflags(write=False)
    found = {}
    for backend in ("loky", "beringia"):
        with joblib.parallel_config(backend, n_jobs=2):
            scores = cross_val_score(LogisticRegression(), x, y, cv=4)
            search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0, 100.0]}, cv=3, return_train_score=True).fit(
                x, y
            )
        results = {
            name: values for name, values in search.cv_results_.items() if "time" not in name and name != "params"
        }
        found[backend] = scores, search.best_params_, search.best_estimator_.coef_, *results.values()
    for theirs, ours in zip(found["loky"], found["beringia"], strict=True):
        np.testing.assert_array_equal(ours, theirs)
