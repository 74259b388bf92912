"""The measurements on Spark as a table, a page and a picture: docs/benchmarks/spark.md and spark.png."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from benchmarks import overhead
from benchmarks.against_spark import ARROW, OURS, PANDAS, PIPELINED, TARGETS
from benchmarks.workload import CORES, ROWS

ROOT = Path(__file__).parents[1]
DIRECTORY = ROOT / "docs" / "benchmarks"

TRIED = """## Tried and dropped

**Groups by a hash of their keys, without Spark's sort.** A task keeps its rows until all are there, finds the group
of each in a table of the keys, and writes groups in the order in which they came up. Tried with rows kept as Spark
has them, and with columns that are gathered group by group, against the same job with the sort, in turn in one
session, 100,000 groups of 20 rows; the keys were texts of 15 characters, which Spark sorts by comparing. Least of 15
runs, in brackets the medians, on a machine that did other work too:

| over the job with the sort | rows kept | columns kept |
| --- | ---: | ---: |
| a constant | 0.89 (0.84) | 0.84 (0.80) |
| the slope | 0.95 (0.90) | 0.89 (0.93) |

The sort was 0.51 s of 1.67 s; of these the columns saved 0.19 s: in place of the sort each row is copied once more,
its key is looked up, and its values are gathered. With keys of bigint, which Spark sorts by their bits, seven runs
with columns show no gain for the slope (1.07, in the median 1.15) and an unsteady one for the constant (0.68, 0.94).
For a tenth of a job with some keys there would be memory to bound, and the sort to fall back to, which spills: it
stays.
"""
"""What was measured once, and is not there."""


@dataclass(frozen=True)
class Line:
    """The figures of one Spark; times are medians, in seconds.

    Attributes
    ----------
    groups : int
        Of the first job, whose whole is `job`, or `by_rows` where it moves rows; Spark's own exchange and sort alone
        are `shuffle`, and its calls in a loop without Spark, on one core, `loop`.
    ratio : float
        What a group costs by rows beyond `shuffle`, over `loop`: the median over the runs, and its quartiles, `spread`.
    groups_compared : int
        Groups of the second job, whose times are `ways`, by each way to run it.
    """

    spark: str
    python: str
    numpy_version: str
    groups: int
    job: float
    by_rows: float
    shuffle: float
    loop: float
    ratio: float
    spread: tuple[float, float]
    groups_compared: int
    ways: dict[str, float]

    def faster(self, way: str) -> float:
        """How many times faster we are."""
        return self.ways[way] / self.ways[OURS]

    @property
    def whole(self) -> float:
        """The whole job, over Spark's own exchange and sort and the loop."""
        return self.job / (self.shuffle + self.loop / CORES)

    def missed(self) -> list[str]:
        """Return which targets were missed."""
        found = [f"Spark {self.spark}: {self.ratio:.2f} times the loop"] if self.ratio > overhead.TARGET else []
        if self.whole > overhead.WHOLE_TARGET:
            found.append(f"Spark {self.spark}: {self.whole:.2f} of the exchange, the sort and the loop")
        for way, target in TARGETS.items():
            if way in self.ways and self.faster(way) < target:
                found.append(f"Spark {self.spark}: {self.faster(way):.1f} times faster than {way}")
        return found


def table(lines: list[Line]) -> str:
    """Return the figures as a Markdown table."""
    rows = [
        ["seconds (in brackets µs of a core per group)", *(f"Spark {line.spark}" for line in lines)],
        ["---", *("---:" for _ in lines)],
        [f"{lines[0].groups:,} groups: the whole job", *(_time(line, line.job) for line in lines)],
        ["Spark's own exchange and sort alone", *(_time(line, line.shuffle) for line in lines)],
        [f"the same calls in a NumPy loop, over {CORES} cores", *(_time(line, line.loop / CORES) for line in lines)],
        [
            f"**the job over these two together** (target ≤ {overhead.WHOLE_TARGET})",
            *(f"**{line.whole:.2f}**" for line in lines),
        ],
        ["the job by rows", *(_time(line, line.by_rows) for line in lines)],
        ["beyond Spark's exchange and sort", *(_time(line, line.by_rows - line.shuffle) for line in lines)],
        [f"**ratio of this and the loop** (target ≤ {overhead.TARGET})", *(f"**{line.ratio:.2f}**" for line in lines)],
        ["its quartiles over the runs", *(f"{line.spread[0]:.2f} to {line.spread[1]:.2f}" for line in lines)],
        [
            f"{lines[0].groups_compared:,} groups: `numpy_map`, the whole job",
            *(f"{line.ways[OURS]:.3f}" for line in lines),
        ],
    ]
    for way in (PANDAS, ARROW, PIPELINED):
        target = f" (target ≥ {TARGETS[way]:.0f})" if way in TARGETS else ""
        method, comma, manner = way.partition(", ")
        there = [way in line.ways for line in lines]
        times = (f"{line.ways[way]:.2f}" if has else "-" for line, has in zip(lines, there, strict=True))
        ratios = (f"**{line.faster(way):.1f}**" if has else "-" for line, has in zip(lines, there, strict=True))
        rows += [[f"`{method}`{comma}{manner}, the whole job", *times], [f"**times faster**{target}", *ratios]]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _time(line: Line, seconds: float) -> str:
    return f"{seconds:.3f} ({seconds * 1e6 * CORES / line.groups:.1f})"


