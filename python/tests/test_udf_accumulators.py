"""What functions add to accumulators of PySpark, as it goes back beside results."""

from __future__ import annotations

import io

import pytest
from pyspark import accumulators as of_pyspark
from pyspark.accumulators import INT_ACCUMULATOR_PARAM, pickleSer

from beringia.spark.udf.accumulators import Accumulators


@pytest.fixture(autouse=True)
def registry():
    of_pyspark._accumulatorRegistry.clear()
    yield of_pyspark._accumulatorRegistry
    of_pyspark._accumulatorRegistry.clear()


def unpickled(number):
    """An accumulator, as a worker has it that unpickles a function."""
    return of_pyspark._deserialize_accumulator(number, 0, INT_ACCUMULATOR_PARAM)


def read(said):
    """Who added, and what to each accumulator."""
    stream = io.BytesIO(said[8:])
    updates = []
    while stream.tell() < len(said) - 8:
        updates.append(pickleSer._read_with_length(stream))
    return said[:8], dict(updates)


def test_all_that_was_added_is_said_where_it_is_more(registry):
    one, other = unpickled(1), unpickled(2)
    ours = Accumulators()
    one += 3
    adder, added = read(ours.added())
    assert added == {1: 3, 2: 0}
    assert ours.added() == b""
    other += 4
    assert read(ours.added()) == (adder, {1: 3, 2: 4})


def test_without_accumulators_nothing_is_said(registry):
    assert Accumulators().added() == b""


def test_functions_that_take_turns_have_accumulators_of_their_own(registry):
    one = unpickled(1)
    first = Accumulators()
    registry.clear()
    other = unpickled(1)  # the same one in another node's function
    second = Accumulators()
    assert other is not one
    first.enter()
    one += 1
    unpickled(2).add(5)  # with a broadcast variable that holds it
    adder, added = read(first.added())
    assert added == {1: 1, 2: 5}
    second.enter()
    other += 7
    another, added = read(second.added())
    assert added == {1: 7}
    assert another != adder
    first.enter()
    one += 1
    assert read(first.added()) == (adder, {1: 2, 2: 5})
