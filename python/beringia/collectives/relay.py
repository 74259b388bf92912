"""A rank whose questions travel as the results of batches: the worker's end of ``beringia.spark.spmd``.

A batch is an answer, and its result the next question. So the rank runs in a thread of its own, in turn with the one
that serves batches, and never beside it. The first batch says nothing; the last result is what the rank returned.
"""

from __future__ import annotations

import itertools
import pickle
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beringia import _call_pickle, _calls, errors
from beringia._turns import Turns

MOST = 4 << 20
"""Bytes that a rank may have for others in one step."""

QUESTION, RETURNED, LOST = b"?", b"=", b"!"
"""What a result is, and what is said of a worker that is lost (``org.beringia.spark.ranks``, which has the format)."""

_LENGTH, _PART = struct.Struct(">i"), struct.Struct(">ii")

_relay: Relay | None = None  # the one that runs in this worker, or was left behind


def turn(answer: bytes, body: bytes, sizes: Sequence[int], data: NDArray[np.uint8]) -> bytes:
    """Let the rank of this worker go on.

    Parameters
    ----------
    answer : bytes
        What it was told; empty for one that begins.
    body : bytes
        Its call, as :func:`beringia._call_pickle.dump_call` made it.
    sizes : sequence of int
        Of the buffers of the call.
    data : ndarray
        These, one behind the other; uint8 of shape ``(n,)``.

    Returns
    -------
    bytes
        What it asks, or returned.
    """
    global _relay
    if not answer:
        if _relay is not None:
            _relay.leave()
        ends = itertools.accumulate(sizes, initial=0)
        buffers = [data[start:end].copy() for start, end in itertools.pairwise(ends)]
        _relay = Relay(body, buffers)
    assert _relay is not None, "a rank begins with an answer of nothing"
    says = _relay.go_on(answer)
    if says.startswith(RETURNED):
        _relay = None
    return says


def current() -> Relay:
    """Return what the rank of this worker asks through."""
    assert _relay is not None, "a rank runs in a worker"
    return _relay


class Relay:
    """A rank in a thread of its own, and what it asks: as ``beringia._native.Asks`` does it, of the driver.

    Parameters
    ----------
    body, buffers
        Its call.
    """

    def __init__(self, body: bytes, buffers: _call_pickle.Buffers) -> None:
        self._call = body, buffers
        self._turns = Turns(self._run, "rank")
        self._one = threading.Lock()
        self._says = self._answer = b""

    def go_on(self, answer: bytes) -> bytes:
        """Let it run with an answer until it asks, or has returned."""
        self._answer = answer
        self._turns.go_on()
        return self._says

    def leave(self) -> None:
        """End it, wherever it waits."""
        self._turns.leave()

    def rank(self) -> tuple[int, int]:
        """Return the rank, and how many there are."""
        (rank, size), _ = self._ask("rank")
        return rank, size

    def meet(
        self, group: str, members: Sequence[int], purpose: str, parts: Sequence[tuple[Any, bytes, Any]]
    ) -> list[tuple[int, bytes, _call_pickle.Buffers]]:
        """Meet the others of a group, with a pickle for some ranks each: return what they have for this rank."""
        targets = [list(each) for each, _, _ in parts]
        given = [(len(each), _packed(body, buffers)) for each, body, buffers in parts]
        _check(purpose, given)
        return _messages(self._ask("meet", group, members, purpose, targets, parts=given))

    def send(
        self, group: str, members: Sequence[int], to: int, tag: int, body: bytes, data: _call_pickle.Buffers
    ) -> None:
        """Leave a message for a rank of a group."""
        given = [(1, _packed(body, data))]
        _check(f"send to rank {to}", given)
        self._ask("send", group, members, to, tag, parts=given)

    def receive(
        self, group: str, members: Sequence[int], sender: int | None, tag: int | None
    ) -> list[tuple[int, bytes, _call_pickle.Buffers]]:
        """Return the first message from a rank of a group, or any, with a tag, or any; wait for it."""
        return _messages(self._ask("receive", group, members, sender, tag))

    def fail(self, how: str) -> None:
        """Say that this rank has failed, with what it raises."""
        error = sys.exc_info()[1]
        self._ask("fail", how, None if error is None else _calls.told(error))

    def _ask(self, *question: Any, parts: Sequence[tuple[int, bytes]] = ()) -> tuple[Any, list[bytes]]:
        """Return the head and the parts of the answer to a question; `parts` has how many get each."""
        head = pickle.dumps(question)
        says = [QUESTION, _LENGTH.pack(len(head)), head]
        for uses, part in parts:
            says += (_PART.pack(uses, len(part)), part)
        with self._one:
            self._says = b"".join(says)
            self._turns.stand()
            told, *theirs = _split(self._answer)
        answer = pickle.loads(told)
        if isinstance(answer, errors.BeringiaError):
            raise answer
        return answer, theirs

    def _run(self) -> None:
        body, buffers = _calls.call(*self._call)
        self._says = RETURNED + _packed(body, buffers)


def _packed(body: bytes, buffers: _call_pickle.Buffers) -> bytes:
    return pickle.dumps((body, [buffer.tobytes() for buffer in buffers]))


def loaded(packed: bytes) -> tuple[bytes, _call_pickle.Buffers]:
    """Return a pickle and its buffers, to which its arrays may write."""
    body, buffers = pickle.loads(packed)
    return body, [np.frombuffer(bytearray(buffer), np.uint8) for buffer in buffers]


def _check(purpose: str, parts: Sequence[tuple[int, bytes]]) -> None:
    size = sum(len(part) for _, part in parts)
    if size > MOST:
        raise errors.ResourceError(
            f"{purpose}: this rank has {size} bytes for others, and between machines at most {MOST} go in one step, as "
            "they go through the driver. Have Spark bring large arrays where they are needed, as columns or files, and "
            "let ranks exchange what they have made of them"
        )


def _messages(answer: tuple[list[int], list[bytes]]) -> list[tuple[int, bytes, _call_pickle.Buffers]]:
    return [(sender, *loaded(part)) for sender, part in zip(*answer, strict=True)]


def _split(answer: bytes) -> Iterator[bytes]:
    """Yield the head of an answer, then its parts."""
    at = 0
    while at < len(answer):
        (length,) = _LENGTH.unpack_from(answer, at)
        at += _LENGTH.size
        yield answer[at : at + length]
        at += length
