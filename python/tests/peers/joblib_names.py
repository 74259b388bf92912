"""A plugin for pytest: joblib's own ``test_parallel.py`` under our name, which `make test-executors` runs.

The backend is registered before the tests are collected, and those that get it are run.
"""

from __future__ import annotations

import pytest

import beringia.joblib

_UNKNOWN = "a worker of joblib's own has imported nothing of ours: the name is not known there"

DIFFERENT = {
    "test_nested_loop[loky-beringia]": _UNKNOWN,
    "test_nested_loop[back_compat_backend-beringia]": _UNKNOWN,
}
"""Tests that must fail, and why that is wanted."""


def pytest_collection_modifyitems(config, items):
    ours, others = [], []
    for item in items:
        (ours if _is_ours(item) else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = ours
    for item in items:
        why = DIFFERENT.get(item.name, DIFFERENT.get(item.originalname))
        if why is not None:
            item.add_marker(pytest.mark.xfail(reason=why, strict=True))


def _is_ours(item):
    """Tell whether a test gets our backend, and not the one that needs a session of Spark."""
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    ours = any(value == "beringia" or type(value) is beringia.joblib.BeringiaBackend for value in values)
    return ours and "beringia-spark" not in values
