"""A function that runs on several workers at once, which talk to each other: what mpi4py calls a communicator."""

from beringia.collectives.comm import Comm
from beringia.collectives.errors import CollectiveError
from beringia.collectives.run import spmd

__all__ = ["CollectiveError", "Comm", "spmd"]
