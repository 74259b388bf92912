"""What a rank talks to the others through: the lower-case methods of mpi4py's communicators.

Every collective is one meeting: each rank brings what it has for others, and goes on with what they have for it, once
all have come. Arrays are written once, to shared memory; who gets them has a copy-on-write view of its own.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from beringia import _call_pickle
from beringia.collectives.errors import CollectiveError
from beringia.errors import ArgumentError, CancelledError

_WORTH_SHARING = 1 << 16
"""Elements from which on each rank reduces a part of an array."""

Parts = list[tuple[Sequence[int], Any]]
Operator = Callable[[Any, Any], Any]


class Asks(Protocol):
    """What ranks meet through."""

    def meet(
        self,
        group: str,
        members: Sequence[int],
        purpose: str,
        parts: Sequence[tuple[Sequence[int], bytes, _call_pickle.Buffers]],
    ) -> list[tuple[int, bytes, _call_pickle.Buffers]]:
        """Meet the others of a group, with a pickle for some ranks each: return what they have for this rank."""

    def send(
        self, group: str, members: Sequence[int], to: int, tag: int, body: bytes, data: _call_pickle.Buffers
    ) -> None:
        """Leave a message for a rank of a group."""

    def receive(
        self, group: str, members: Sequence[int], sender: int | None, tag: int | None
    ) -> list[tuple[int, bytes, _call_pickle.Buffers]]:
        """Return the first message from a rank of a group, or any, with a tag, or any; wait for it."""


class Comm:
    """The ranks of a run, or some of them.

    Attributes
    ----------
    rank : int
        The rank of this process among them.
    size : int
        How many there are.
    """

    def __init__(self, asks: Asks, rank: int, members: tuple[int, ...], name: str) -> None:
        self.rank, self.size = rank, len(members)
        self._asks, self._members, self._name = asks, members, name
        self._splits = 0

    def Get_rank(self) -> int:  # noqa: N802 (mpi4py's name)
        """Return :attr:`rank`."""
        return self.rank

    def Get_size(self) -> int:  # noqa: N802 (mpi4py's name)
        """Return :attr:`size`."""
        return self.size

    def barrier(self) -> None:
        """Wait until all ranks are here."""
        self._meet("barrier", [])

    def bcast(self, obj: Any = None, root: int = 0) -> Any:
        """Return what rank `root` has as `obj`."""
        others = [rank for rank in range(self.size) if rank != root]
        came = self._meet(f"bcast from rank {self._rank(root)}", [(others, obj)] if self.rank == root else [])
        return obj if self.rank == root else came[root]

    def scatter(self, sendobj: Sequence[Any] | None = None, root: int = 0) -> Any:
        """Return the item of this rank of what rank `root` has, a sequence of one for each."""
        parts = self._for_each(sendobj, "scatter") if self.rank == self._rank(root) else []
        return self._meet(f"scatter from rank {root}", parts)[root]

    def gather(self, sendobj: Any, root: int = 0) -> list[Any] | None:
        """Return the list of what the ranks have in rank `root`, and None in others."""
        return self._gathered("gather", sendobj, root)

    def allgather(self, sendobj: Any) -> list[Any]:
        """Return the list of what the ranks have."""
        return self._of_all("allgather", sendobj)

    def alltoall(self, sendobj: Sequence[Any]) -> list[Any]:
        """Return what each rank has for this one; `sendobj` has one item for each."""
        return self._in_order(self._meet("alltoall", self._for_each(sendobj, "alltoall")))

    def reduce(self, sendobj: Any, op: Operator = operator.add, root: int = 0) -> Any:
        """Return what the ranks have, combined, in rank `root`, and None in others.

        Parameters
        ----------
        sendobj : object
            What this rank has.
        op : callable
            Combines two, such as ``np.maximum`` or mpi4py's operators; it is called in the order of the ranks.
        root : int
            The rank that gets it.
        """
        values = self._gathered("reduce", sendobj, root)
        return None if values is None else functools.reduce(op, values)

    def allreduce(self, sendobj: Any, op: Operator = operator.add) -> Any:
        """Return what the ranks have, combined, as :meth:`reduce` does it, in each.

        Where all have large arrays of one shape and type, and `op` is `+` or a ufunc, each rank combines a part.
        """
        parts, everybody = _parts(sendobj, op, self.size), range(self.size)
        others = [rank for rank in everybody if rank != self.rank]
        own = None if parts is None else (sendobj.shape, sendobj.dtype)
        given: Parts = [(everybody, (None, sendobj))]
        if parts is not None:
            given = [([rank], (own, parts[rank])) for rank in others]
        came = self._meet("allreduce", given)
        kinds = {own, *(kind for kind, _ in came.values())}
        if parts is None or len(kinds) > 1:
            # All see the same kinds: whoever has sent parts now sends the whole.
            whole = {rank: value for rank, (kind, value) in came.items() if kind is None}
            if len(kinds) > 1:
                whole |= self._meet("allreduce", [] if parts is None else [(everybody, sendobj)])
            return functools.reduce(op, self._in_order(whole))
        values = {rank: part for rank, (_, part) in came.items()} | {self.rank: parts[self.rank]}
        # In its place: memory that is touched for the first time costs more than what is done to it.
        reduced = np.empty(sendobj.shape, sendobj.dtype)
        places = _split(reduced, self.size)
        _reduce(op, self._in_order(values), places[self.rank])
        del came, values
        for rank, piece in self._meet("allreduce", [(others, places[self.rank])]).items():
            places[rank][:] = piece
        return reduced

    def scan(self, sendobj: Any, op: Operator = operator.add) -> Any:
        """Return what the ranks up to this one have, combined."""
        came = self._meet("scan", [(range(self.rank, self.size), sendobj)])
        return functools.reduce(op, (came[rank] for rank in range(self.rank + 1)))

    def exscan(self, sendobj: Any, op: Operator = operator.add) -> Any:
        """Return what the ranks before this one have, combined; None in rank 0."""
        came = self._meet("exscan", [(range(self.rank + 1, self.size), sendobj)])
        return functools.reduce(op, (came[rank] for rank in range(self.rank))) if self.rank else None

    def send(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Leave a message for rank `dest`, and go on; 1,024 may wait there.

        Raises
        ------
        ResourceError
            If as many wait already.
        CollectiveError
            If the rank has ended.
        """
        body, buffers = _call_pickle.dump(obj)
        with _as_collective():
            self._asks.send(self._name, self._members, self._rank(dest), tag, body, buffers)

    def recv(self, buf: None = None, source: int | None = None, tag: int | None = None) -> Any:
        """Return the first message from rank `source`, or any, with this `tag`, or any; wait for it.

        Parameters
        ----------
        buf : None
            Where mpi4py has it; of no use.
        source : int, optional
            The sender; None, or a negative number as mpi4py's ``ANY_SOURCE`` is, for any.
        tag : int, optional
            What :meth:`send` was given; None, or a negative number, for any.
        """
        if buf is not None:
            raise ArgumentError("recv makes its own object: buf has no use")
        sender = None if source is None or source < 0 else self._rank(source)
        label = None if tag is None or tag < 0 else tag
        with _as_collective():
            ((_, body, buffers),) = self._asks.receive(self._name, self._members, sender, label)
        return _call_pickle.load(body, buffers)

    def split(self, color: int | None = None, key: int = 0) -> Comm | None:
        """Return the ranks that gave the same `color`, ordered by `key`, then rank; None where it is None."""
        given = self._of_all("split", (color, key))
        self._splits += 1
        if color is None:
            return None
        ranks = sorted((key, rank) for rank, (theirs, key) in enumerate(given) if theirs == color)
        members = tuple(self._members[rank] for _, rank in ranks)
        name = f"{self._name}/{self._splits}:{color}"
        return Comm(self._asks, [rank for _, rank in ranks].index(self.rank), members, name)

    Split = split

    def __repr__(self) -> str:
        return f"<rank {self.rank} of {self.size}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise ArgumentError("a communicator belongs to its rank, and cannot be sent to another process")

    def _rank(self, rank: int) -> int:
        if not 0 <= rank < self.size:
            raise ArgumentError(f"there is no rank {rank} among {self.size}")
        return rank

    def _for_each(self, items: Sequence[Any] | None, what: str) -> Parts:
        if items is None or len(items) != self.size:
            count = "none" if items is None else len(items)
            raise ArgumentError(f"{what} wants one item for each of {self.size} ranks, got {count}")
        return [([rank], item) for rank, item in enumerate(items)]

    def _gathered(self, purpose: str, value: Any, root: int) -> list[Any] | None:
        came = self._meet(f"{purpose} to rank {self._rank(root)}", [([root], value)])
        return self._in_order(came) if self.rank == root else None

    def _of_all(self, purpose: str, value: Any) -> list[Any]:
        return self._in_order(self._meet(purpose, [(range(self.size), value)]))

    def _in_order(self, came: dict[int, Any]) -> list[Any]:
        return [came[rank] for rank in range(self.size)]

    def _meet(self, purpose: str, parts: Parts) -> dict[int, Any]:
        pickled = [(list(targets), *_call_pickle.dump(value)) for targets, value in parts if targets]
        with _as_collective():
            came = self._asks.meet(self._name, self._members, purpose, pickled)
        return {rank: _call_pickle.load(body, buffers) for rank, body, buffers in came}


