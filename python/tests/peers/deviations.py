"""Tests of others that must fail on ours, each with the reason why that is wanted."""

from __future__ import annotations

import functools

import pytest


def expected_to_fail(method, why):
    """Return a test that fails when `method` passes."""

    @pytest.mark.xfail(reason=why, strict=True)
    @functools.wraps(method)
    def run(self):
        method(self)

    return run
