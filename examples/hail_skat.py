"""Which genes move a trait? The sequence kernel association test, gene by gene.

A cohort of 800 samples and 120 genes of rare variants; in three genes the variants all raise a trait, in three they
raise and lower it. The test (SKAT: Wu et al. 2011) asks whether the effects of a gene's variants have any variance,
whatever their signs; a burden test asks for their sum. Both are plain NumPy on the dosages of a gene. The results must
be those of ``hl.skat``. Draws docs/images/hail_skat.png.

``python examples/hail_skat.py [PICTURE]``
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

import beringia.hail
import hail as hl

Floats = NDArray[np.float64]

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "hail_skat.png"
SAMPLES, GENES = 800, 120
ONE_WAY, BOTH_WAYS = (20, 60, 100), (10, 50, 90)


def upper_tail(q: float, weights: Floats) -> float:
    """Return the probability that a weighted sum of chi-squared variables of one degree of freedom is larger than `q`.

    By inversion of the characteristic function, as trapezoids (Davies 1973). For weights ≥ 0, two of them or more.
    """
    step = 2 * np.pi / (q + weights.sum() + 60 * weights.max())  # what lies beyond has a probability below 1e-12
    k = np.arange(8192) + 0.5
    angles = 2 * step * np.outer(k, weights)
    modulus = np.exp(-0.25 * np.log1p(angles**2).sum(axis=1))
    phase = 0.5 * np.arctan(angles).sum(axis=1) - k * step * q
    return float(0.5 + (modulus * np.sin(phase) / (np.pi * k)).sum())


def skat(G: Floats, weight: Floats, trait: Floats, covariates: Floats) -> tuple[int, float, float, float]:
    """Test a gene.

    Parameters
    ----------
    G : ndarray of float64, shape (m, n)
        Dosages; NaN where the call is missing, which counts as the variant's mean.
    weight : ndarray of float64, shape (m,)
        Of the variants.
    trait : ndarray of float64, shape (n,)
    covariates : ndarray of float64, shape (n, c)
        The constant among them.

    Returns
    -------
    tuple
        Variants, SKAT's statistic and p-value, and the p-value of a burden test with the same weights.
    """
    basis, _ = np.linalg.qr(covariates)
    residual = trait - basis @ (basis.T @ trait)
    freedom = len(trait) - covariates.shape[1]
    variance = residual @ residual / freedom
    weighted = np.sqrt(weight)[:, None] * np.where(np.isnan(G), np.nanmean(G, axis=1, keepdims=True), G)
    weighted -= (weighted @ basis) @ basis.T
    scores = weighted @ residual
    statistic = scores @ scores / (2 * variance)
    spread = np.maximum(np.linalg.eigvalsh(weighted @ weighted.T) / 2, 0)

    burden = weighted.sum(axis=0)
    t = burden @ residual / np.sqrt(burden @ burden)
    t /= np.sqrt((residual @ residual - t**2) / (freedom - 1))
    return len(G), statistic, upper_tail(statistic, spread), 2 * stats.t.sf(abs(t), freedom - 1)


def cohort(rng: np.random.Generator) -> Any:
    """Simulate the cohort: a MatrixTable of dosages with genes, weights, a trait and a covariate."""
    gene = np.repeat(np.arange(GENES), rng.integers(8, 40, GENES))
    frequency = rng.beta(1, 25, len(gene)).clip(0.002, 0.4)
    G = rng.binomial(2, frequency[:, None], (len(gene), SAMPLES)).astype(float)
    effect = np.where(np.isin(gene, ONE_WAY), 0.5, 0.0)
    effect = np.where(np.isin(gene, BOTH_WAYS), rng.choice([-1, 1], len(gene)), effect)
    effect *= -np.log10(frequency) / 3
    age = rng.uniform(20, 80, SAMPLES)
    trait = effect @ G + 0.02 * age + rng.normal(size=SAMPLES)
    rows = pd.DataFrame({"gene": [f"G{g:03d}" for g in gene], "weight": stats.beta.pdf(frequency, 1, 25) ** 2})
    columns = pd.DataFrame({"trait": trait, "age": age})
    missing = rng.random(G.shape) < 0.02
    return beringia.hail.from_numpy({"dosage": np.ma.masked_array(G, missing)}, rows=rows, cols=columns)


def draw(found: pd.DataFrame, picture: Path) -> None:
    """Draw the QQ plot of both tests, and the one against the other."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    number = found.gene.str[1:].astype(int).to_numpy()
    kinds = {
        "no effect": ("#9aa7b1", ~np.isin(number, ONE_WAY + BOTH_WAYS)),
        "one way": ("#00798c", np.isin(number, ONE_WAY)),
        "both ways": ("#d1495b", np.isin(number, BOTH_WAYS)),
    }
    logarithms = {name: -np.log10(np.maximum(found[name].to_numpy(), 1e-12)) for name in ("p", "burden")}
    expected = -np.log10((stats.rankdata(found.p) - 0.5) / len(found))
    left.plot([0, expected.max()], [0, expected.max()], color="gray", linewidth=0.8)
    for kind, (color, mine) in kinds.items():
        left.scatter(expected[mine], logarithms["p"][mine], s=18, color=color, linewidths=0, label=kind)
        right.scatter(logarithms["burden"][mine], logarithms["p"][mine], s=18, color=color, linewidths=0)
    end = max(logarithms["p"].max(), logarithms["burden"].max()) * 1.05
    right.plot([0, end], [0, end], color="gray", linewidth=0.8)
    left.set(
        xlabel=r"expected $-\log_{10}\,p$", ylabel=r"SKAT: observed $-\log_{10}\,p$", xlim=(0, None), ylim=(0, None)
    )
    left.set_title(f"{len(found)} genes, {SAMPLES} samples", fontsize=11)
    left.legend(frameon=False, loc="upper left", title="variants of a gene act")
    right.set(xlabel=r"burden: $-\log_{10}\,p$", ylabel=r"SKAT: $-\log_{10}\,p$", xlim=(0, end), ylim=(0, end))
    right.set_title("effects that cancel out are seen by SKAT alone", fontsize=11)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def main() -> None:
    """Simulate, test, compare, draw."""
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    conf = beringia.hail.conf(**{"spark.driver.memory": "2g", "spark.ui.showConsoleProgress": "false"})
    log = hl.utils.timestamp_path("/tmp/hail_skat", ".log")
    hl.init(spark_conf=conf, master="local[2]", quiet=True, log=log, idempotent=True)
    mt = cohort(np.random.default_rng(5))

    found = hl.experimental.numpy_map(
        skat,
        mt.gene,
        hl.tstruct(variants=hl.tint32, statistic=hl.tfloat64, p=hl.tfloat64, burden=hl.tfloat64),
        args=dict(G=mt.dosage, weight=mt.weight, trait=mt.trait, covariates=hl.array([1.0, mt.age])),
    )
    ours = beringia.hail.to_pandas(found)
    x = mt.dosage + 0.0  # a bare field hl.skat does not find
    hails = hl.skat(key_expr=mt.gene, weight_expr=mt.weight, y=mt.trait, x=x, covariates=[1.0, mt.age])
    theirs = hails.to_pandas().sort_values("id", ignore_index=True)

    if ours.gene.tolist() != theirs.id.tolist() or ours.variants.tolist() != theirs["size"].tolist():
        raise SystemExit("the genes are not Hail's")
    statistic = np.max(np.abs(ours.statistic.to_numpy(float) / theirs.q_stat.to_numpy(float) - 1))
    p = np.max(np.abs(ours.p.to_numpy(float) - theirs.p_value.to_numpy(float)))
    print(f"{len(ours)} genes: hl.skat's statistic to {statistic:.0e}, its p-values to {p:.0e} (it promises 1e-6)\n")
    if not (statistic <= 1e-9 and p <= 2e-6):
        raise SystemExit("the two disagree")
    print(ours.sort_values("p").head(6).to_string(index=False, float_format="{:.3g}".format))
    draw(ours, picture)
    print(f"\n{picture.resolve()}")


if __name__ == "__main__":
    main()
