"""Tables to DataFrames of Spark and back: schema, values and keys of Hail's own ways."""

import gc

import pandas as pd
import pytest

from beringia.errors import ArgumentError


@pytest.fixture(scope="module")
def mixed(hl):
    """What Hail's own to_spark takes."""
    ht = hl.utils.range_table(12, 3)
    n = ht.idx

    def but(i, x):
        return hl.or_missing(n != i, x)

    return ht.annotate(
        l=but(1, hl.int64(n)),
        f=but(2, hl.float32(n) / 7),
        d=but(3, n / 7),
        b=but(4, n % 2 == 0),
        s=but(5, "é" * n),
        doubles=but(6, hl.range(n).map(lambda x: hl.or_missing(x != 3, x / 7))),
        required=[1.5, 2.5],
        bools=hl.range(n).map(lambda x: hl.or_missing(x != 2, x % 2 == 0)),
        texts=[hl.str(n), hl.missing(hl.tstr), ""],
        ints=hl.range(n).map(lambda x: hl.or_missing(x != 2, x)),
        nested=[[n, 1], hl.missing(hl.tarray(hl.tint32))],
        structs=[hl.struct(u=n, v=but(7, "v")), hl.missing(hl.tstruct(u=hl.tint32, v=hl.tstr))],
        struct=but(8, hl.struct(x=but(9, n), y=hl.struct(z=[n]))),
        locus=hl.locus("1", n + 1),
        call=hl.call(0, n),
        dict=hl.dict({"a": n}),
        set=hl.set([n]),
        tuple=hl.tuple([n, "x"]),
    ).key_by("s")


@pytest.mark.parametrize("flatten", [True, False])
def test_to_spark_gives_what_hails_gives(bh, mixed, flatten):
    expected, found = mixed.to_spark(flatten), bh.to_spark(mixed, flatten)
    assert found.schema == expected.schema
    assert found.collect() == expected.collect()
    assert found.collect() == expected.collect()  # it can be computed again


@pytest.mark.parametrize("key", [[], "idx", ["b", "idx"]])
def test_from_spark_gives_what_hails_gives(bh, hl, mixed, key):
    frame = mixed.to_spark(flatten=False).cache()
    try:
        expected, found = hl.Table.from_spark(frame, key=key), bh.from_spark(frame, key=key)
        assert found.row.dtype == expected.row.dtype
        assert list(found.key) == list(expected.key)
        assert found.collect() == expected.collect()
        assert found._force_count() == 12
    finally:
        frame.unpersist()


@pytest.mark.parametrize("columns", [1, 7, 8, 9, 17])
def test_rows_with_and_without_missing_values(bh, hl, columns):
    """Whole rows go another way: however many bits say what is missing, and whichever is set."""
    ht = hl.utils.range_table(40, 2).key_by()
    kinds = [hl.float64, hl.int32, hl.int64, hl.float32, hl.str]
    fields = {f"x{i}": hl.or_missing(ht.idx != i, kinds[i % 5](ht.idx * 3 + i)) for i in range(columns)}
    ht = ht.select(**fields, required=ht.idx)
    frame = bh.to_spark(ht)
    assert frame.collect() == ht.to_spark().collect()
    # Not what Hail's own two ways give in one query: that has a row of another task now and then.
    assert bh.from_spark(frame).collect() == ht.collect()


def test_there_and_back_in_one_query(bh, hl, mixed):
    """Values of one task stay out of the rows of another."""
    big = hl.utils.range_table(20_000, 8)
    big = big.annotate(x=hl.range(5).map(lambda i: hl.float64(big.idx * 5 + i)), s=hl.str(big.idx))
    back = bh.from_spark(bh.to_spark(big), key="idx")
    assert back.aggregate(hl.agg.all((back.x[4] == back.idx * 5.0 + 4) & (back.s == hl.str(back.idx))))


def test_a_frame_of_data_that_came_in_never_reads_others(bh, hl):
    """It keeps its table. What is made of it does not: then their file is gone, and its name may be another one's."""
    frame = bh.to_spark(bh.from_pandas(pd.DataFrame({"x": [1, 2]})))
    gc.collect()
    assert [row.x for row in frame.collect()] == [1, 2]
    derived = frame.where("x > 1")
    del frame
    gc.collect()
    others = bh.from_pandas(pd.DataFrame({"x": [3, 4]}))
    with pytest.raises(Exception, match=r"the data that the table was made of are gone[\s\S]*Keep it"):
        derived.collect()
    assert others.x.collect() == [3, 4]


def test_rows_of_sparks_own_operators(bh, hl):
    spark = hl.utils.java.Env.spark_session()
    frame = spark.range(5).selectExpr("id", "array(id, null) as a", "named_struct('x', id, 'y', null + 1) as s")
    ours, hails = bh.from_spark(frame), hl.Table.from_spark(frame)
    assert ours.row.dtype == hails.row.dtype
    assert ours.collect() == hails.collect()
    assert bh.from_spark(frame.groupBy("id").count()).aggregate(hl.agg.count()) == 5


@pytest.mark.parametrize("key", [None, "id"])
def test_what_is_random_differs_by_row(bh, hl, key):
    ht = bh.from_spark(hl.utils.java.Env.spark_session().range(0, 1000, 1, 3), key=key)
    ht = ht.annotate(r=hl.rand_unif(0, 1))
    assert list(ht.row) == ["id", "r"]
    rows = ht.collect()
    assert [row.id for row in rows] == list(range(1000))
    assert len({row.r for row in rows}) == 1000
    assert all(0 <= row.r < 1 for row in rows)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("cast('a' as binary) as x", r"x has type binary, .*cast it to string"),
        ("array(current_timestamp()) as x", r"x\[\] has type timestamp, .*cast it to string"),
        ("named_struct('y', 1.5BD) as x", r"x.y has type decimal\(2,1\), .*cast it to double"),
        ("map('a', 1) as x", r"x has type map<string,int>, .*map_entries"),
        ("cast(1 as short) as x", r"x has type smallint, .*cast it to int"),
    ],
)
def test_columns_that_hail_has_no_type_for(bh, hl, column, message):
    frame = hl.utils.java.Env.spark_session().range(1).selectExpr(column)
    with pytest.raises(ArgumentError, match=message):
        bh.from_spark(frame)


def test_what_is_refused(bh, hl, mixed):
    with pytest.raises(ArgumentError, match=r"to_spark takes a Table, and got a MatrixTable"):
        bh.to_spark(hl.utils.range_matrix_table(1, 1))
    with pytest.raises(ArgumentError, match=r"from_spark takes a DataFrame of Spark, and got int"):
        bh.from_spark(1)
    with pytest.raises(ArgumentError, match=r"key has 'z'. The columns are idx"):
        bh.from_spark(hl.utils.range_table(1).to_spark(), key="z")
