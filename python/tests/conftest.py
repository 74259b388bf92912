"""What tests of executors share."""

import pytest

import beringia


@pytest.fixture(scope="module")
def executor():
    with beringia.Executor(2) as executor:
        yield executor
