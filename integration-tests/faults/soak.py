"""Jobs and faults, one after the other for some minutes, on the local front and on Spark: what the owning process holds
stays flat.

Run by ``make soak``: ``python integration-tests/faults/soak.py [minutes]``. Prints a table and ends with 1 if memory,
descriptors or processes have grown.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import resource
import sys
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "integration-tests"))

# Before the JVM starts: what there is and was of this run is told by it.
os.environ["BERINGIA_TEST_RUN"] = RUN = f"beringia-soak-{uuid.uuid4().hex}"

import fronts  # noqa: E402 (see above)
import strikes  # noqa: E402 (see above)

import beringia  # noqa: E402 (see above)
from beringia.errors import BeringiaError  # noqa: E402 (see above)

FAULTS = (
    strikes.killed,
    strikes.crashes,
    strikes.ends_itself,
    strikes.closes_every_descriptor,
    strikes.forks_a_child_that_stays_and_dies,
    strikes.raises_system_exit,
    strikes.wants_too_much_memory,
    strikes.loops,
    strikes.starts_threads_that_stay,
    strikes.forks_and_both_return,
    strikes.replaces_the_streams,
    strikes.changes_the_limits,
)
LINES = 8  # of the table
GROWTH = {"memory MiB": 96, "descriptors": 24, "processes": 3}  # more than this is a leak


def striking(strike):
    """A function of which one group is struck."""

    def strikes_at_seven(a, x):
        if a == 7:
            strike()
        return float(x.sum())

    return strikes_at_seven


def measure(front):
    """What the owning process holds: resident memory, descriptors, and all its descendants."""
    status = Path(f"/proc/{front.process}/statm").read_text().split()
    found = 0
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            found += entry.name.isdigit() and RUN.encode() in (entry / "environ").read_bytes()
    return {
        "memory MiB": int(status[1]) * resource.getpagesize() >> 20,
        "descriptors": len(list(Path(f"/proc/{front.process}/fd").iterdir())),
        "processes": found,
    }


def step(front, chance):
    """One job, or one fault and the job after it; whether it was a fault."""
    if chance.random() < 0.5:
        front.check()
        return False
    strike = chance.choice(FAULTS)
    with contextlib.suppress(BeringiaError):
        front.run(striking(strike), timeout=0.5)
    front.check()
    return True


def soak(front, minutes):
    """The table of one front, and what has grown."""
    chance, jobs, faults = random.Random(1), 0, 0
    warm, until = time.monotonic() + 60 * minutes / LINES, time.monotonic() + 60 * minutes
    rows = []
    print(f"\n{front.name:>8} {'jobs':>7} {'faults':>7}" + "".join(f"{name:>13}" for name in GROWTH), flush=True)
    while time.monotonic() < until:
        while time.monotonic() < warm:
            faults += step(front, chance)
            jobs += 1
        warm += 60 * minutes / LINES
        time.sleep(0.5)  # what ends, ends
        rows.append(measure(front))
        values = "".join(f"{value:13}" for value in rows[-1].values())
        print(f"{len(rows):>8} {jobs:7} {faults:7}{values}", flush=True)
    # The first lines are of a process that warms up: the second half must not be above the first.
    half = len(rows) // 2
    early = {name: max(row[name] for row in rows[:half]) for name in GROWTH}
    late = {name: max(row[name] for row in rows[half:]) for name in GROWTH}
    return [
        f"{front.name}: {name} grew from {early[name]} to {late[name]}"
        for name, most in GROWTH.items()
        if late[name] > early[name] + most
    ]


def soak_local(minutes):
    with beringia.Pool(workers=2) as pool:
        return soak(fronts.Local(pool), minutes)


def soak_spark(minutes):
    from pyspark.sql import SparkSession

    from beringia.spark import conf

    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.memory": "1g",
    }
    session = SparkSession.builder.master("local[2]").config(map=conf(**settings)).getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    try:
        return soak(fronts.Spark(session), minutes)
    finally:
        session.stop()


def main():
    logging.basicConfig(level=logging.INFO, handlers=[logging.NullHandler()])  # what workers print
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    grown = soak_local(minutes / 2) + soak_spark(minutes / 2)
    print("\n" + ("\n".join(grown) if grown else "nothing has grown"))
    sys.exit(1 if grown else 0)


if __name__ == "__main__":
    main()
