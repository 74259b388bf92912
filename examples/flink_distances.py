"""Apache Flink: distances on the globe, by NumPy in worker processes, a batch of rows at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pyflink.table import EnvironmentSettings, TableEnvironment

import beringia.flink

Numbers = NDArray[np.float64]
RADIUS = 6371.0
"""Kilometres."""


def distance(lat: Numbers, lon: Numbers, other_lat: Numbers, other_lon: Numbers) -> Numbers:
    """Return the kilometres between points, of shape ``(n,)`` as all of them are."""
    phi, psi, other_phi, other_psi = np.radians([lat, lon, other_lat, other_lon])
    half = np.sin((other_phi - phi) / 2) ** 2
    half += np.cos(phi) * np.cos(other_phi) * np.sin((other_psi - psi) / 2) ** 2
    angle: Numbers = 2 * np.arcsin(np.sqrt(half))
    return RADIUS * angle


def main() -> None:
    """Print how far some cities are from each other."""
    tables = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
    rows = [("Berlin", 52.52, 13.41, 48.86, 2.35), ("Oslo", 59.91, 10.75, 41.90, 12.50)]
    cities = tables.from_elements(rows, ["city", "lat", "lon", "other_lat", "other_lon"])
    kilometres = beringia.flink.udf(distance, "DOUBLE", workers=2)
    columns = [cities.lat, cities.lon, cities.other_lat, cities.other_lon]
    with cities.select(cities.city, kilometres(*columns)).execute().collect() as found:
        for city, length in found:
            print(f"{city}: {length:,.0f} km")


if __name__ == "__main__":
    main()
