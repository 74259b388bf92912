"""A function that pulls its input runs in turn with the one that gives it, and never beside it."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import sys
import weakref
from functools import partial
from unittest import mock

import pyarrow as pa
import pyspark
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark import SparkFiles, TaskContext, cloudpickle
from pyspark.sql.types import StructType
from test_udf_groups import TYPES, described, every, joined, options, pickled, plain, rows, same
from test_udf_groups import batch as batches_of

from beringia._turns import LeftBehind
from beringia.spark.udf import pull as pulling
from beringia.spark.udf.command import Command
from beringia.spark.udf.pull import State
from beringia.spark.udf.pulling import MapInPandas

ALONE = 4  # beside a state, where there are no results


def batch(*values):
    return pa.record_batch({"x": list(values)})


class Taken(list):
    """Results, as they are."""

    nbytes = property(lambda self: sum(one.nbytes for one in self))


class Pull(pulling.Pull):
    """A function, of which the results of the last turn are kept."""

    def go_on(self):
        self.taken = Taken()
        return super().go_on(self.taken)


def values(pull):
    return [value for one in pull.taken for value in one.column("x").to_pylist()]


def test_it_waits_for_what_is_not_there():
    pull = Pull(lambda batches: (one for one in batches))
    pull.give(partial(batch, 1))
    pull.give(partial(batch, 2))
    assert pull.go_on() is State.WANTS
    assert values(pull) == [1, 2]
    assert pull.go_on() is State.WANTS
    pull.end()
    assert pull.go_on() is State.ENDED
    assert values(pull) == []


def test_a_portion_is_made_when_it_is_pulled_or_the_function_stands(monkeypatch):
    monkeypatch.setattr(pulling, "_MUCH", 1)
    made = []

    def make(i):
        made.append(i)
        return batch(i)

    def f(batches):
        for one in batches:
            made.append("pulled")
            yield one

    pull = Pull(f)
    for i in range(3):
        pull.give(partial(make, i))
    assert made == []
    assert pull.go_on() is State.MORE
    assert made == [0, "pulled", 1, 2]
    assert (pull.go_on(), values(pull)) == (State.MORE, [1])
    assert made == [0, "pulled", 1, 2, "pulled"]


@pytest.mark.parametrize("much", [1, math.inf])
def test_what_portions_are_made_of_is_let_go(monkeypatch, much):
    monkeypatch.setattr(pulling, "_MUCH", much)
    pull = Pull(lambda batches: (one for one in batches))
    sources = [partial(batch, i) for i in range(2)]
    left = [weakref.ref(source) for source in sources]
    while sources:
        pull.give(sources.pop())
    assert pull.go_on() is (State.MORE if much == 1 else State.WANTS)
    assert [ref() for ref in left] == [None, None]


def test_it_may_give_results_before_and_after_its_input():
    def f(batches):
        yield batch(0)
        yield batch(sum(one.num_rows for one in batches))

    pull = Pull(f)
    assert (pull.go_on(), values(pull)) == (State.WANTS, [0])
    pull.give(partial(batch, 7, 7))
    assert (pull.go_on(), values(pull)) == (State.WANTS, [])
    pull.end()
    assert (pull.go_on(), values(pull)) == (State.ENDED, [2])


def test_it_stands_when_it_has_given_much(monkeypatch):
    monkeypatch.setattr(pulling, "_MUCH", 16)

    def f(batches):
        for i in range(5):
            yield batch(i)

    pull = Pull(f)
    seen = []
    while pull.go_on() is State.MORE:
        seen.append(values(pull))
    assert [*seen, values(pull)] == [[0, 1], [2, 3], [4]]


def test_it_stands_when_it_has_run_for_long(monkeypatch):
    monkeypatch.setattr(pulling, "_LONG", 0)
    pull = Pull(lambda batches: (batch(i) for i in range(2)))
    assert (pull.go_on(), values(pull)) == (State.MORE, [0])
    assert (pull.go_on(), values(pull)) == (State.MORE, [1])
    assert pull.go_on() is State.ENDED


def test_it_may_end_before_its_input_does():
    pull = Pull(lambda batches: (one for one, _ in zip(batches, range(1), strict=False)))
    pull.give(partial(batch, 1))
    pull.give(partial(batch, 2))
    assert (pull.go_on(), values(pull)) == (State.ENDED, [1])
    pull.give(partial(batch, 3))
    assert (pull.go_on(), values(pull)) == (State.ENDED, [])


def test_what_it_raises_is_raised_each_time():
    def f(batches):
        yield next(batches)
        raise KeyError("x")

    pull = Pull(f)
    assert pull.go_on() is State.WANTS
    pull.give(partial(batch, 1))
    for _ in range(2):
        with pytest.raises(KeyError):
            pull.go_on()


@pytest.mark.parametrize("wants", [True, False])
def test_one_that_is_left_behind_cleans_up(monkeypatch, wants):
    monkeypatch.setattr(pulling, "_MUCH", 1)
    ended = []

    def f(batches):
        try:
            while True:
                yield next(batches) if wants else batch(1)
        except (LeftBehind, GeneratorExit) as error:
            ended.append(type(error))
            raise

    pull = Pull(f)
    assert pull.go_on() is (State.WANTS if wants else State.MORE)
    pull.leave()
    assert ended == [LeftBehind if wants else GeneratorExit]
    assert not pull._turns._thread.is_alive()


def test_one_that_never_ran_is_left_at_once():
    Pull(lambda batches: batches).leave()


def test_it_has_an_event_loop_as_on_the_main_thread():
    def f(batches):
        asyncio.get_event_loop().run_until_complete(asyncio.sleep(0))
        yield batch(1)

    pull = Pull(f)
    assert (pull.go_on(), values(pull)) == (State.ENDED, [1])


def caller(function, task):
    """A function over one long, for a task."""
    program = cloudpickle.dumps((function, StructType().add("x", "long")))
    details = {"stage": 1, "partition": 2, "attemptNumber": 0, "attemptId": task, "cpus": 1, "localProperties": {}}
    details |= {"resources": {}, "files": "/nowhere", "includes": [], "broadcasts": {}}
    one = {"bytes": [len(program)], "offsets": [0], "named": {}}
    given = {"evalType": 205, "keys": 0, "functions": [one], "timeZone": "UTC"}
    given |= {"settings": {"spark.sql.session.timeZone": "UTC"}, "environment": {}, "task": details, "batchRows": 4}
    given |= {"largeTypes": False, "columns": StructType().add("x", "long").jsonValue()}
    schema = pa.schema([("", pa.int8()), ("x", pa.int64())])
    return MapInPandas(program, json.dumps(given).encode(), schema.empty_table())


def answer(caller, *groups):
    """What is answered to a batch of some groups of rows."""
    lists = pa.array([list(group) for group in groups], pa.large_list(pa.int64()))
    calls = caller.begin(pa.table({"x": lists}))
    for group in range(len(groups)):
        calls.prepare(group)
        calls.append(calls.call())
    return calls.finish()


@pytest.fixture
def no_worker(monkeypatch):
    """This process is none after the test, and may be as slow as it is."""
    monkeypatch.setattr(pulling, "_LONG", math.inf)
    monkeypatch.setattr(TaskContext, "_taskContext", None)
    monkeypatch.setattr(SparkFiles, "_root_directory", None)
    monkeypatch.setattr(SparkFiles, "_is_running_on_worker", False)
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_an_answer_says_how_the_function_stands(no_worker):
    mapped = caller(lambda frames: (frame + 1 for frame in frames), 1)
    assert answer(mapped, [1, 2]).to_pydict() == {"": [State.WANTS] * 2, "x": [2, 3]}
    assert answer(mapped, []).to_pydict() == {"": [State.WANTS | ALONE], "x": [None]}
    assert answer(mapped, [3], [4, 5]).to_pydict() == {"": [State.WANTS] * 3, "x": [4, 5, 6]}
    assert answer(mapped, [6], [], []).to_pydict() == {"": [State.ENDED], "x": [7]}


def test_several_groups_are_several_batches(no_worker):
    lengths = caller(lambda frames: (frame.head(1).assign(x=len(frame)) for frame in frames), 1)
    assert answer(lengths, [1, 2], [3]).to_pydict() == {"": [State.WANTS] * 2, "x": [2, 1]}
    assert answer(lengths, [], []).to_pydict() == {"": [State.ENDED | ALONE], "x": [None]}


def test_the_next_task_ends_what_was_left_behind(no_worker):
    left = caller(lambda frames: frames, 1)
    beside = caller(lambda frames: frames, 1)
    for one in (left, beside):
        answer(one, [1])
    assert [one._pull._turns._thread.is_alive() for one in (left, beside)] == [True, True]
    caller(lambda frames: frames, 2)
    assert [one._pull._turns._thread.is_alive() for one in (left, beside)] == [False, False]


def pulled(function, sizes, columns, fields):
    """Arguments of a function of frames."""
    program = pickled(function, pa.schema([f.with_type(plain(f.type)) for f in fields]))
    given = json.loads(options(205, [{"bytes": [len(program)], "offsets": [0]}], columns))
    return program, json.dumps({**given, "keys": 0}).encode()


def by_pyspark(function, sizes, columns, fields):
    """The results of portions of rows by PySpark's own loop and conversions."""
    command = Command(*pulled(function, sizes, columns, fields), "MapInPandas")
    rows, bounds = command.rows(command.given(portions(sizes, columns)))
    structs = [
        pa.record_batch([pa.StructArray.from_arrays(rows.slice(a, b - a).columns, rows.schema.names)], names=["_0"])
        for a, b in itertools.pairwise(bounds)
    ]
    own = command.function
    try:
        if pyspark.__version__ > "4":
            given = list(own._map(0, iter(structs)))
        else:
            frames = (own.series(pa.Table.from_batches([one])) for one in structs)
            given = [own._serializer._create_batch(one) for one in own._map(0, frames)]
    except Exception as error:
        return type(error), str(error)
    return joined([one.column(0).flatten() for one in given], fields)


