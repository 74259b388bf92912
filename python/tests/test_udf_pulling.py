"""A function that pulls its input runs in turn with the one that gives it, and never beside it."""

from __future__ import annotations

import asyncio
import json
import sys

import pyarrow as pa
import pytest
from pyspark import SparkFiles, TaskContext, cloudpickle
from pyspark.sql.types import StructType

from beringia.spark.udf import pulling
from beringia.spark.udf.pulling import LeftBehind, MapInPandas, Pull, State


def batch(*values):
    return pa.record_batch({"x": list(values)})


def values(pull):
    return [value for one in pull.take() for value in one.column("x").to_pylist()]


def test_it_waits_for_what_is_not_there():
    pull = Pull(lambda batches: (one for one in batches))
    pull.give(batch(1))
    pull.give(batch(2))
    assert pull.go_on() is State.WANTS
    assert values(pull) == [1, 2]
    assert pull.go_on() is State.WANTS
    pull.end()
    assert pull.go_on() is State.ENDED
    assert values(pull) == []


def test_it_may_give_results_before_and_after_its_input():
    def f(batches):
        yield batch(0)
        yield batch(sum(one.num_rows for one in batches))

    pull = Pull(f)
    assert (pull.go_on(), values(pull)) == (State.WANTS, [0])
    pull.give(batch(7, 7))
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
    pull.give(batch(1))
    pull.give(batch(2))
    assert (pull.go_on(), values(pull)) == (State.ENDED, [1])
    pull.give(batch(3))
    assert (pull.go_on(), values(pull)) == (State.ENDED, [])


def test_what_it_raises_is_raised_each_time():
    def f(batches):
        yield next(batches)
        raise KeyError("x")

    pull = Pull(f)
    assert pull.go_on() is State.WANTS
    pull.give(batch(1))
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
    assert not pull._thread.is_alive()


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
    """This process is none after the test."""
    monkeypatch.setattr(TaskContext, "_taskContext", None)
    monkeypatch.setattr(SparkFiles, "_root_directory", None)
    monkeypatch.setattr(SparkFiles, "_is_running_on_worker", False)
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_an_answer_says_how_the_function_stands(no_worker):
    mapped = caller(lambda frames: (frame + 1 for frame in frames), 1)
    assert answer(mapped, [1, 2]).to_pydict() == {"": [None, None, State.WANTS], "x": [2, 3, None]}
    assert answer(mapped, []).to_pydict() == {"": [State.WANTS], "x": [None]}
    assert answer(mapped, [3], [4, 5]).to_pydict() == {"": [None, None, None, State.WANTS], "x": [4, 5, 6, None]}
    assert answer(mapped, [6], [], []).to_pydict() == {"": [None, State.ENDED], "x": [7, None]}


def test_several_groups_are_several_batches(no_worker):
    lengths = caller(lambda frames: (frame.head(1).assign(x=len(frame)) for frame in frames), 1)
    assert answer(lengths, [1, 2], [3]).to_pydict() == {"": [None, None, State.WANTS], "x": [2, 1, None]}
    assert answer(lengths, [], []).to_pydict() == {"": [State.ENDED], "x": [None]}


def test_the_next_task_ends_what_was_left_behind(no_worker):
    left = caller(lambda frames: frames, 1)
    beside = caller(lambda frames: frames, 1)
    for one in (left, beside):
        answer(one, [1])
    assert [one._pull._thread.is_alive() for one in (left, beside)] == [True, True]
    caller(lambda frames: frames, 2)
    assert [one._pull._thread.is_alive() for one in (left, beside)] == [False, False]


def test_groups_come_one_after_the_other():
    def f(groups):
        for i, group in enumerate(groups):
            for one in group:
                yield batch(*(10 * i + value for value in one.column("x").to_pylist()))
            yield batch(-1)

    pull = Pull(f, is_grouped=True)
    pull.begin_group()
    pull.give(batch(1))
    assert (pull.go_on(), values(pull)) == (State.WANTS, [1])
    pull.give(batch(2))
    pull.begin_group()
    pull.give(batch(3))
    assert (pull.go_on(), values(pull)) == (State.WANTS, [2, -1, 13])
    pull.end()
    assert (pull.go_on(), values(pull)) == (State.ENDED, [-1])


def test_without_groups_there_is_no_call():
    pull = Pull(lambda groups: (batch(len(list(group))) for group in groups), is_grouped=True)
    pull.end()
    assert (pull.go_on(), values(pull)) == (State.ENDED, [])
