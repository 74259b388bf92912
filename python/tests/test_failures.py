"""The converter of Java exceptions, over stand-ins for py4j's objects: no JVM here."""

from __future__ import annotations

import pickle

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors.exceptions import captured

import beringia.spark
from beringia import errors
from beringia.spark import failures


class Throwable:
    """What py4j shows of a java.lang.Throwable."""

    def __init__(self, name, cause=None, code=None, group=None, traceback=None):
        self._name, self._cause = name, cause
        self._code, self._group, self._traceback = code, group, traceback

    def getClass(self):  # noqa: N802 (Java's name)
        return self

    def getName(self):  # noqa: N802
        return self._name

    def getCause(self):  # noqa: N802
        return self._cause

    def getMessage(self):  # noqa: N802
        return f"message of {self._name}"

    def getCode(self):  # noqa: N802
        return self._code

    def getGroup(self):  # noqa: N802
        return self._group

    def getTraceback(self):  # noqa: N802
        return self._traceback

    def getFunction(self):  # noqa: N802
        return "fit"


def ours(code=1):
    return Throwable("org.beringia.BeringiaException", code=code, group="id=1", traceback="Traceback …")


def test_ours_is_found_along_the_causes():
    error = failures.typed(Throwable("org.apache.spark.SparkException", Throwable("java.lang.Error", ours())))
    assert type(error) is errors.GroupError
    assert (error.group, error.traceback, error.function) == ("id=1", "Traceback …", "fit")
    assert str(error) == "message of org.beringia.BeringiaException"


def test_anything_else_is_left_alone():
    assert failures.typed(Throwable("org.apache.spark.SparkException", Throwable("java.lang.Error"))) is None


def test_a_circle_of_causes_ends():
    first = Throwable("a")
    first._cause = Throwable("b", first)
    assert failures.typed(first) is None


@pytest.mark.parametrize("shown", [False, True])
def test_in_pyspark_javas_part_is_printed_where_the_session_asks_for_it(monkeypatch, shown):
    monkeypatch.setattr(failures, "_shows_java", lambda: shown)
    original = Py4JJavaError.__new__(Py4JJavaError)
    original.java_exception = Throwable("org.apache.spark.SparkException", ours(2))

    def fails():
        raise original

    with pytest.raises(errors.ResultError) as caught:
        captured.capture_sql_exception(fails)()
    assert caught.value.__cause__ is (original if shown else None)
    assert caught.value.__suppress_context__
    assert caught.value.java_exception is original.java_exception
    assert pickle.loads(pickle.dumps(caught.value)).java_exception is None


def test_a_converted_exception_is_returned_where_none_is_being_handled():
    error = captured.convert_exception(ours(4))
    assert type(error) is errors.WorkerDiedError


def test_installing_twice_wraps_once():
    before = captured.convert_exception
    failures.install()
    assert captured.convert_exception is before
    assert beringia.spark.failures is failures
