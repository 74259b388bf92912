"""Frames that are cut from blocks are those that pandas makes of the columns of a group."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from beringia.spark.udf import frames
from beringia.spark.udf.frames import Frames, is_same

COLUMNS = {
    "long": np.arange(6),
    "other": np.arange(6) * 2,
    "int": np.arange(6, dtype="int32"),
    "double": np.array([0.5, np.nan, 2, 3, 4, 5]),
    "bool": np.arange(6) % 2 == 0,
    "text": np.array(["a", None, "c", "d", "e", "f"], dtype=object),
    "date": np.array([dt.date(2020, 1, day) for day in range(1, 7)], dtype=object),
    "decimal": np.array([Decimal(i) for i in range(6)], dtype=object),
    "time": np.array(["2020-01-01", "NaT", *["2020-01-02T03:04:05"] * 4], dtype="datetime64[us]"),
    "nanoseconds": np.array(["2020-01-01"] * 6, dtype="datetime64[ns]"),
}
CHOICES = [
    ["long"],
    ["double", "long", "double"],
    ["time", "nanoseconds"],
    list(COLUMNS),
    ["text", "double", "date", "other", "time", "long", "bool"],
]


def series(names, rows=slice(None)):
    return [pd.Series(COLUMNS[name][rows], name=name) for name in names]


@pytest.mark.parametrize("names", CHOICES, ids=str)
def test_frames_are_the_same_to_their_blocks(names):
    cut = Frames(series(names), [], range(len(names)))
    for start, end in [(0, 1), (0, 6), (2, 5), (5, 6)]:
        assert is_same(cut.frame(start, end), pd.concat(series(names, slice(start, end)), axis=1))


@pytest.mark.parametrize("names", CHOICES, ids=str)
def test_those_of_large_groups_too(names, monkeypatch):
    monkeypatch.setattr(frames, "_LARGE", 2)
    test_frames_are_the_same_to_their_blocks(names)
    monkeypatch.setattr(frames, "_LARGE", 1)
    test_what_is_written_to_a_frame_is_in_no_other()


def test_frames_work_as_frames_do():
    frame = Frames(series(COLUMNS), [], range(len(COLUMNS))).frame(2, 5)
    assert frame.sort_values("double", ascending=False).index.tolist() == [2, 1, 0]
    assert frame.assign(more=1).groupby("bool").long.sum().to_dict() == {False: 3, True: 6}
    assert frame.merge(frame, on="long").shape == (3, 19)
    assert frame.loc[frame.text == "d", "double"].tolist() == [3.0]


def test_what_is_written_to_a_frame_is_in_no_other():
    cut = Frames(series(COLUMNS), [], range(len(COLUMNS)))
    frame = cut.frame(0, 3)
    frame["double"] = 0.0
    frame.iloc[0, 0] = 99
    frame.loc[:, "text"] = "z"
    frame.columns.name = "mine"
    frame.drop(columns="date", inplace=True)
    assert is_same(cut.frame(0, 3), pd.concat(series(COLUMNS, slice(0, 3)), axis=1))


def test_keys_are_what_a_series_gives():
    names = list(COLUMNS)
    key = Frames(series(names), range(len(names)), [0]).key(3)
    assert [type(one) for one in key] == [type(one[3]) for one in series(names)]
    assert list(key) == [one[3] for one in series(names)]


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.astype({"long": "int32"}),
        lambda frame: frame.set_axis(["a", "b"], axis=1),
        lambda frame: frame.set_axis([1, 2, 3, 4, 5, 6]),
        lambda frame: frame.set_axis(list(range(6))),
        lambda frame: frame.assign(double=1.0),
        lambda frame: frame[["double", "long"]],
    ],
)
def test_a_difference_is_seen(change):
    frame = pd.concat(series(["long", "double"]), axis=1)
    assert is_same(frame, frame.copy())
    assert not is_same(frame, change(frame))