def portions(sizes, columns):
    """Portions of those sizes, without keys."""
    [one] = batches_of(sizes, columns).drop_columns(["key"]).combine_chunks().to_batches()
    return one


def by_ours(function, sizes, columns, fields):
    """The same as the worker has it, in one batch: nobody waits for the first results here."""
    schema = pa.schema([("", pa.int8()), *fields])
    mapped = MapInPandas(*pulled(function, sizes, columns, fields), schema.empty_table())
    calls = mapped.begin(portions(sizes, columns))
    try:
        with mock.patch("beringia.spark.udf.pull._LONG", math.inf):
            for group in range(len(sizes)):
                calls.prepare(group)
                calls.append(calls.call())
        return calls.finish().drop_columns([""])
    except Exception as error:
        return type(error), str(error)


def describing(frames):
    for frame in frames:
        yield described((), frame)


def unchanged(frames):
    return (frame for frame in frames)


@settings(every, max_examples=50)
@given(rows())
def test_functions_see_the_frames_of_pyspark(no_worker, given):
    sizes, columns = given
    fields = [pa.field("seen", pa.large_string())]
    assert same(by_ours(describing, sizes, columns, fields), by_pyspark(describing, sizes, columns, fields))


@settings(every, max_examples=50)
@given(rows(), st.data())
def test_frames_are_taken_as_by_pyspark(no_worker, given, data):
    sizes, columns = given
    fields = [pa.field(f"c{i}", data.draw(st.sampled_from(list(TYPES)))) for i in range(len(columns))]
    assert same(by_ours(unchanged, sizes, columns, fields), by_pyspark(unchanged, sizes, columns, fields))


def test_groups_come_one_after_the_other():
    def f(groups):
        for i, group in enumerate(groups):
            for one in group:
                yield batch(*(10 * i + value for value in one.column("x").to_pylist()))
            yield batch(-1)

    pull = Pull(f, is_grouped=True)
    pull.begin_group()
    pull.give(partial(batch, 1))
    assert (pull.go_on(), values(pull)) == (State.WANTS, [1])
    pull.give(partial(batch, 2))
    pull.begin_group()
    pull.give(partial(batch, 3))
    assert (pull.go_on(), values(pull)) == (State.WANTS, [2, -1, 13])
    pull.end()
    assert (pull.go_on(), values(pull)) == (State.ENDED, [-1])


def test_without_groups_there_is_no_call():
    pull = Pull(lambda groups: (batch(len(list(group))) for group in groups), is_grouped=True)
    pull.end()
    assert (pull.go_on(), values(pull)) == (State.ENDED, [])
