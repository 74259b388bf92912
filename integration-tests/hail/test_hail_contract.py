"""Every case of the contract on Hail."""

import pytest

from contract.case import check
from contract.cases import CASES


@pytest.fixture(scope="module")
def front(numpy_map):
    from contract.front_hail import Hail

    return Hail()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_contract(front, case):
    check(front, case)
