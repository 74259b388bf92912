"""Vectors and matrices of Spark ML as arguments and results."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from pyspark.ml.linalg import DenseMatrix, DenseVector, MatrixUDT, SparseMatrix, SparseVector, Vectors, VectorUDT
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, IntegerType, StringType, StructField, StructType

from beringia.errors import ArgumentError, InterpreterError, MissingValueError, ResultError
from beringia.spark import numpy_map


@pytest.fixture(scope="module")
def frame(spark):
    """Rows of one group, in their order, of a vector or matrix ``v``."""

    def frame(values, udt):
        schema = StructType([StructField("g", IntegerType()), StructField("i", IntegerType()), StructField("v", udt)])
        rows = [(1, i, value) for i, value in enumerate(values)]
        return spark.createDataFrame(rows, schema).coalesce(1)

    return frame


@pytest.fixture(scope="module")
def seen(frame):
    """What a function says of the vectors or matrices of one group."""

    def seen(values, describe, udt=None, **options):
        df = frame(values, udt or VectorUDT())
        (row,) = numpy_map(describe, df.groupBy("g"), "s string", order_by="i", **options).collect()
        return row.s

    return seen


def show(v):
    """Class, shape, dtype and values."""
    values = v.toarray() if hasattr(v, "toarray") else v
    listed = [x.tolist() if hasattr(x, "tolist") else x for x in values] if v.dtype == object else values.tolist()
    return f"{type(v).__name__} {v.shape} {v.dtype} {listed}"


DENSE = [DenseVector([1.0, 2.0, 3.0]), DenseVector([4.0, 5.0, 6.0])]
SPARSE = [SparseVector(4, {1: 2.0}), SparseVector(4, {0: 1.0, 3: -3.0}), SparseVector(4, {})]


def test_dense_vectors_of_one_length_are_a_matrix_without_a_copy(seen):
    def describe(v):
        return f"{show(v)} {v.flags.owndata} {v.flags.writeable}"

    assert seen(DENSE, describe) == "ndarray (2, 3) float64 [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]] False False"


def test_ragged_dense_vectors_are_an_object_array(seen):
    assert seen([*DENSE, DenseVector([7.0])], show) == ("ndarray (3,) object [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0]]")


def test_sparse_vectors_are_one_sparse_array(seen):
    def describe(v):
        return f"{show(v)} {v.nnz} {v.indices.tolist()} {v.indptr.tolist()} {v.data.base is not None}"

    assert seen(SPARSE, describe) == (
        "csr_array (3, 4) float64 [[0.0, 2.0, 0.0, 0.0], [1.0, 0.0, 0.0, -3.0], [0.0, 0.0, 0.0, 0.0]] 3 [1, 0, 3] "
        "[0, 1, 3, 3] True"
    )


def test_dense_vectors_among_sparse_ones_are_rows_of_the_sparse_array(seen):
    values = [SparseVector(3, {1: 2.0}), DenseVector([4.0, 0.0, 6.0]), SparseVector(3, {})]
    assert seen(values, show) == "csr_array (3, 3) float64 [[0.0, 2.0, 0.0], [4.0, 0.0, 6.0], [0.0, 0.0, 0.0]]"


def test_sparse_vectors_of_different_sizes_are_an_object_array(seen):
    def describe(v):
        return f"{v.dtype} {[row.shape for row in v]} {v[1].toarray().tolist()}"

    assert seen([SparseVector(4, {1: 2.0}), SparseVector(2, {0: 1.0})], describe) == (
        "object [(1, 4), (1, 2)] [[1.0, 0.0]]"
    )


def test_one_vector_by_row(frame):
    df = frame([DENSE[0], SPARSE[1]], VectorUDT())
    rows = numpy_map(show, df, "s string").collect()
    assert sorted(row.s for row in rows) == [
        "csr_array (1, 4) float64 [[1.0, 0.0, 0.0, -3.0]]",
        "ndarray (3,) float64 [1.0, 2.0, 3.0]",
    ]


def test_missing_vectors_by_policy(seen):
    assert seen([DENSE[0], None], show) == "ndarray (2,) object [[1.0, 2.0, 3.0], None]"
    assert seen([DENSE[0], None, DenseVector([])], show) == "ndarray (3,) object [[1.0, 2.0, 3.0], None, []]"
    assert seen([None, SPARSE[0]], show) == ("csr_array (2, 4) float64 [[nan, nan, nan, nan], [0.0, 2.0, 0.0, 0.0]]")
    assert seen([None, None], show) == "ndarray (2,) object [None, None]"
    assert seen(DENSE, lambda v: f"{type(v).__name__} {v.shape}", missing="mask") == "MaskedArray (2, 3)"
    masked = seen([SPARSE[0], None], lambda v: f"{type(v).__name__} {v.mask.tolist()}", missing="mask")
    assert masked == "MaskedArray [False, True]"
    for values in (DENSE, SPARSE):
        with pytest.raises(MissingValueError, match=r"argument 'v' \(vector\) .*missing='error'"):
            seen([*values, None], show, missing="error")


def test_vectors_of_many_groups_are_each_groups_own(spark, collected):
    df = spark.createDataFrame(
        [(i % 7, Vectors.sparse(5, {i % 5: float(i)}) if i % 3 else Vectors.dense([float(i)] * 5)) for i in range(500)],
        StructType([StructField("g", IntegerType()), StructField("v", VectorUDT())]),
    )
    sums = numpy_map(lambda v: np.asarray(v.sum(axis=0)), df.groupBy("g"), "s array<double>", batch_bytes="1k")
    expected = {}
    for row in df.collect():
        expected[row.g] = expected.get(row.g, 0) + row.v.toArray()
    assert collected(sums) == sorted(((g, s.tolist()) for g, s in expected.items()), key=repr)


DENSE_MATRIX = DenseMatrix(2, 3, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0])  # column by column
BY_ROW = DenseMatrix(2, 3, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], isTransposed=True)
SPARSE_MATRIX = SparseMatrix(2, 3, [0, 1, 1, 2], [1, 0], [7.0, 8.0])
SPARSE_BY_ROW = SparseMatrix(2, 3, [0, 1, 2], [2, 0], [8.0, 7.0], isTransposed=True)


def test_dense_matrices_of_one_shape_are_views(seen):
    def describe(v):
        return f"{v.shape} {v.tolist()} {v.base is not None} {v[0].flags.f_contiguous}"

    cells = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert seen([DENSE_MATRIX] * 2, describe, MatrixUDT()) == f"(2, 2, 3) {[cells, cells]} True True"
    assert seen([BY_ROW] * 2, describe, MatrixUDT()) == f"(2, 2, 3) {[cells, cells]} True False"
    assert seen([BY_ROW, DENSE_MATRIX], show, MatrixUDT()) == f"ndarray (2, 2, 3) float64 {[cells, cells]}"


def test_matrices_that_differ_or_are_sparse_are_an_object_array(seen):
    def describe(v):
        return f"{v.dtype} {[(type(x).__name__, getattr(x, 'shape', None)) for x in v]}"

    assert seen([DENSE_MATRIX, DenseMatrix(1, 1, [1.0]), None], describe, MatrixUDT()) == (
        "object [('ndarray', (2, 3)), ('ndarray', (1, 1)), ('NoneType', None)]"
    )
    assert seen([DENSE_MATRIX, SPARSE_MATRIX], describe, MatrixUDT()) == (
        "object [('ndarray', (2, 3)), ('csc_array', (2, 3))]"
    )


def test_one_matrix_by_row(frame):
    df = frame([DENSE_MATRIX, BY_ROW, SPARSE_MATRIX, SPARSE_BY_ROW], MatrixUDT())
    rows = numpy_map(lambda i, v: f"{i} {show(v)}", df, "s string").collect()
    cells, sparse = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[0.0, 0.0, 8.0], [7.0, 0.0, 0.0]]
    assert sorted(row.s for row in rows) == [
        f"0 ndarray (2, 3) float64 {cells}",
        f"1 ndarray (2, 3) float64 {cells}",
        f"2 csc_array (2, 3) float64 {sparse}",
        f"3 csc_array (2, 3) float64 {sparse}",
    ]


def test_missing_matrices_by_policy(seen):
    assert seen([DENSE_MATRIX, None], lambda v: f"{v.shape} {np.isnan(v[1]).all()}", MatrixUDT()) == "(2, 2, 3) True"
    with pytest.raises(MissingValueError, match="argument 'v'"):
        seen([DENSE_MATRIX, None], show, MatrixUDT(), missing="error")


def test_sparse_values_without_scipy_name_it_and_the_way_out(seen):
    def hide(v):
        import sys

        sys.modules["scipy.sparse"] = None
        return "hidden"

    assert seen(DENSE, hide) == "hidden"
    try:
        with pytest.raises(InterpreterError, match=r"argument 'v' \(vector\) is sparse.*SciPy.*vector_to_array"):
            seen(SPARSE, show)
    finally:
        seen(DENSE, lambda v: str(__import__("sys").modules.pop("scipy.sparse", None)))


def test_kept_vectors_stay_vectors(frame):
    df = frame([*DENSE, SPARSE[0]], VectorUDT())
    kept = numpy_map(lambda i: i + 1, df.groupBy("g"), "array<struct<n: int>>", keep="v", order_by="i")
    assert [row.v for row in kept.sort("n").collect()] == [*DENSE, SPARSE[0]]


def fields(**types):
    return StructType([StructField(name, type_) for name, type_ in types.items()])


def test_a_result_is_a_vector(frame, seen):
    df = frame(DENSE, VectorUDT()).groupBy("g")
    (row,) = numpy_map(lambda v: v.sum(axis=0), df, fields(total=VectorUDT())).collect()
    assert row.total == DenseVector([5.0, 7.0, 9.0])
    (row,) = numpy_map(lambda v: (v[0], "a"), df, fields(first=VectorUDT(), s=StringType())).collect()
    assert (row.first, row.s) == (DENSE[0], "a")
    (row,) = numpy_map(lambda v: None, df, fields(total=VectorUDT())).collect()
    assert row.total is None


def test_a_sparse_result_is_a_sparse_vector(frame):
    df = frame(DENSE, VectorUDT()).groupBy("g")

    def sparse(v):
        import scipy.sparse  # not at the top: workers import this module, and one of them shall have no SciPy

        return scipy.sparse.csr_array(([2.0, 1.0], ([0, 0], [3, 1])), shape=(1, 5))

    (row,) = numpy_map(sparse, df, fields(v=VectorUDT())).collect()
    assert row.v == SparseVector(5, {1: 1.0, 3: 2.0})


def test_many_vectors_of_a_group(frame):
    df = frame(DENSE, VectorUDT()).groupBy("g")
    rows = numpy_map(lambda i, v: {"i": i, "v": 2 * v}, df, ArrayType(fields(i=IntegerType(), v=VectorUDT())))
    assert {row.i: row.v for row in rows.collect()} == {i: DenseVector(2 * v.toArray()) for i, v in enumerate(DENSE)}


def test_vectors_of_a_result_go_on_in_spark_ml(frame):
    from pyspark.ml.stat import Summarizer

    df = frame(DENSE, VectorUDT())
    doubled = numpy_map(lambda v: 2 * v, df, fields(v=VectorUDT()), keep="g")
    (row,) = doubled.select(Summarizer.mean(doubled.v).alias("mean")).collect()
    assert row.mean == DenseVector([5.0, 7.0, 9.0])


def test_what_is_no_vector_does_not_fit(frame):
    df = frame(DENSE, VectorUDT()).groupBy("g")
    for wrong in (lambda v: v, lambda v: 1.0, lambda v: ["a"]):
        with pytest.raises(ResultError, match="vector"):
            numpy_map(wrong, df, fields(v=VectorUDT())).collect()


def test_a_matrix_is_no_result_yet(frame):
    with pytest.raises(ArgumentError, match="field 'm' of returns has type matrix"):
        numpy_map(lambda v: v, frame(DENSE, VectorUDT()).groupBy("g"), fields(m=MatrixUDT()))


def test_a_program_of_the_jvm_gets_and_gives_vectors_too(spark, conf, frame):
    front = spark._jvm.org.beringia.spark
    conf("spark.beringia.python", sys.executable)
    function = front.PythonFunction.fromSource("def total(v):\n    return v.sum(axis=0)")
    returns = spark._jvm.org.apache.spark.sql.types.DataType.fromJson(fields(total=VectorUDT()).json())
    grouped = frame(DENSE, VectorUDT()).groupBy("g")._jgd
    (row,) = DataFrame(front.NumpyFront.map(grouped, function, front.Returns.ofType(returns)), spark).collect()
    assert row.total == DenseVector([5.0, 7.0, 9.0])
