"""Every case of the contract on Spark Connect."""

from __future__ import annotations

import pytest

from contract.case import check
from contract.cases import CASES
from contract.front_connect import Connect


@pytest.fixture(scope="module")
def front(spark):
    return Connect(spark)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_contract(front, case):
    check(front, case)
