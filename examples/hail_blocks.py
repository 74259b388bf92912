"""Which variants move a trait? A scan of a genome, block by block.

A cohort of 800 samples and 12,000 variants on 22 chromosomes, simulated by the Balding-Nichols model with missing
calls, in which nine variants act on a trait. Plain NumPy takes a block of neighbouring variants at once and regresses
the trait on each of them and on principal components, in a few matrix products; a block gives many rows. The results
must agree with Hail's own linear regression to 1e-9. Prints the strongest variants and draws
docs/images/hail_blocks.png, a Manhattan and a QQ plot.

Run it with ``make demo-hail``; an argument names another file for the picture.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import beringia.hail
import hail as hl

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "hail_blocks.png"
SAMPLES, VARIANTS, CAUSAL = 800, 12_000, 9
LEVEL = 5e-8  # genome-wide significance


def scan(
    locus: dict[str, Any], G: NDArray[np.float64], trait: NDArray[np.float64], covariates: NDArray[np.float64]
) -> dict[str, Any]:
    """Regress the trait on each variant of a block, given the covariates.

    Parameters
    ----------
    locus : dict
        ``contig`` and ``position`` of the variants, each of shape (n,).
    G : ndarray of float64, shape (n, samples)
        Dosages; NaN where the call is missing, which counts as the variant's mean.
    trait : ndarray of float64, shape (samples,)
    covariates : ndarray of float64, shape (samples, c)
        The constant among them.

    Returns
    -------
    dict
        A row per variant: ``locus``, ``beta``, ``standard_error``, ``p``.
    """
    dosage = np.where(np.isnan(G), np.nanmean(G, axis=1, keepdims=True), G)
    basis, _ = np.linalg.qr(covariates)
    dosage = dosage - (dosage @ basis) @ basis.T
    y = trait - basis @ (basis.T @ trait)
    squares = np.einsum("ij,ij->i", dosage, dosage)
    varies = squares > 1e-9
    beta = np.full(len(G), np.nan)
    beta[varies] = (dosage @ y)[varies] / squares[varies]
    freedom = len(trait) - covariates.shape[1] - 1
    variance = (y @ y - beta**2 * squares) / freedom
    error = np.sqrt(variance / np.where(varies, squares, np.nan))
    return {
        "locus": list(zip(locus["contig"], locus["position"].tolist(), strict=True)),
        "beta": beta,
        "standard_error": error,
        "p": 2 * stats.t.sf(np.abs(beta / error), freedom),
    }


def cohort() -> Any:
    """Simulate the cohort: a MatrixTable of calls with a trait, covariates and blocks."""
    hl.set_global_seed(22)
    mt = hl.balding_nichols_model(3, SAMPLES, VARIANTS, n_partitions=8, fst=[0.02, 0.02, 0.02], mixture=True)
    # The model puts all variants on one chromosome: spread them as they are spread over the genome.
    genome = hl.get_reference("GRCh37")
    lengths = np.array([genome.lengths[str(c)] for c in range(1, 23)])
    ends = np.cumsum(lengths / lengths.sum() * VARIANTS).astype(int)
    ends[-1] = VARIANTS
    starts = np.concatenate([[0], ends[:-1]])
    mt = mt.annotate_rows(index=mt.locus.position - 1)
    chromosome = hl.literal(ends.tolist()).filter(lambda end: end <= mt.index).length()
    step = hl.literal((lengths // (ends - starts + 1)).tolist())[chromosome]
    position = (mt.index - hl.literal(starts.tolist())[chromosome] + 1) * step
    mt = mt.key_rows_by(locus=hl.locus(hl.str(chromosome + 1), hl.int32(position)), alleles=mt.alleles)
    causal = mt.index % (VARIANTS // CAUSAL) == 700
    mt = mt.annotate_rows(block=mt.index // 250, effect=hl.if_else(causal, 0.45, 0.0))
    mt = mt.annotate_entries(GT=hl.or_missing(hl.rand_bool(0.98), mt.GT))
    mt = mt.checkpoint(hl.utils.new_temp_file(extension="mt"))
    mt = mt.annotate_cols(trait=hl.agg.sum(mt.effect * mt.GT.n_alt_alleles()) + hl.rand_norm())
    G = beringia.hail.to_numpy(hl.float64(mt.GT.n_alt_alleles()))
    Z = np.nan_to_num(
        (G - np.nanmean(G, axis=1, keepdims=True)) / np.maximum(np.nanstd(G, axis=1, keepdims=True), 0.01)
    )
    components = np.linalg.eigh(Z.T @ Z)[1][:, -3:]
    covariates = hl.literal(np.column_stack([np.ones(SAMPLES), components]).tolist())
    mt = mt.annotate_cols(covariates=covariates[mt.sample_idx])
    return mt.checkpoint(hl.utils.new_temp_file(extension="mt"))


def draw(rows: list[Any], picture: Path) -> None:
    """Draw the Manhattan plot and the QQ plot of the variants' p-values."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rows = sorted(rows, key=lambda row: (int(row.locus.contig), row.locus.position))
    contig = np.array([int(row.locus.contig) for row in rows])
    p = -np.log10([row.p for row in rows])
    lengths = [hl.get_reference("GRCh37").lengths[str(c)] for c in range(1, 23)]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    x = np.array([row.locus.position for row in rows]) + offsets[contig - 1]

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), width_ratios=[2.6, 1], layout="constrained")
    for parity, color in ((1, "#1f4e79"), (0, "#7fa7cc")):
        mine = contig % 2 == parity
        left.scatter(x[mine], p[mine], s=5, color=color, linewidths=0)
    hits = p > -np.log10(LEVEL)
    left.scatter(x[hits], p[hits], s=14, color="#c0392b", linewidths=0)
    left.axhline(-np.log10(LEVEL), color="gray", linestyle="--", linewidth=0.8)
    left.set_xticks((offsets[:-1] + offsets[1:]) / 2, [str(c) if c < 15 or c % 2 == 0 else "" for c in range(1, 23)])
    left.set(xlabel="chromosome", ylabel=r"$-\log_{10}\,p$", xlim=(0, offsets[-1]), ylim=(0, None))
    left.set_title(
        f"{len(rows):,} variants, {SAMPLES} samples: {int(hits.sum())} past $5\\times10^{{-8}}$", fontsize=11
    )

    n = len(p)
    expected = -np.log10((np.arange(1, n + 1) - 0.5) / n)
    ranks = np.arange(1, n + 1)
    low, high = (-np.log10(stats.beta.ppf(q, ranks, n - ranks + 1)) for q in (0.975, 0.025))
    right.fill_between(expected, low, high, color="#d9e4ef", linewidth=0)
    right.plot([0, expected[0]], [0, expected[0]], color="gray", linewidth=0.8)
    right.scatter(expected, np.sort(p)[::-1], s=6, color="#1f4e79", linewidths=0)
    inflation = np.median(stats.chi2.isf(10.0**-p, 1)) / stats.chi2.ppf(0.5, 1)
    right.set(xlabel=r"expected $-\log_{10}\,p$", ylabel=r"observed $-\log_{10}\,p$", xlim=(0, None), ylim=(0, None))
    right.set_title(rf"$\lambda_{{GC}}$ = {inflation:.3f}", fontsize=11)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def main() -> None:
    """Simulate, scan, compare, draw."""
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    conf = beringia.hail.conf(**{"spark.driver.memory": "2g", "spark.ui.showConsoleProgress": "false"})
    log = hl.utils.timestamp_path("/tmp/hail_blocks", ".log")
    hl.init(spark_conf=conf, master="local[2]", quiet=True, log=log, idempotent=True)
    mt = cohort()
    blocks = mt.aggregate_rows(hl.len(hl.agg.collect_as_set(mt.block)))
    print(f"{VARIANTS:,} variants of {SAMPLES} samples in {blocks} blocks")

    start = time.perf_counter()
    found = hl.experimental.numpy_map(
        scan,
        mt.block,
        hl.tarray(hl.tstruct(locus=mt.locus.dtype, beta=hl.tfloat64, standard_error=hl.tfloat64, p=hl.tfloat64)),
        args=dict(locus=mt.locus, G=hl.float64(mt.GT.n_alt_alleles()), trait=mt.trait, covariates=mt.covariates),
    )
    found = found.key_by("locus").checkpoint(hl.utils.new_temp_file(extension="ht"))
    ours = time.perf_counter() - start

    start = time.perf_counter()
    theirs = hl.linear_regression_rows(
        y=mt.trait, x=mt.GT.n_alt_alleles(), covariates=[mt.covariates[i] for i in range(4)]
    )
    theirs = theirs.key_by("locus").checkpoint(hl.utils.new_temp_file(extension="ht"))
    hails = time.perf_counter() - start

    both = found.join(theirs.select(t_beta=theirs.beta, t_p=theirs.p_value)).collect()
    worst = max(abs(row.beta - row.t_beta) for row in both if np.isfinite(row.beta))
    if len(both) != VARIANTS or worst > 1e-9:
        raise SystemExit(f"{len(both)} variants compared, which differ from Hail's by up to {worst:.1e}")
    print(f"{'numpy_map':<24}{ours:8.2f} s")
    print(f"{'linear_regression_rows':<24}{hails:8.2f} s   the same to {worst:.0e}")
    print(f"\n{'locus':<16}{'beta':>8}{'p':>12}")
    for row in sorted(both, key=lambda row: row.p)[:CAUSAL]:
        print(f"{row.locus!s:<16}{row.beta:8.3f}{row.p:12.1e}")
    draw([row for row in both if np.isfinite(row.p)], picture)
    print(f"\n{picture.resolve()}")


if __name__ == "__main__":
    main()
