"""What a rank, and the run, raises when ranks do not meet."""

from __future__ import annotations

from beringia import errors


class CollectiveError(errors.CancelledError):
    """The ranks cannot go on: one has ended, or they have come for different purposes. The message names them."""
