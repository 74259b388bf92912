"""The Rust extension of this package: the worker's end of the channel."""

def run_worker(fd: int) -> None:
    """Serve one executor over the socket `fd` until it says goodbye or hangs up.

    Takes ownership of `fd`. Returns when the executor ends the worker's life in order.
    """
