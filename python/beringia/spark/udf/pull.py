"""A function that pulls its input runs in a thread of its own: in turn with what gives it rows, never beside that.

It goes on until it wants rows that are not there, has given many results, or has ended.
"""

from __future__ import annotations

import asyncio
import collections
import enum
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

from beringia._turns import Turns

_MUCH = 8 << 20
"""Bytes of results after which a function stands."""

_LONG = 0.05
"""Seconds after which it stands with any results: who waits for them may want no more."""


class State(enum.IntEnum):
    """How a function stands, as ``org.beringia.spark.accelerate.PulledBatches`` has it."""

    WANTS = 0
    MORE = 1
    ENDED = 2


class Taken(Protocol):
    """Where results go, each before the function goes on.

    Attributes
    ----------
    nbytes : int
        Of what is there.
    """

    nbytes: int

    def append(self, result: Any) -> object:
        """Take a result."""


class Pull:
    """A function in a thread of its own, which runs only while :meth:`go_on` waits for it.

    Parameters
    ----------
    function : callable
        Takes an iterator of portions of rows, or of groups, which are such; returns one of results.
    is_grouped : bool
        Whether it takes groups.
    """

    def __init__(self, function: Callable[[Iterator[Any]], Iterator[Any]], is_grouped: bool = False) -> None:
        self._function = function
        self._is_grouped = is_grouped
        self._turns = Turns(self._run, "function")
        self._state = State.WANTS
        self._error: BaseException | None = None
        self._given: collections.deque[Callable[[], Any] | None] = collections.deque()  # None: a group begins
        self._gets_more = True
        self._begins = False
        self._results: Taken | None = None
        self._since = 0.0

    def give(self, make: Callable[[], Any]) -> None:
        """Put a portion where the function finds it: it is made when that pulls it, or stands without."""
        self._given.append(make)

    def begin_group(self) -> None:
        """Say that the next portion is the first one of its group."""
        self._given.append(None)

    def end(self) -> None:
        """Say that there are no more portions."""
        self._gets_more = False

    def go_on(self, results: Taken) -> State:
        """Let the function run until it stands, and take its results; raises what it raised."""
        if self._state is not State.ENDED:
            self._results = results
            self._since = time.monotonic()
            self._turns.go_on()
            self._results = None
            # What they are made of holds for this turn only.
            self._given = collections.deque(make and partial(_made, make()) for make in self._given)
        if self._error is not None:
            raise self._error
        return self._state

    def leave(self) -> None:
        """End the function, wherever it stands."""
        self._turns.leave()

    def _run(self) -> None:
        asyncio.set_event_loop(loop := asyncio.new_event_loop())  # get_event_loop() makes one on main threads only
        try:
            results = self._function(self._groups() if self._is_grouped else self._input())
            try:
                for result in results:
                    self._take(result)
            finally:
                results.close()  # type: ignore[attr-defined]
        except BaseException as error:
            self._error = error
        loop.close()
        self._state = State.ENDED
        self._given.clear()

    def _take(self, result: Any) -> None:
        assert self._results is not None
        self._results.append(result)
        if self._results.nbytes >= _MUCH or time.monotonic() - self._since >= _LONG:
            self._stand(State.MORE)

    def _groups(self) -> Iterator[Iterator[Any]]:
        given = self._input()
        self._begins = next(given, given) is None
        while self._begins:  # PySpark's loop takes all of a group before it asks for the next
            yield self._of_group(given)

    def _of_group(self, given: Iterator[Any]) -> Iterator[Any]:
        self._begins = False
        for portion in given:
            if portion is None:
                self._begins = True
                return
            yield portion

    def _input(self) -> Iterator[Any]:
        while self._given or self._gets_more:
            if self._given:
                yield self._next()
            else:
                self._stand(State.WANTS)

    def _next(self) -> Any:
        make = self._given.popleft()  # and nothing here holds it while the function stands
        return make and make()

    def _stand(self, state: State) -> None:
        self._state = state
        self._turns.stand()


def _made(portion: Any) -> Any:
    return portion
