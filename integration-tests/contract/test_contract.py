"""Every case of the contract on every front that runs in this process."""

from __future__ import annotations

import importlib.util

import pytest

import beringia
from contract.case import check
from contract.cases import CASES
from contract.front_local import Local

# The fronts of Spark, where that is installed.
SPARK = ["pyspark", "scala"] if importlib.util.find_spec("pyspark") else []


@pytest.fixture(scope="module")
def fronts(request):
    """Each front, made when its first case runs."""
    made = {}

    def front(name):
        if name not in made:
            if name == "local":
                pool = beringia.Pool(workers=2)
                request.addfinalizer(pool.close)
                made[name] = Local(pool)
            else:
                from contract.front_pyspark import PySpark
                from contract.front_scala import Scala

                kind = {"pyspark": PySpark, "scala": Scala}[name]
                made[name] = kind(request.getfixturevalue("small_jobs"))
        return made[name]

    return front


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("front", ["local", *SPARK])
def test_the_contract(fronts, front, case):
    check(fronts(front), case)


def test_names_are_unique():
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)
