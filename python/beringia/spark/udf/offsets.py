"""Which columns a grouped map gets, as Spark's JVM says it: for each of its frames or tables, key and columns."""

from __future__ import annotations


def sides(offsets: list[int]) -> list[tuple[list[int], list[int]]]:
    """Return the columns of the key, and those of the frame, of each side: of cogroups two.

    A side is written as how many numbers follow, how many of them are the key's, these, then the frame's.
    """
    found = []
    while offsets:
        length, *offsets = offsets
        (keys, *columns), offsets = offsets[:length], offsets[length:]
        found.append((columns[:keys], columns[keys:]))
    return found
