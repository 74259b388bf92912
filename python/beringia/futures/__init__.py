"""Calls of single functions by worker processes, as :mod:`concurrent.futures` has them."""

from beringia.futures.errors import CallTimeoutError, WorkerDiedError
from beringia.futures.executor import Executor

__all__ = ["CallTimeoutError", "Executor", "WorkerDiedError"]
