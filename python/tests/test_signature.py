"""Which columns a function takes: every rule of `_signature.bind`, with columns as plain strings."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from beringia._signature import Argument, bind
from beringia.errors import ArgumentError


def accept(parameter, value):
    if not isinstance(value, str):
        raise ArgumentError(f"{parameter} is no column")
    return f"<{value}>"


def call(function, args=None, missing="nan"):
    return bind(function, args, missing, accept)


def shape(function, args=None):
    """The call, written as (name, keyword, column)."""
    return [(a.name, a.keyword, a.column) for a in call(function, args)]


def test_required_parameters_take_the_columns_of_their_names():
    assert shape(lambda x, y: None) == [("x", False, "<x>"), ("y", False, "<y>")]


def test_args_by_parameter_come_first():
    assert shape(lambda x, y: None, {"y": "dose"}) == [("x", False, "<x>"), ("y", False, "<dose>")]


def test_a_default_is_kept_unless_args_names_it():
    def f(x, deg=1, w=None): ...

    assert shape(f) == [("x", False, "<x>")]
    # `deg` keeps its default, so `w` after it can only go by name.
    assert shape(f, {"w": "weight"}) == [("x", False, "<x>"), ("w", True, "<weight>")]
    assert shape(f, {"deg": "d", "w": "weight"}) == [
        ("x", False, "<x>"),
        ("deg", False, "<d>"),
        ("w", False, "<weight>"),
    ]


def test_star_parameters_collect_nothing():
    def f(x, *rest, flag, **options): ...

    assert shape(f) == [("x", False, "<x>"), ("flag", True, "<flag>")]


def test_keyword_arguments_beyond_the_named_go_to_a_function_that_takes_any():
    assert shape(lambda x, **options: None, {"weight": "w"}) == [("x", False, "<x>"), ("weight", True, "<w>")]


def test_a_partial_has_the_parameters_that_are_left():
    def f(x, scale, y): ...

    # The signature of the partial makes `y` keyword-only, for `scale` before it is bound by name.
    assert shape(functools.partial(f, scale=2)) == [("x", False, "<x>"), ("y", True, "<y>")]


def test_bound_methods_and_callable_objects():
    class Model:
        def __call__(self, x): ...

        def fit(self, x, y): ...

    assert shape(Model()) == [("x", False, "<x>")]
    assert shape(Model().fit) == [("x", False, "<x>"), ("y", False, "<y>")]


@pytest.mark.parametrize("function", [max, np.add, np.hypot])
def test_a_list_is_by_position_where_there_is_no_signature(function):
    assert call(function, ["a", "b"]) == [
        Argument("a", False, "<a>", "nan"),
        Argument("b", False, "<b>", "nan"),
    ]


def test_a_list_is_by_position_for_star_args_alone():
    def f(*columns, scale=1.0): ...

    assert shape(f, ("a", "b")) == [("a", False, "<a>"), ("b", False, "<b>")]


@pytest.mark.parametrize(
    ("function", "args", "message"),
    [
        (42, None, "must be a function, got int"),
        (lambda x: None, {"z": "a"}, "args names 'z', but .* has 'x'"),
        (lambda: None, {"z": "a"}, "has no parameter"),
        (lambda x, y: None, ["a", "b"], "give them by name, args={'x': …, 'y': …}"),
        (lambda: None, ["a"], "give them by name"),
        (lambda *c, k: None, ["a"], "needs 'k' by name"),
        (max, None, "by position"),
        (max, {"a": "b"}, "by position"),
        (lambda x: None, "x", "a dict by parameter, or a list by position, got str"),
        (lambda x: None, 3.0, "a dict by parameter, or a list by position, got float"),
        (lambda x: None, {"x": 3}, "x is no column"),
    ],
)
def test_a_call_that_does_not_fit_is_refused(function, args, message):
    with pytest.raises(ArgumentError, match=message):
        call(function, args)


def test_a_positional_only_parameter_behind_a_kept_default_is_refused():
    def f(x, y=1, z=2, /): ...

    assert shape(f, {"y": "b"}) == [("x", False, "<x>"), ("y", False, "<b>")]
    with pytest.raises(ArgumentError, match="z by position only, so args must name y"):
        call(f, {"z": "c"})


def test_missing_for_all_or_by_parameter():
    def f(x, y): ...

    assert [a.missing for a in call(f)] == ["nan", "nan"]
    assert [a.missing for a in call(f, missing="mask")] == ["mask", "mask"]
    assert [a.missing for a in call(f, missing={"y": "error"})] == ["nan", "error"]


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("zero", "one of 'nan', 'mask', 'error', got 'zero'"),
        ({"x": "zero"}, "got 'zero'"),
        ({"z": "nan"}, "missing names 'z'"),
        (None, "got None"),
    ],
)
def test_an_unknown_policy_is_refused(missing, message):
    with pytest.raises(ArgumentError, match=message):
        call(lambda x: None, missing=missing)


def test_an_unknown_policy_is_refused_without_any_argument():
    with pytest.raises(ArgumentError, match="got 'zero'"):
        call(lambda: None, missing="zero")
