"""The worker's end of :mod:`beringia.futures`: makes a call, and says what came of it."""

from __future__ import annotations

import pickle
import sys
import traceback
from collections.abc import Callable
from typing import Any

from beringia import _call_pickle, _known_functions, _main_namespace, _modules

_MOST = 256
"""Functions that are kept for the next call that brings them."""

_functions: dict[bytes, tuple[Any, list[dict[str, Any]]]] = {}


def nothing() -> None:
    """Initialize nothing."""


def make(body: bytes, buffers: _call_pickle.Buffers) -> tuple[bytes, _call_pickle.Buffers]:
    """Make a call.

    Parameters
    ----------
    body : bytes
        As :func:`beringia._call_pickle.dump_call` made it.
    buffers : list of ndarray
        What lay beside it, uint8 of shape ``(n,)``: views, which the call may write to.

    Returns
    -------
    tuple of bytes and list of ndarray
        For :func:`beringia._call_pickle.load`: True and what the function returned; or False, the pickled exception or
        why there is none, what it says, and its traceback.
    """
    return call(body, buffers, _finish)


def call(
    body: bytes, buffers: _call_pickle.Buffers, finish: Callable[[bool], object] = bool
) -> tuple[bytes, _call_pickle.Buffers]:
    """Do what :func:`make` does; `finish` ends what the call has begun, and is told whether it failed."""
    try:
        function, args, kwargs = _call_pickle.load_call(body, buffers, _load)
        try:
            returned = function(*args, **kwargs)
        except BaseException:
            finish(True)
            raise
        finish(False)
        try:
            return _call_pickle.dump((True, returned), _call_pickle.is_plain(returned))
        except Exception as error:
            return _call_pickle.dump((False, *told(_unsendable(error, function, returned))))
    except BaseException as error:
        return _call_pickle.dump((False, *told(error)))


def _unsendable(error: Exception, function: Any, returned: Any) -> Exception:
    """Return the error of a result that cannot be pickled, which says so, and not how we pickle."""
    from beringia import _function  # which few need

    if hasattr(error, "add_note"):
        name = _function.name_of(function)
        error.add_note(f"what '{name}' returned, a {type(returned).__name__}, cannot be sent back from the worker")
    return error.with_traceback(None)


def _finish(failed: bool) -> None:
    """End the calls that the call has submitted; most have none, and need not import what would."""
    nested = sys.modules.get("beringia.futures.nested")
    if nested is not None:
        nested.finish(failed)


def _load(pickled: bytes) -> Any:
    """Return a function: the same object for the same bytes, as long as there are not too many others.

    One in which a call may leave something is another one for each call.
    """
    known = _functions.pop(pickled, None)
    if known is None:
        _modules.refresh()
        _main_namespace.loaded()
        known = pickle.loads(pickled), _main_namespace.loaded()
        if _known_functions.keeps_state(known[0]):
            return known[0]
        if len(_functions) >= _MOST:
            del _functions[next(iter(_functions))]
    else:
        for arrived in known[1]:
            _main_namespace.fill(arrived)
    _functions[pickled] = known
    return known[0]


def told(error: BaseException) -> tuple[bytes | str, str, str]:
    """Return an exception, pickled, or why it cannot be; what it says, and its traceback."""
    trace = error.__traceback__
    lines = traceback.format_exception(type(error), error, trace and trace.tb_next)
    says = "".join(traceback.format_exception_only(type(error), error)).strip()
    try:
        pickled: bytes | str = _call_pickle.dump_whole(error)
    except Exception as why:
        pickled = f"{type(why).__name__}: {why}"
    return pickled, says, "".join(lines)
