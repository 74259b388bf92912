"""The Rust extension of this package: the worker's end of the channel."""

from typing import final

@final
class Views:
    """Owner of the shared memory behind a batch's arrays: the base of each, so that a kept view stays valid."""

def run_worker(fd: int) -> None:
    """Serve one executor over the socket `fd` until it says goodbye or hangs up.

    Takes ownership of `fd`. Returns when the executor ends the worker's life in order; ends the process when the
    executor hangs up while a function runs.
    """
