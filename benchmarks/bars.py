"""Seconds of the ways to do a thing, or how many times faster one is, as bars: the pictures of pages that have many."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from pathlib import Path

OURS, OTHER, LEAST = "#d1495b", "#9aa7b1", "#00798c"
"""Colours: of our way, of others, and of what every way has to do."""

ACROSS = 3


def draw(picture: Path, panels: Mapping[str, Mapping[str, tuple[float, str]]]) -> None:
    """Draw a panel for each title: its ways by name, each with its seconds and its colour, the first one on top."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    across = min(ACROSS, len(panels))
    down = math.ceil(len(panels) / across)
    ways = max(map(len, panels.values()))
    size = (3.8 * across + 1.5, (0.9 + 0.45 * ways) * down)
    figure, grid = plt.subplots(down, across, figsize=size, layout="constrained", squeeze=False)
    for axis in list(grid.flat)[len(panels) :]:
        axis.remove()
    for axis, (title, shown) in zip(grid.flat, panels.items(), strict=False):
        seconds, colours = zip(*shown.values(), strict=True)
        names = [name.replace(", ", ",\n") for name in shown]
        bars = axis.barh(names, seconds, color=colours, height=0.6)
        axis.bar_label(bars, fmt="%.2f s", padding=4, fontsize=9)
        axis.invert_yaxis()
        axis.margins(x=0.3)
        axis.set_xlabel("seconds")
        axis.set_title(textwrap.fill(title, 36), loc="left", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def draw_ratios(picture: Path, panels: Mapping[str, Mapping[str, float]]) -> None:
    """Draw a panel for each title: how many times faster each thing is, by its name, on a logarithmic scale from 1."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    size = (6.5 * len(panels), 0.8 + 0.3 * max(map(len, panels.values())))
    figure, grid = plt.subplots(1, len(panels), figsize=size, layout="constrained", squeeze=False, sharex=True)
    for axis, (title, shown) in zip(grid.flat, panels.items(), strict=True):
        bars = axis.barh(list(shown), [ratio - 1 for ratio in shown.values()], left=1, color=OURS, height=0.6)
        axis.bar_label(bars, labels=[f"{ratio:.1f}" for ratio in shown.values()], padding=4, fontsize=9)
        axis.invert_yaxis()
        axis.set_xscale("log", subs=[])
        axis.set_xticks([0.5, 1, 2, 5, 10, 20, 50], labels=["½", "1", "2", "5", "10", "20", "50"])
        axis.margins(x=0.2)
        axis.axvline(1, color=OTHER, linewidth=1)
        axis.set_xlabel("times faster")
        axis.set_title(title, loc="left", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, dpi=110)
    plt.close(figure)
