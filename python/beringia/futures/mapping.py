"""``map`` of an executor, by its ``submit``: in chunks, some calls ahead, with a bar; and calls of many items."""

from __future__ import annotations

import concurrent.futures
import operator
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future
from contextlib import ExitStack
from itertools import islice
from typing import Any

from beringia import _call_pickle, _function
from beringia.futures.options import of_items
from beringia.local.progress import Tally, bar


class Maps(concurrent.futures.Executor):
    """An executor that maps in chunks."""

    def submit_chunk(self, fn: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> Future[Any]:
        """Have `fn` called with each of the tuples in `items`, by one worker: a future of a list."""
        return self._submitted(_function.name_of(fn), lambda: _call_pickle.dump_chunk(fn, items), of_items(items))

    def submit_scattered(
        self, name: str, function: _call_pickle.Buffers, items: Sequence[tuple[Any, ...]]
    ) -> Future[Any]:
        """Do what :meth:`submit_chunk` does, for a function that was pickled once."""
        return self._submitted(name, lambda: _call_pickle.dump_scattered(function, items), of_items(items), function)

    def _submitted(
        self,
        name: str,
        dump: Callable[[], tuple[bytes, _call_pickle.Buffers]],
        given: Iterable[tuple[str, Any]],
        common: _call_pickle.Buffers | None = None,
    ) -> Future[Any]:
        """Hand over a call of the function `name`, as `dump` pickles it; `given` are its arguments, for messages."""
        raise NotImplementedError

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        progress: bool = False,
    ) -> Iterator[Any]:
        """Call `fn` with the items of the iterables, in parallel.

        Parameters
        ----------
        fn : callable
            Takes as many arguments as there are iterables.
        *iterables : iterable
            Gone through at once, or as `buffersize` says.
        timeout : float, optional
            Seconds from now on within which each result must be there.
        chunksize : int, default 1
            Items that one call takes; short calls travel together in any case.
        buffersize : int, optional
            The most calls whose results nobody has taken yet.
        progress : bool, default False
            Whether to show a bar of the items done, at a terminal or in a notebook.

        Returns
        -------
        iterator
            The results, in the order of the items.

        Raises
        ------
        ValueError, TypeError
            If a number is none.
        ArgumentError
            If a bar is to be shown, and tqdm is not installed.
        """
        chunksize = operator.index(chunksize)
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if buffersize is not None and not isinstance(buffersize, int):
            raise TypeError("buffersize must be an integer or None")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        ends = None if timeout is None else time.monotonic() + timeout
        items = zip(*iterables, strict=False)
        sizes = [len(each) for each in iterables if isinstance(each, Sized)]
        with ExitStack() as stack:
            show = stack.enter_context(bar(progress, " calls"))
            tally = Tally(show, min(sizes) if sizes and len(sizes) == len(iterables) else None)
            submit = self._submit_all(fn, items, chunksize, tally)
            futures = list(islice(submit, buffersize))
            return _results(futures, submit, ends, chunksize > 1, tally, stack.pop_all())

    def _submit_all(
        self, fn: Callable[..., Any], items: Iterator[tuple[Any, ...]], chunksize: int, tally: Tally
    ) -> Iterator[Future[Any]]:
        for chunk in iter(lambda: list(islice(items, chunksize)), []):
            # No name for the future: this would keep its result.
            yield tally.expect(
                self.submit(fn, *chunk[0]) if chunksize == 1 else self.submit_chunk(fn, chunk), len(chunk)
            )


def _results(
    futures: list[Future[Any]],
    submit: Iterator[Future[Any]],
    ends: float | None,
    chunks: bool,
    tally: Tally,
    end: ExitStack,
) -> Iterator[Any]:
    futures.reverse()
    try:
        while futures:
            future = futures.pop()
            try:
                result = future.result(None if ends is None else ends - time.monotonic())
                results = result[::-1] if chunks else [result]
                del result
                tally.count(future)
            finally:
                future.cancel()
                del future
            following = next(submit, None)
            if following is not None:
                futures.insert(0, following)
            del following
            # None is kept here that was given away.
            while results:
                yield results.pop()
    finally:
        for future in futures:
            future.cancel()
        end.close()
