"""How a call and its result travel: pickled as cloudpickle does it, with large buffers beside the pickle.

A call's body is a header, the function, and the arguments. The function is pickled apart, so that a worker loads it
once for all calls that bring the same bytes; what is no plain function (a partial, a bound method, an object) travels
with the arguments. Buffers are of shape ``(n,)`` and uint8; a large pickle is one of them, the first.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beringia import _known_functions, _main_namespace, _modules, _pickler

Buffers = list[NDArray[np.uint8]]
Reduce = Callable[[NDArray[Any]], tuple[Any, ...] | None]
"""Returns what :meth:`object.__reduce__` would of an array, or None for what is done with any other."""

# Bytes of the function, or its buffers where it is scattered; whether the arguments are the first buffer; the kind.
_HEADER = struct.Struct("<IBB")
_INLINE = 16 << 10  # a pickle or buffer below costs less where it is than in shared memory
_ONE, _CHUNK, _SCATTERED = 0, 1, 2
_PLAIN = frozenset((bool, bytes, complex, float, int, str, type(None)))  # what cloudpickle adds nothing to


def dump_call(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], reduce: Reduce | None = None
) -> tuple[bytes, Buffers]:
    """Pickle a call; `reduce` has a say in how arrays among its arguments are.

    Raises
    ------
    Exception
        Whatever pickling raises.
    """
    if isinstance(function, (FunctionType, BuiltinFunctionType)):
        plain = not kwargs and _PLAIN.issuperset(map(type, args))
        return _body(_function(function), (args, kwargs), _ONE, plain, reduce)
    return _body(b"", (function, args, kwargs), _ONE, reduce=reduce)


def dump_chunk(function: Any, items: Sequence[tuple[Any, ...]]) -> tuple[bytes, Buffers]:
    """Pickle calls of one function, for which :func:`load_call` has a function that makes all of them."""
    if isinstance(function, (FunctionType, BuiltinFunctionType)):
        return _body(_function(function), (items,), _CHUNK)
    return _body(b"", (function, items), _CHUNK)


def dump_function(function: Any) -> Buffers:
    """Pickle a function with what it refers to, for :func:`dump_scattered`: buffers that come before those of calls."""
    pickled, buffers = _pickled(function, False)
    return [np.frombuffer(pickled, np.uint8), *buffers]


def dump_scattered(function: Buffers, items: Sequence[tuple[Any, ...]]) -> tuple[bytes, Buffers]:
    """Pickle calls as :func:`dump_chunk` does, of a function whose buffers come before theirs, and are only read."""
    pickled, buffers = _pickled(items, False)
    apart = len(pickled) >= _INLINE
    if apart:
        pickled, buffers = b"", [np.frombuffer(pickled, np.uint8), *buffers]
    return _HEADER.pack(len(function), apart, _SCATTERED) + pickled, buffers


def load_call(
    body: bytes, buffers: Buffers, load_function: Callable[[bytes], Any]
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Return function, arguments and keyword arguments of a call.

    Raises
    ------
    Exception
        Whatever unpickling raises.
    """
    length, apart, kind = _HEADER.unpack_from(body)
    if kind == _SCATTERED:
        shared, buffers, length = buffers[:length], buffers[length:], 0
        for buffer in shared:
            buffer.flags.writeable = False
    start = _HEADER.size + length
    rest = (buffers[0].data, buffers[1:]) if apart else (memoryview(body)[start:], buffers)
    parts = pickle.loads(rest[0], buffers=rest[1])
    if length:
        parts = (load_function(body[_HEADER.size : start]), *parts)
    if kind == _SCATTERED:
        return _each, (pickle.loads(shared[0].data, buffers=shared[1:]), parts), {}
    if kind == _CHUNK:
        return _each, parts, {}
    function, args, kwargs = parts
    return function, args, kwargs