class _as_collective:  # noqa: N801 (a context, which a generator would make slower)
    """Turns what the other end says into the error of this module."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, CancelledError):
            raise CollectiveError(str(error)) from None


def _parts(value: Any, op: Operator, size: int) -> list[NDArray[Any]] | None:
    """Return what each of `size` ranks combines of an array; None where each combines the whole."""
    if op is not operator.add and not (isinstance(op, np.ufunc) and (op.nin, op.nout) == (2, 1)):
        return None
    if type(value) is not np.ndarray or not value.flags.c_contiguous or value.size < _WORTH_SHARING:
        return None
    nothing = value.reshape(-1)[:0]
    return _split(value, size) if op(nothing, nothing).dtype == value.dtype else None


def _split(array: NDArray[Any], size: int) -> list[NDArray[Any]]:
    flat, length = array.reshape(-1), array.size
    return [flat[length * rank // size : length * (rank + 1) // size] for rank in range(size)]


def _reduce(op: Operator, values: Sequence[NDArray[Any]], out: NDArray[Any]) -> None:
    """Combine arrays in their order, in memory that is there."""
    if len(values) == 1:
        out[:] = values[0]
        return
    ufunc = np.add if op is operator.add else cast("np.ufunc", op)
    so_far, *others = values
    for other in others:
        so_far = ufunc(so_far, other, out=out)
