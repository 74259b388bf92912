"""The measurements on Hail as a page and a picture: docs/benchmarks/hail.md and hail.png."""

from __future__ import annotations

import platform
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

DIRECTORY = Path(__file__).parents[1] / "docs" / "benchmarks"
CORES = 2
WORKLOADS = {
    "groups": "20,000 groups of 50 rows, a regression in each",
    "blocks": "200 blocks of 500 variants and 2,000 samples, a mean score in each",
}
WAYS = {
    "read": "reading the rows alone (`_force_count`)",
    "query": "the query alone (`_force_count` of the grouped table)",
    "loop": "the NumPy loop alone, one core",
    "ours": "`numpy_map`",
    "spark": "`to_spark`, `applyInPandas`, `from_spark`",
    "driver": "`collect` to the driver, and a loop",
    "pandas": "`to_pandas`, and a loop",
}
OTHERS = ("spark", "driver", "pandas")
TIMES = {"groups": 30.0, "blocks": 5.0}  # how much faster than each of the others
OVERHEAD = 1.3  # times the query and the loop, its time divided by the cores


class Found(TypedDict):
    """What was measured of one way: the fastest run, and the peak of memory of all processes in bytes."""

    seconds: float
    peak: float


Results = Mapping[str, Mapping[str, Found]]


def overhead(ways: Mapping[str, Found]) -> float | None:
    """Return numpy_map's time over that of the query and the loop ÷ cores; None if one is unknown."""
    if not {"query", "loop", "ours"} <= set(ways):
        return None
    return ways["ours"]["seconds"] / (ways["query"]["seconds"] + ways["loop"]["seconds"] / CORES)


def floor(ways: Mapping[str, Found]) -> float | None:
    """Return the seconds that no way on all cores can do without: to read the rows, and to run the function."""
    if not {"read", "loop"} <= set(ways):
        return None
    return ways["read"]["seconds"] + ways["loop"]["seconds"] / CORES


def missed(found: Results) -> list[str]:
    """Say which targets were missed, but for those that are out of reach."""
    result = []
    for workload, ways in found.items():
        ratio = overhead(ways)
        if ratio is None or ratio > OVERHEAD:
            shown = "unknown" if ratio is None else f"{ratio:.2f}"
            result.append(f"{workload}: numpy_map over query and loop is {shown}, the target {OVERHEAD}")
        for way in OTHERS:
            if way in ways and "ours" in ways and not is_out_of_reach(workload, way, ways):
                times = ways[way]["seconds"] / ways["ours"]["seconds"]
                if times < TIMES[workload]:
                    result.append(f"{workload}: {times:.1f} times faster than {way}, the target {TIMES[workload]:.0f}")
    return result


def is_out_of_reach(workload: str, way: str, ways: Mapping[str, Found]) -> bool:
    """Tell whether nothing could be as much faster than a way as the target wants."""
    least = floor(ways)
    return least is not None and way in ways and ways[way]["seconds"] < TIMES[workload] * least


def out_of_reach(found: Results) -> list[str]:
    """Say which targets nothing could meet, and why."""
    result = []
    for workload, ways in found.items():
        for way in OTHERS:
            least = floor(ways)
            if least is not None and "ours" in ways and is_out_of_reach(workload, way, ways):
                seconds = ways[way]["seconds"]
                title = WAYS[way].replace("`", "")
                result.append(
                    f"{workload}: {seconds / ways['ours']['seconds']:.1f} times faster than {title}, the target "
                    f"{TIMES[workload]:.0f}. To read the rows and run the loop on {CORES} cores takes {least:.2f} s: "
                    f"what does both is at most {seconds / least:.0f} times faster"
                )
    return result


def write(found: Results) -> None:
    """Write the page and the picture, and print the page."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    text = page(found)
    (DIRECTORY / "hail.md").write_text(text, encoding="utf-8")
    draw(found)
    print(text)


def page(found: Results) -> str:
    """Return the text of docs/benchmarks/hail.md."""
    import numpy as np

    import hail as hl

    parts = [
        "# Benchmarks on Hail",
        "",
        f"Written by `make bench`, on `local[{CORES}]`. Each way runs in a process of its own, until it gets no",
        "faster or for a minute, `numpy_map` in turn with the query and the loop; the fastest run counts.",
        "Memory is the peak of all processes together. The query is Hail's own: the rows grouped by `group_by` and",
        "`collect`, and counted. To collect all blocks takes minutes and more memory than there is: a tenth of them",
        "is, and its time multiplied.",
        f"Hail {hl.__version__.partition('-')[0]}, Python {platform.python_version()},",
        f"NumPy {np.__version__}, {platform.system()} on {platform.machine()}. Ratios travel between machines, seconds",
        "do not; on a machine that is busy with other work all of them are worse.",
        "",
        "![The ways beside each other](hail.png)",
        "",
    ]
    for workload, ways in found.items():
        parts += [f"## {WORKLOADS[workload]}", ""]
        parts += ["| way | seconds | times `numpy_map` | peak memory |", "|---|--:|--:|--:|"]
        ours = ways["ours"]["seconds"] if "ours" in ways else float("nan")
        for way, title in WAYS.items():
            if way in ways:
                seconds, peak = ways[way]["seconds"], ways[way]["peak"]
                parts.append(f"| {title} | {seconds:.2f} | {seconds / ours:.1f} | {peak / 2**20:,.0f} MiB |")
            else:
                parts.append(f"| {title} | did not finish, or did not fit into memory | | |")
        ratio = overhead(ways)
        if ratio is not None:
            parts += [
                "",
                f"`numpy_map` takes **{ratio:.2f}** times what the query and the loop ÷ {CORES} cores take "
                f"(target ≤ {OVERHEAD}).",
                f"The other ways are to take {TIMES[workload]:.0f} times as long as it.",
            ]
        parts.append("")
    for title, lines in (("were missed", missed(found)), ("are out of reach", out_of_reach(found))):
        if lines:
            parts += [f"## Targets that {title}", ""]
            parts += [*(f"- {line}." for line in lines), ""]
    return "\n".join(parts)


def draw(found: Results) -> None:
    """Draw the ways side by side, for each workload."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(found), figsize=(11, 3), layout="constrained", squeeze=False)
    for axis, (workload, ways) in zip(axes[0], found.items(), strict=True):
        shown = [way for way in reversed(WAYS) if way in ways]
        bars = axis.barh(
            [WAYS[way].replace("`", "").partition(" (")[0] for way in shown],
            [ways[way]["seconds"] for way in shown],
            color=["#d1495b" if way == "ours" else "#9aa7b1" if way in OTHERS else "#00798c" for way in shown],
            height=0.6,
        )
        axis.bar_label(bars, fmt="%.2f s", padding=4, fontsize=9)
        axis.set(xscale="log", xlabel="seconds")
        axis.margins(x=0.35)
        axis.set_title(textwrap.fill(WORKLOADS[workload], 36), loc="left", fontsize=10.5)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(DIRECTORY / "hail.png", dpi=110)
    plt.close(figure)