def _each(function: Any, items: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [function(*item) for item in items]


def dump(value: Any, plain: bool = False) -> tuple[bytes, Buffers]:
    """Pickle what :func:`load` returns; `plain` is whether :mod:`pickle` alone can do it."""
    pickled, buffers = _pickled(value, plain)
    if len(pickled) < _INLINE:
        return pickled, buffers
    return b"", [np.frombuffer(pickled, np.uint8), *buffers]


def load(body: bytes, buffers: Buffers) -> Any:
    """Return what was pickled; arrays are views on the buffers."""
    if body:
        return pickle.loads(body, buffers=buffers)
    return pickle.loads(buffers[0].data, buffers=buffers[1:])


def dump_whole(value: Any) -> bytes:
    """Pickle an object with all of its data, for :func:`pickle.loads`.

    Raises
    ------
    Exception
        Whatever pickling raises.
    """
    with io.BytesIO() as file:
        _CallPickler(file, lambda _: True).dump(value)
        return file.getvalue()


def reduce_array(value: NDArray[Any]) -> Any:
    """Return what pickle makes of an array: its data lie beside the pickle, and one that is read-only arrives so."""
    # Of other strides, and of times, NumPy makes a copy within the pickle, from which it would be copied again.
    flags = value.flags
    if value.dtype.kind in "mM":
        return _of_dtype, (value.view(np.int64), value.dtype)
    if not (flags.c_contiguous or flags.f_contiguous) and not value.dtype.hasobject:
        contiguous = np.ascontiguousarray(value)
        contiguous.flags.writeable = flags.writeable
        return contiguous.__reduce_ex__(5)
    return value.__reduce_ex__(5)


def is_plain(value: Any) -> bool:
    """Tell whether a value is one that :mod:`pickle` alone pickles, and fast."""
    return type(value) in _PLAIN


def _body(
    function: bytes, parts: tuple[Any, ...], kind: int, plain: bool = False, reduce: Reduce | None = None
) -> tuple[bytes, Buffers]:
    pickled, buffers = _pickled(parts, plain, reduce)
    apart = len(pickled) >= _INLINE
    if apart:
        pickled, buffers = b"", [np.frombuffer(pickled, np.uint8), *buffers]
    return b"".join((_HEADER.pack(len(function), apart, kind), function, pickled)), buffers


def _pickled(value: Any, plain: bool, reduce: Reduce | None = None) -> tuple[bytes, Buffers]:
    buffers: Buffers = []
    if plain:
        return pickle.dumps(value, 5), buffers

    def beside(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < _INLINE:
            return True
        buffers.append(np.frombuffer(raw, np.uint8))
        return False

    with io.BytesIO() as file:
        _CallPickler(file, beside, reduce).dump(value)
        return file.getvalue(), buffers


class _CallPickler(_pickler.Pickler):
    def __init__(
        self, file: io.BytesIO, beside: Callable[[pickle.PickleBuffer], bool], reduce: Reduce | None = None
    ) -> None:
        super().__init__(file, beside)
        self._reduce = reduce
        main, namespace = _main_namespace.reference()
        self.globals_ref[main] = namespace

    def reducer_override(self, value: Any) -> Any:
        if self._reduce is not None and isinstance(value, np.ndarray):
            reduced = self._reduce(value)
            if reduced is not None:
                return reduced
        if type(value) is np.ndarray:
            return reduce_array(value)
        arrow = sys.modules.get("pyarrow")
        if arrow is not None and isinstance(value, (arrow.Array, arrow.ChunkedArray, arrow.RecordBatch, arrow.Table)):
            # A slice of few rows would travel with the buffers of all.
            is_part = 2 * value.nbytes < value.get_total_buffer_size()
            return (_compact(value, arrow) if is_part else value).__reduce_ex__(5)
        managers = sys.modules.get("multiprocessing.managers")
        if managers is not None and isinstance(value, managers.BaseProxy):
            # A worker is no child of multiprocessing, which would know the key of the manager.
            rebuild, (*parts, options) = value.__reduce__()
            return rebuild, (*parts, {**options, "authkey": bytes(value._authkey)})
        reduced = super().reducer_override(value)
        if isinstance(reduced, tuple) and _main_namespace.of_main(value):
            *parts, setter = reduced
            parts[2] = setter, parts[2]
            return *parts, _main_namespace.set_state
        return reduced


def _compact(value: Any, arrow: ModuleType) -> Any:
    """Return a slice of Arrow data as data of its own."""
    if isinstance(value, arrow.Array):
        return _compact(arrow.record_batch([value], [""]), arrow).column(0)
    if isinstance(value, arrow.ChunkedArray):
        return _compact(arrow.table([value], [""]), arrow).column(0)
    sink = arrow.BufferOutputStream()
    with arrow.ipc.new_stream(sink, value.schema) as writer:
        writer.write(value)
    with arrow.ipc.open_stream(sink.getvalue()) as reader:
        return reader.read_all() if isinstance(value, arrow.Table) else reader.read_next_batch()


def _of_dtype(integers: NDArray[np.int64], dtype: np.dtype[Any]) -> NDArray[Any]:
    return integers.view(dtype)


def _function(function: Any) -> bytes:
    return _known_functions.pickled(function, _dump_function)


def _dump_function(function: Any) -> tuple[bytes, _modules.Stamps]:
    with io.BytesIO() as file:
        pickler = _CallPickler(file, lambda _: True)
        pickler.dump(function)
        modules = pickler.own_modules()
        return file.getvalue() + _pickler.fingerprint(modules), modules
