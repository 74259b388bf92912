"""What an executor is within a call of its own: calls are made at once, where they are submitted, and never wait."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any


class Inline(concurrent.futures.Executor):
    """Makes each call when it is submitted, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """Call ``fn(*args, **kwargs)``, and return the future of what came of it."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
