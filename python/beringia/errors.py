"""The errors a user can meet, one class per error code.

The codes are pinned: the Rust core, the JVM plugin and this module hold the same list, and a test compares
them. A class here is chosen by code, never by the text of a message.
"""

from __future__ import annotations

from typing import Any, ClassVar


class BeringiaError(Exception):
    """Base of every error of Beringia. The message is complete in itself.

    Parameters
    ----------
    message : str
        What happened, to which group, and what to do about it.
    group : str, optional
        The key of the group at fault, as text, where there is one.
    traceback : str, optional
        The Python traceback from the worker, verbatim, where there is one.
    function : str, optional
        Name of the function that was being run, where it is known.

    Attributes
    ----------
    code : int
        The pinned error code of the class; 0 for the base class alone.
    java_exception : py4j.java_gateway.JavaObject, optional
        What Spark raised, where the error came through a JVM; it does not travel to another process.
    """

    code: ClassVar[int] = 0
    group: str | None
    traceback: str | None
    function: str | None

    def __init__(
        self,
        message: str,
        *,
        group: str | None = None,
        traceback: str | None = None,
        function: str | None = None,
    ) -> None:
        super().__init__(message)
        self.group = group
        self.traceback = traceback
        self.function = function
        self.java_exception: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own __reduce__ restores the positional arguments and then this dict, notes included.
        return type(self), (str(self),), {**self.__dict__, "java_exception": None}


class GroupError(BeringiaError):
    """One group failed: here because the function raised, or because an argument has text that is not UTF-8."""

    code = 1


class ResultError(GroupError):
    """The function returned something that does not fit ``returns``."""

    code = 2


class MissingValueError(GroupError):
    """A column has a missing value that ``missing`` does not let through."""

    code = 3


class WorkerDiedError(GroupError):
    """The worker process ended while it ran the function: a crash, a signal, or the function left it."""

    code = 4


class GroupTimeoutError(GroupError):
    """The function ran for longer than it may."""

    code = 5


class GroupTooLargeError(GroupError):
    """The group does not fit the configured limit of one shared-memory segment."""

    code = 6


class ResourceError(BeringiaError):
    """The machine refused memory, a process or a file descriptor."""

    code = 7


class ConfigError(BeringiaError, ValueError):
    """A setting is wrong, or the plugin is not set up in this session."""

    code = 8


class InterpreterError(BeringiaError):
    """The workers' Python cannot be used: absent, of another version, or without NumPy or this package."""

    code = 9


class ProtocolError(BeringiaError):
    """The two ends of the channel disagree: a defect, or two versions of Beringia mixed."""

    code = 10


class ArgumentError(BeringiaError, ValueError):
    """The call itself is refused, before anything runs."""

    code = 11


class CancelledError(BeringiaError):
    """The task was cancelled while its worker ran."""

    code = 12


class InternalError(BeringiaError):
    """A defect of Beringia."""

    code = 13


BY_CODE: dict[int, type[BeringiaError]] = {
    cls.code: cls
    for cls in (
        GroupError,
        ResultError,
        MissingValueError,
        WorkerDiedError,
        GroupTimeoutError,
        GroupTooLargeError,
        ResourceError,
        ConfigError,
        InterpreterError,
        ProtocolError,
        ArgumentError,
        CancelledError,
        InternalError,
    )
}
"""Every error class by its code."""


def from_code(
    code: int,
    message: str,
    *,
    group: str | None = None,
    traceback: str | None = None,
    function: str | None = None,
) -> BeringiaError:
    """Make the error that the native side reports as `code`.

    Parameters
    ----------
    code : int
        One of the pinned codes. An unknown one gives an :class:`InternalError` that says so: the native
        side is then of another version than this package.
    message, group, traceback, function : str
        As in :class:`BeringiaError`.

    Returns
    -------
    BeringiaError
        An instance of the class of that code.
    """
    cls = BY_CODE.get(code)
    if cls is None:
        cls, message = InternalError, f"unknown error code {code}: {message}"
    return cls(message, group=group, traceback=traceback, function=function)
