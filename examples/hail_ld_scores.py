"""How much does each variant stand for others? LD scores, by windows along the genome.

A cohort of 400 samples and 3,000 variants on two chromosomes, in which neighbours are correlated, but for two hot spots
of recombination in each. The LD score of a variant is the sum of its squared correlations, less their expectation, with
those within a radius. A window has the variants of one step and the radius on both sides of it; where windows overlap,
a variant is neither sent nor copied twice. The results must agree with ``hl.experimental.ld_score`` to 1e-8. Draws
docs/images/hail_ld_scores.png.

``python examples/hail_ld_scores.py [PICTURE]``
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

import beringia.hail
import hail as hl

Floats = NDArray[np.float64]

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "hail_ld_scores.png"
SAMPLES, VARIANTS = 400, 1_500  # of each chromosome
RADIUS, STEP = 100_000, 250_000
LENGTH, HOT_SPOTS = 5_000_000, (1_500_000, 3_500_000)


def ld_scores(position: NDArray[np.int32], G: Floats, start: int, radius: int, step: int) -> dict[str, Any]:
    """Return the LD scores of the variants of one step.

    Parameters
    ----------
    position : ndarray of int32, shape (n,)
        Of the variants of the step, and of those within the radius of it.
    G : ndarray of float64, shape (n, samples)
        Their dosages.
    start : int
        Where the window begins.
    radius, step : int
        Base pairs.

    Returns
    -------
    dict
        A row per variant of the step: ``position``, ``score``.
    """
    samples = G.shape[1]
    low = start + radius if start > 0 else 0  # before the first window is none that would have its variants
    mine = (position >= low) & (position < start + radius + step)
    Z = G - G.mean(axis=1, keepdims=True)
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    squares = ((samples - 1) * (Z[mine] @ Z.T) ** 2 - 1) / (samples - 2)
    near = np.abs(position[mine, None] - position) <= radius
    return {"position": position[mine], "score": (squares * near).sum(axis=1)}


def cohort(rng: np.random.Generator) -> Any:
    """Simulate the cohort: a MatrixTable of dosages."""
    position = np.sort(rng.choice(LENGTH, (2 * VARIANTS), replace=False).reshape(2, VARIANTS), axis=1) + 1
    frequency = rng.uniform(0.1, 0.9, (2, VARIANTS))
    latent = rng.normal(size=(2, VARIANTS, 2 * SAMPLES))
    for i in range(1, VARIANTS):
        hot = sum(np.exp(-(((position[:, i] - spot) / 100_000) ** 2)) for spot in HOT_SPOTS)
        kept = np.exp(-(position[:, i] - position[:, i - 1]) * (1 + 30 * hot) / 60_000)[:, None]
        latent[:, i] = kept * latent[:, i - 1] + np.sqrt(1 - kept**2) * latent[:, i]
    alleles = latent < stats.norm.ppf(frequency)[:, :, None]
    G = alleles.reshape(2 * VARIANTS, 2, SAMPLES).sum(axis=1).astype(float)
    rows = pa.table(
        {
            "locus": [f"{c + 1}:{p}" for c in range(2) for p in position[c].tolist()],
            "alleles": [["A", "C"]] * (2 * VARIANTS),
        }
    )
    variants = beringia.hail.from_arrow(rows, key=["locus", "alleles"], types={"locus": hl.tlocus("GRCh37")})
    return beringia.hail.from_numpy({"dosage": G}, rows=variants)


def draw(found: pd.DataFrame, picture: Path) -> None:
    """Draw the scores along both chromosomes."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=(12, 3.6), sharey=True, layout="constrained")
    for contig, axes in zip(("1", "2"), both, strict=True):
        mine = found[found.contig == contig]
        for spot in HOT_SPOTS:
            axes.axvspan((spot - 1e5) / 1e6, (spot + 1e5) / 1e6, color="#f3d9dc", linewidth=0)
        axes.scatter(mine.position / 1e6, mine.score, s=6, color="#1f4e79", linewidths=0)
        axes.set(xlabel=f"chromosome {contig}, Mb", xlim=(0, LENGTH / 1e6), ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
    both[0].set_ylabel("LD score")
    figure.suptitle(f"{len(found):,} variants, {SAMPLES} samples; red: hot spots of recombination", fontsize=11)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def main() -> None:
    """Simulate, compute, compare, draw."""
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    conf = beringia.hail.conf(**{"spark.driver.memory": "2g", "spark.ui.showConsoleProgress": "false"})
    log = hl.utils.timestamp_path("/tmp/hail_ld_scores", ".log")
    hl.init(spark_conf=conf, master="local[2]", quiet=True, log=log, idempotent=True)
    mt = cohort(np.random.default_rng(7)).checkpoint(hl.utils.new_temp_file(extension="mt"))

    found = hl.experimental.numpy_map(
        ld_scores,
        beringia.hail.window(mt.locus, size=STEP + 2 * RADIUS, step=STEP),
        hl.tarray(hl.tstruct(position=hl.tint32, score=hl.tfloat64)),
        args=dict(position=mt.locus.position, G=mt.dosage, start="start"),
        consts=dict(radius=RADIUS, step=STEP),
    )
    ours = beringia.hail.to_pandas(found).sort_values(["contig", "position"], ignore_index=True)
    hails = hl.experimental.ld_score(mt.dosage, mt.locus, radius=RADIUS)
    hails = hails.select(contig=hails.locus.contig, position=hails.locus.position, score=hails.univariate)
    theirs = beringia.hail.to_pandas(hails).sort_values(["contig", "position"], ignore_index=True)

    if ours.position.tolist() != theirs.position.tolist():
        raise SystemExit(f"{len(ours)} variants, and Hail has {len(theirs)}")
    worst = np.max(np.abs(ours.score.to_numpy(float) - theirs.score.to_numpy(float)))
    print(f"{len(ours):,} variants: hl.experimental.ld_score's to {worst:.0e}")
    if not worst <= 1e-8:
        raise SystemExit("the two disagree")
    draw(ours, picture)
    print(f"\n{picture.resolve()}")


if __name__ == "__main__":
    main()
