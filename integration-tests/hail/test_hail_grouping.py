"""Groups come together as Hail's own `group_by` brings them: the same keys, in the same order, with the same rows."""

import math

import pytest


def seen(x):
    return sorted(x.tolist()), len(x)


@pytest.fixture(scope="module")
def checked(hl):
    """Hail verifies every table's order and partitions as it runs."""
    rvd = getattr(hl.spark_context()._jvm.is_.hail.rvd, "RVD$") if False else None  # noqa: SIM222
    return rvd
