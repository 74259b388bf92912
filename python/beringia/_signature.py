"""Which columns a function takes: its parameters matched with ``args``, ``consts`` and columns of their name.

Knows no engine: a column is whatever the engine's `accept` makes of what the user wrote. The order of the
result is the order of the call: every positional argument before the first keyword.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from beringia._function import name_of
from beringia.errors import ArgumentError

Column = TypeVar("Column")

MISSING_POLICIES = ("nan", "mask", "error")

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Argument(Generic[Column]):
    """One column passed to the function.

    Attributes
    ----------
    name : str
        The parameter; for an argument without one, what the user wrote for the column.
    keyword : bool
        Whether it is passed by name.
    column : Column
        The column, as the engine knows it.
    missing : str
        What a missing value becomes: one of :data:`MISSING_POLICIES`.
    """

    name: str
    keyword: bool
    column: Column
    missing: str


def bind(
    function: Callable[..., Any],
    args: Mapping[str, Any] | Sequence[Any] | None,
    missing: str | Mapping[str, str],
    accept: Callable[[str, Any], Column],
    consts: Collection[str] = (),
) -> list[Argument[Column]]:
    """Decide which columns are passed to `function`.

    Parameters
    ----------
    function : callable
        A required parameter takes `args`, else `consts`, else the column of its name; one with a default
        keeps it unless `args` or `consts` names it; ``*args`` and ``**kwargs`` never collect columns by
        themselves.
    args : mapping or sequence, optional
        By parameter, or by position for a function without named positional parameters.
    missing : str or mapping
        The policy for missing values, for all arguments or by parameter (``"nan"`` for the others).
    accept : callable
        ``accept(parameter, value)`` makes a column of what the user wrote, or raises ArgumentError.
    consts : collection of str
        Parameters that get a constant, by name: they take no column.

    Returns
    -------
    list of Argument
        In the order of the call, without the constants.

    Raises
    ------
    ArgumentError
        If `function` is no function, `args` or `consts` does not fit it, or `missing` is no policy.
    """
    if not callable(function):
        raise ArgumentError(f"the first argument must be a function, got {type(function).__name__}")
    _check_consts(function, args, consts)
    if args is None or isinstance(args, Mapping):
        chosen = _by_name(function, {} if args is None else args, consts)
    elif isinstance(args, Sequence) and not isinstance(args, (str, bytes)):
        chosen = _by_position(function, args, consts)
    else:
        raise ArgumentError(
            f"args must be a dict by parameter, or a list by position, got {type(args).__name__}",
            function=name_of(function),
        )
    policies = _policies(function, missing, [name for name, _, _ in chosen])
    return [
        Argument(name, keyword, accept(name, value), policy)
        for (name, keyword, value), policy in zip(chosen, policies, strict=True)
    ]


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """Return the parameters of `function`, or None if it has no signature.

    A ufunc counts as one without: whether it shows one depends on the version of NumPy.
    """
    if hasattr(function, "nin") and hasattr(function, "nout"):
        return None
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def _check_consts(function: Callable[..., Any], args: Any, consts: Collection[str]) -> None:
    """Refuse constants that the function cannot get by name."""
    name = name_of(function)
    both = [key for key in consts if isinstance(args, Mapping) and key in args]
    if both:
        raise ArgumentError(f"{_listed(both)} is in args and in consts: leave it in one of them", function=name)
    parameters = _parameters(function) or []
    takes_any = not parameters or any(p.kind is p.VAR_KEYWORD for p in parameters)
    known = {p.name: p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    unknown = [] if takes_any else [key for key in consts if key not in known]
    if unknown:
        raise ArgumentError(
            f"consts names {_listed(unknown)}, but {name} has {_listed(sorted(known)) or 'no parameter'}",
            function=name,
        )
    for key in consts:
        if key in known and known[key].kind is inspect.Parameter.POSITIONAL_ONLY:
            raise ArgumentError(
                f"{name} takes {key} by position only, and constants go by name: wrap it in a function",
                function=name,
            )


def _by_name(
    function: Callable[..., Any], args: Mapping[str, Any], consts: Collection[str]
) -> list[tuple[str, bool, Any]]:
    parameters = _parameters(function)
    name = name_of(function)
    if parameters is None:
        raise ArgumentError(
            f"{name} has no signature to read parameters from: give its columns by position, args=['a', 'b']",
            function=name,
        )
    known = {p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    unknown = [] if takes_any else [key for key in args if key not in known]
    if unknown:
        raise ArgumentError(
            f"args names {_listed(unknown)}, but {name} has {_listed(sorted(known)) or 'no parameter'}",
            function=name,
        )
    chosen: list[tuple[str, bool, Any]] = []
    # The first positional parameter that keeps its default, or gets a constant: those after it go by name.
    skipped = None
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        required = parameter.default is parameter.empty
        if parameter.name in consts or (not required and parameter.name not in args):
            if parameter.kind in _POSITIONAL and skipped is None:
                skipped = parameter.name
            continue
        keyword = parameter.kind is parameter.KEYWORD_ONLY or skipped is not None
        if keyword and parameter.kind is parameter.POSITIONAL_ONLY:
            raise ArgumentError(
                f"{name} takes {parameter.name} by position only, so args must name {skipped} before it too",
                function=name,
            )
        chosen.append((parameter.name, keyword, args.get(parameter.name, parameter.name)))
    chosen += [(key, True, value) for key, value in args.items() if key not in known]
    return chosen


def _by_position(
    function: Callable[..., Any], args: Sequence[Any], consts: Collection[str]
) -> list[tuple[str, bool, Any]]:
    parameters = _parameters(function)
    name = name_of(function)
    if parameters is not None:
        named = [p.name for p in parameters if p.kind in _POSITIONAL]
        if named or not any(p.kind is p.VAR_POSITIONAL for p in parameters):
            shown = ", ".join(f"{p!r}: …" for p in named)
            raise ArgumentError(
                f"args is a list, but {name} names its parameters: give them by name, args={{{shown}}}",
                function=name,
            )
        keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
        required = [key for key in keywords if key not in consts]
        if required:
            raise ArgumentError(
                f"args is a list, but {name} needs {_listed(required)} by name: wrap it in a function of its columns",
                function=name,
            )
    return [(str(value), False, value) for value in args]


def _policies(function: Callable[..., Any], missing: str | Mapping[str, str], names: list[str]) -> list[str]:
    if isinstance(missing, Mapping):
        unknown = [key for key in missing if key not in names]
        if unknown:
            raise ArgumentError(
                f"missing names {_listed(unknown)}, but {name_of(function)} takes columns for "
                f"{_listed(names) or 'no parameter'}",
                function=name_of(function),
            )
        policies = [missing.get(name, "nan") for name in names]
    else:
        policies = [missing] * len(names)
    wrong = [
        policy
        for policy in [*policies, *([] if isinstance(missing, Mapping) else [missing])]
        if policy not in MISSING_POLICIES
    ]
    if wrong:
        raise ArgumentError(
            f"missing is one of {_listed(MISSING_POLICIES)}, got {wrong[0]!r}", function=name_of(function)
        )
    return policies


def _listed(names: Sequence[Any]) -> str:
    return ", ".join(repr(name) for name in names)
