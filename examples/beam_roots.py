"""Apache Beam: a polynomial's real root for each element, found by NumPy in worker processes, a batch at a time."""

from __future__ import annotations

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray

import beringia.beam


def largest_root(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest real root of each cubic, of shape ``(n,)``; `coefficients` are of shape ``(n, 4)``."""
    companions = np.zeros((len(coefficients), 3, 3))
    companions[:, 0] = -coefficients[:, 1:] / coefficients[:, :1]
    companions[:, [1, 2], [0, 1]] = 1
    roots = np.linalg.eigvals(companions)
    largest: NDArray[np.float64] = np.where(abs(roots.imag) < 1e-6, roots.real, -np.inf).max(axis=1)
    return largest


def main() -> None:
    """Find some roots, and check one."""
    rng = np.random.default_rng(0)
    cubics = np.column_stack([np.ones(10_000), rng.normal(size=(10_000, 3))])
    cubics[0] = [1, -6, 11, -6]  # of 1, 2 and 3
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = (
            pipeline
            | beam.Create(list(cubics))
            | beringia.beam.MapBatches(largest_root, takes=(np.float64, (4,)), returns=np.float64, workers=2)
            | beam.combiners.Count.Globally()
            | beam.Map(lambda count: print(f"{count:,} roots"))
        )
    assert np.isclose(largest_root(cubics[:1])[0], 3)


if __name__ == "__main__":
    main()
