"""The contract on the front of Scala and Java: its plain methods, called over py4j, with functions from pickle files."""

from __future__ import annotations

import datetime
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from beringia._window import Window
from contract.case import Case
from contract.front_pyspark import PySpark, order, returns

_PRIMITIVES = {"f8": "double", "f4": "float", "i8": "long", "i4": "int", "i2": "short", "b1": "boolean"}


class Scala(PySpark):
    """``org.beringia.spark.NumpyFront`` on DataFrames of a session."""

    name = "scala"

    def __init__(self, session: SparkSession) -> None:
        super().__init__(session)
        session.conf.set("spark.beringia.python", sys.executable)
        self._jvm: Any = session._jvm
        self._front = self._jvm.org.beringia.spark

    def lacks(self, case: Case) -> str | None:
        """Return why the front cannot run a case; None if it can."""
        if sum(isinstance(key, Window) for key in case.by or ()) > 1:
            return "the type of window refuses it"
        if not callable(case.f) or not _can_be_pickled(case.f):
            return "a program of the JVM has no such function"
        if not Path(getattr(getattr(case.f, "__code__", None), "co_filename", __file__)).exists():
            return "what cloudpickle writes has no lines of what is in no file"
        args = case.options.get("args") or ()
        columns = args.values() if isinstance(args, Mapping) else args
        if not isinstance(columns, (Sequence, type({}.values()))) or not all(isinstance(c, str) for c in columns):
            return "the type of args refuses it"
        if not isinstance(case.options.get("timeout", 1), int | float):
            return "the type of timeout refuses it"
        consts = case.options.get("consts", {})
        if not isinstance(consts, Mapping) or not all(map(_is_constant, consts.values())):
            return "the type of consts refuses it"
        return super().lacks(case)

    def run(self, case: Case) -> list[tuple[Any, ...]]:
        """Return the rows that a case gives, or raise what it raises."""
        frame = self.frame(case.data)
        others = [key for key in case.by or () if not isinstance(key, Window)]
        data = frame.coalesce(1)._jdf if case.by is None else frame.groupBy(*others)._jgd
        options = self._options(dict(case.options))
        if case.has_windows:
            (window,) = (key for key in case.by if isinstance(key, Window))
            options = options.withWindow(self._window(window))
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "function"
            path.write_bytes(cloudpickle.dumps(case.f))
            function = self._front.PythonFunction.fromPickle(str(path))
        result = self._front.NumpyFront.map(
            data,
            function,
            self._front.Returns.ofType(self._jvm.org.apache.spark.sql.types.DataType.fromJson(returns(case).json())),
            self._args(case.options.get("args")),
            options,
        )
        made = DataFrame(result, self.session)
        if case.has_windows:  # their key is the last
            names = ["window" if isinstance(key, Window) else key for key in case.by]
            made = made.select(*names, *made.columns[len(names) :])
        return self.rows(made)

    def _window(self, window: Window) -> Any:
        column = F.col(window.column)._jc
        if window.of_rows:
            return self._front.NumpyWindow.ofRows(column, window.size, window.step)
        sizes = (window.size, window.step)
        if isinstance(window.size, datetime.timedelta):
            millis = self._jvm.java.time.Duration.ofMillis
            sizes = [millis(size // datetime.timedelta(milliseconds=1)) for size in sizes]
        elif isinstance(window.size, float) or isinstance(window.step, float):
            sizes = map(float, sizes)
        return self._front.NumpyWindow.apply(column, *sizes)

    def _args(self, args: Any) -> Any:
        if args is None:
            return self._front.Args.none()
        if not isinstance(args, Mapping):
            return self._front.Args.of(self._columns(args))
        return self._front.Args.of(self._map({name: F.col(column)._jc for name, column in args.items()}))

    def _options(self, given: dict[str, Any]) -> Any:
        options = self._front.NumpyOptions.defaults()
        given.pop("args", None)
        for name, value in given.pop("consts", {}).items():
            options = options.withConst(name, self._constant(value))
        for name, value in given.items():
            option = getattr(options, "with" + "".join(part.capitalize() for part in name.split("_")))
            options = option(self._option(name, value))
        return options

    def _option(self, name: str, value: Any) -> Any:
        if name == "order_by":
            return self._columns([order(item) for item in value])
        if name == "keep":
            return self._columns([value] if isinstance(value, str) else value)
        if isinstance(value, Mapping):
            return self._map(value)
        return {"timeout": float, "batch_bytes": str}.get(name, lambda same: same)(value)

    def _columns(self, columns: Sequence[Any]) -> Any:
        array = self._jvm.java.lang.reflect.Array.newInstance(
            self._jvm.java.lang.Class.forName("org.apache.spark.sql.Column"), len(columns)
        )
        for index, column in enumerate(columns):
            array[index] = (F.col(column) if isinstance(column, str) else column)._jc
        return array

    def _map(self, items: Mapping[str, Any]) -> Any:
        result = self._jvm.java.util.LinkedHashMap()
        for name, value in items.items():
            result.put(name, value)
        return result

    def _constant(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            gateway = self.session.sparkContext._gateway
            array = gateway.new_array(getattr(self._jvm, _PRIMITIVES[value.dtype.str[1:]]), *value.shape)
            _fill(array, value)
            return array
        if isinstance(value, list | tuple):
            result = self._jvm.java.util.ArrayList()
            for item in value:
                result.add(item)
            return result
        return value


def _fill(array: Any, values: np.ndarray) -> None:
    for index, value in enumerate(values):
        if values.ndim > 1:
            _fill(array[index], value)
        else:
            array[index] = value.item()


def _can_be_pickled(function: Any) -> bool:
    try:
        cloudpickle.dumps(function)
    except Exception:
        return False
    return True


def _is_constant(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.str[1:] in _PRIMITIVES
    if isinstance(value, list | tuple):
        return all(map(_is_constant, value))
    return value is None or isinstance(value, bool | int | float | str)