def page(lines: list[Line]) -> str:
    """Return the text of docs/benchmarks/spark.md."""
    line = lines[0]
    return f"""# Benchmarks on Spark

Written by `make bench`. A least-squares slope per group of {ROWS} rows and two double columns, on `local[{CORES}]`,
warm; medians of runs in turn. Python {line.python}, NumPy {line.numpy_version},
{platform.system()} on {platform.machine()}. Ratios travel between machines, seconds do not.

{table(lines)}

![Where the time goes](spark.png)

The loop makes the same calls over sorted arrays, in one process, its time divided by the {CORES} cores. Spark's own
exchange and sort alone hand every row to Spark's sink that drops it. The job moves
[columns](../spark.md#grouping-moves-columns) through the exchange, and so can be less than the two together.

By rows is the job with `exchange.columns` off. The last ratio is what a group costs in it beyond Spark's exchange and
sort, over the loop, run by run: 1.0 would be a free ride. On a machine that is busy with other work the ratios are
higher.

`applyInArrow` is Spark's from 4.0 on: a function gets a group as a table of Arrow. Pipelined is
`spark.python.udf.pipelined.enabled`, from 4.3 on: a thread of its own feeds each Python worker.

{TRIED}"""


PARTS = {"exchange, sort and Beringia": "#9aa7b1", "the NumPy calls themselves": "#00798c"}


def draw(lines: list[Line]) -> None:
    """Draw where the time of the job goes, and all ways side by side."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained", width_ratios=(5, 6))
    jobs = [
        (line, way, job) for line in reversed(lines) for way, job in (("rows", line.by_rows), ("columns", line.job))
    ]
    names = [f"Spark {line.spark}, by {way}" for line, way, _ in jobs]
    starts = [0.0 for _ in jobs]
    for part, colour in PARTS.items():
        seconds = [_parts(job, line.loop / CORES)[part] for line, _, job in jobs]
        bars = left.barh(names, seconds, left=starts, color=colour, label=part, height=0.5)
        left.bar_label(bars, [f"{s:.2f}" for s in seconds], label_type="center", color="white", fontsize=9)
        starts = [start + s for start, s in zip(starts, seconds, strict=True)]
    left.legend(frameon=False, loc="upper left", fontsize=9)
    left.set(ylim=(-0.5, len(jobs) + 0.6), xlabel="seconds")
    left.set_title(f"{lines[0].groups:,} groups of {ROWS} rows, {CORES} cores", loc="left", fontsize=10.5)
    ways = [(line, way) for line in reversed(lines) for way in (PIPELINED, ARROW, PANDAS, OURS) if way in line.ways]
    times = [line.ways[way] for line, way in ways]
    colours = ["#d1495b" if way == OURS else "#9aa7b1" for _, way in ways]
    bars = right.barh([f"{way} ({line.spark})" for line, way in ways], times, color=colours, height=0.62)
    right.bar_label(bars, [f"{t:.2f} s" for t in times], padding=4, fontsize=9)
    right.set(xscale="log", xlabel="seconds (logarithmic)", xlim=(min(times) / 3, max(times) * 4))
    right.set_title(f"{lines[0].groups_compared:,} groups", loc="left", fontsize=10.5)
    for axes in (left, right):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    figure.savefig(DIRECTORY / "spark.png", dpi=130)


def _parts(job: float, loop: float) -> dict[str, float]:
    return dict(zip(PARTS, (job - loop, loop), strict=True))


def write(lines: list[Line]) -> None:
    """Write page and picture."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    (DIRECTORY / "spark.md").write_text(page(lines), encoding="utf-8")
    draw(lines)
