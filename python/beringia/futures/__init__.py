"""Calls of single functions by worker processes, as :mod:`concurrent.futures` has them."""

from beringia.futures.errors import CallTimeoutError, WorkerDiedError
from beringia.futures.executor import Executor
from beringia.futures.scattering import scatter
from beringia.futures.sharing import share

__all__ = ["CallTimeoutError", "Executor", "WorkerDiedError", "scatter", "share"]
