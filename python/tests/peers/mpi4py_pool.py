"""mpi4py's own tests of its ``util.pool``, on our pool: `make test-executors`, which fetches them.

``MPI4PY_SOURCE`` is a tree of mpi4py's source. Its module of tests is read as it is, and finds in place of mpi4py,
which wants an MPI, what says that there is none.
"""

from __future__ import annotations

import importlib.util
import multiprocessing.pool
import os
import sys
import types
import unittest
from pathlib import Path

import cloudpickle
from peers.deviations import expected_to_fail

import beringia

_EXTENSION = "istarmap is mpi4py's own, which multiprocessing has not"

DIFFERENT = {
    "test_istarmap": _EXTENSION,
    "test_istarmap_unordered": _EXTENSION,
    "test_empty_iterable": _EXTENSION,
    "test_apply_async_timeout": "a result that takes too long is multiprocessing's TimeoutError, not the built-in one",
    "test_terminate": "a result that will not come is a CancelledError, not a TimeoutError",
    "test_unsupported_args": "an argument that is not known is an error, not a warning",
}
"""Tests that must fail, and why that is wanted."""


def _stand_in(name: str, **values: object) -> types.ModuleType:
    module = sys.modules[name] = types.ModuleType(name)
    vars(module).update(values)
    return module


_mpi = types.SimpleNamespace(
    get_vendor=lambda: ("none", (0, 0, 0)),
    COMM_WORLD=types.SimpleNamespace(Get_size=lambda: 1),
)
_pool = _stand_in("mpi4py.util.pool", Pool=beringia.Pool, ThreadPool=multiprocessing.pool.ThreadPool)
_stand_in("mpi4py", MPI=_mpi, util=_stand_in("mpi4py.util", pool=_pool))
_stand_in("mpitestutil", github=lambda: False, disable_mpi_spawn=lambda: True)
_tests = Path(os.environ["MPI4PY_SOURCE"], "test")
_spec = importlib.util.spec_from_file_location("mpi4py_test_util_pool", _tests / "test_util_pool.py")
assert _spec is not None and _spec.loader is not None
_theirs = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_theirs)
cloudpickle.register_pickle_by_value(_theirs)  # workers have no such module


class TestPool(_theirs.BaseTestPool, unittest.TestCase):
    PoolType = beringia.Pool


for _name, _why in DIFFERENT.items():
    setattr(TestPool, _name, expected_to_fail(getattr(TestPool, _name), _why))
