"""The table of types against Hail: what is seen, what comes back, what messages say. One job for all columns."""

import pytest
import type_table
from type_table import first, seen

from beringia.errors import GroupError

TYPES = [row for row in type_table.rows() if row.hail]
NAMES = [f"c{number}" for number in range(len(TYPES))]
ARE_KEYS = [name for name, row in zip(NAMES, TYPES, strict=True) if row.key]


@pytest.fixture(scope="module")
def types(hl):
    return hl.tstruct(**{name: hl.dtype(row.hail) for name, row in zip(NAMES, TYPES, strict=True)})


@pytest.fixture(scope="module")
def one(hl, types):
    """One row, with a field of each type."""
    values = {name: row.array().to_pylist()[0] for name, row in zip(NAMES, TYPES, strict=True)}
    return hl.Table.parallelize([values], types).annotate(g=0)


def test_arguments_are_seen_as_the_table_says(hl, numpy_map, one):
    result = numpy_map(
        lambda *columns: ([*map(seen, columns)],),
        one.g,
        hl.tstruct(seen=hl.tarray(hl.tstr)),
        args=[one[name] for name in NAMES],
    )
    assert result.seen.collect() == [[row.argument for row in TYPES]]


def test_what_is_passed_once_is_seen_as_a_key_is(hl, numpy_map, one):
    rows = [row for row in TYPES if row.key]
    result = numpy_map(
        lambda *values: ([*map(seen, values)],),
        one.g,
        hl.tstruct(seen=hl.tarray(hl.tstr)),
        args=[hl.literal(row.array().to_pylist()[0], hl.dtype(row.hail)) for row in rows],
    )
    assert result.seen.collect() == [[row.key for row in rows]]


def test_keys_are_seen_as_the_table_says_and_written_as_hail_does(hl, numpy_map, one):
    keys = [one[name] for name in ARE_KEYS]
    result = numpy_map(lambda *columns: ([*map(seen, columns)],), keys, hl.tstruct(seen=hl.tarray(hl.tstr)), args=keys)
    assert result.seen.collect() == [[row.key for row in TYPES if row.key]]
    with pytest.raises(GroupError) as caught:
        numpy_map(lambda *columns: 1 / 0, keys, hl.tstruct(y=hl.tint32), args=keys).collect()
    texts = [row.hail_text or row.text for row in TYPES if row.key]
    assert caught.value.group == ", ".join(f"{name}={text}" for name, text in zip(ARE_KEYS, texts, strict=True))


def test_what_was_seen_comes_back_as_it_was(hl, numpy_map, one, types):
    result = numpy_map(
        lambda *columns: tuple(map(first, columns)),
        one.g,
        types,
        args=[one[name] for name in NAMES],
    )
    result = result.key_by().drop("g")
    assert result.row.dtype == types
    assert result.collect() == one.drop("g").collect()


def test_misfits_call_types_as_hail_does(hl, numpy_map, types):
    """Group `i` returns what does not fit field `i`."""
    count = len(TYPES)

    def misfit(idx):
        return tuple(object() if i == idx else None for i in range(count))

    ht = hl.utils.range_table(count)
    result = numpy_map(misfit, ht.idx, types, args=dict(idx=ht.idx), on_error="column")
    for index, error in zip(result.idx.collect(), result.error.collect(), strict=True):
        assert f"field '{NAMES[index]}': expected {TYPES[index].hail}, got <object object" in error
