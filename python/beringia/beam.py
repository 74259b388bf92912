"""Apache Beam on our workers: a PTransform whose function gets batches of elements as arrays, in worker processes.

Beam makes batches of elements, and elements of what returns, by its own type hints of arrays. The function runs beside
Beam's process: arrays go there in shared memory, and one that ends its process fails its bundle, which the runner may
try again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.typehints.batch import N, NumpyArray

from beringia import _convert
from beringia._batch_calls import BatchCalls
from beringia.errors import ResultError

__all__ = ["MapBatches"]

Element = tuple[Any, tuple[int, ...]]


class MapBatches(beam.PTransform):
    """Calls a function with batches of elements, in worker processes.

    Parameters
    ----------
    f : callable
        Takes an array of shape ``(n, *shape)``, the `n` elements of a batch, and returns one of `n` rows.
    takes : dtype or tuple of dtype and shape
        What an element is.
    returns : dtype or tuple of dtype and shape
        What a row of the result is.
    workers : int, optional
        Worker processes of each of Beam's; by default as many as there are cores.
    timeout : float, optional
        Seconds that a call may take.
    retries : int, default 0
        How often a call is made again after a worker died in it.

    Examples
    --------
    >>> with beam.Pipeline() as pipeline:  # doctest: +SKIP
    ...     numbers = pipeline | beam.Create(np.arange(1000.0))
    ...     roots = numbers | beringia.beam.MapBatches(np.sqrt, takes=np.float64, returns=np.float64)
    """

    def __init__(
        self,
        f: Callable[[Any], Any],
        takes: Any,
        returns: Any,
        *,
        workers: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
    ) -> None:
        super().__init__()
        self._takes, self._returns = _element(takes), _element(returns)
        self._calls = BatchCalls(f, workers, timeout, retries)

    def expand(self, input_or_inputs: Any) -> Any:
        """Return the collection of results."""
        elements = input_or_inputs
        if elements.element_type != _one(self._takes):
            # Beam makes batches of what it knows the type of.
            elements |= "elements" >> beam.Map(_same).with_output_types(_one(self._takes))
        return elements | self._calls.name >> beam.ParDo(_Batches(self._calls, self._takes, self._returns))


class _Batches(beam.DoFn):
    def __init__(self, calls: BatchCalls, takes: Element, returns: Element) -> None:
        self._calls, self._takes, self._returns = calls, takes, returns

    def setup(self) -> None:
        """Get ready to call."""
        self._calls.open()

    def teardown(self) -> None:
        """Let the workers go."""
        self._calls.close()

    def process_batch(self, batch: Any, *_: Any, **__: Any) -> Iterator[Any]:
        """Yield what the function returns for a batch."""
        dtype, shape = self._returns
        result = self._calls.call(batch)
        if result.shape != (len(batch), *shape) or not np.can_cast(result.dtype, dtype, "same_kind"):
            raise ResultError(
                f"'{self._calls.name}' returned {result.dtype} of shape {result.shape} for a batch of {len(batch)}: "
                f"expected {dtype} of shape {(len(batch), *shape)}, as returns= says"
            )
        try:
            _check(result, np.dtype(dtype))
        except ValueError as error:
            raise ResultError(
                f"'{self._calls.name}' returned {error}, which {np.dtype(dtype)} of returns= does not have: cast it, "
                "or name a larger dtype"
            ) from error
        yield result.astype(dtype, copy=False)

    def get_input_batch_type(self, input_element_type: Any) -> Any:  # noqa: ARG002 (Beam passes it)
        """Return what Beam makes of elements."""
        return _batches(self._takes)

    def get_output_batch_type(self, input_element_type: Any) -> Any:  # noqa: ARG002 (Beam passes it)
        """Return what Beam makes elements of."""
        return _batches(self._returns)

    def infer_output_type(self, input_element_type: Any) -> Any:  # noqa: ARG002 (Beam passes it)
        """Return what an element of the result is."""
        return _one(self._returns)


def _check(result: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> None:
    """Raise a ValueError for a number that another dtype of its kind has not: NumPy wraps and rounds without a word."""
    if result.dtype == dtype or not {result.dtype.kind, dtype.kind} <= set("iufc"):
        return
    target = dtype.type(0).real.dtype  # of a complex number, that of its two parts
    if target.itemsize > 8:
        return  # the widest floats have all
    flat = np.ascontiguousarray(result).reshape(-1)
    _convert.numbers(flat.view(flat.real.dtype), target.str[1:], nan_as_null=False)


def _same(element: Any) -> Any:
    return element


def _element(of: Any) -> Element:
    kind, shape = of if isinstance(of, tuple) else (of, ())
    return np.dtype(kind).type, tuple(shape)


def _one(of: Element) -> Any:
    dtype, shape = of
    return NumpyArray[dtype, shape] if shape else dtype


def _batches(of: Element) -> Any:
    dtype, shape = of
    return NumpyArray[dtype, (N, *shape)]
