"""Which variants move a trait among relatives? A mixed model, block by block.

A cohort of 600 samples, 150 families of four from three populations, and 6,000 variants on 22 chromosomes, in which
many variants act on a trait a little and four act strongly. Relatives share all of them: a plain regression takes that
for association everywhere. The null model is fitted once, by restricted maximum likelihood on the eigendecomposition of
the kinship; it whitens dosages by one matrix, so that a block of variants is one product. The results must agree with
generalised least squares on the whole covariance to 1e-8. Draws docs/images/hail_mixed_model.png.

``python examples/hail_mixed_model.py [PICTURE]``; ``--fastlmm FOLDER`` compares with what FaST-LMM reports for its own
synthetic data instead (fastlmmTest.bed, .bim, .fam, fastlmmCov.txt and fastlmmPheno.txt, from the tests of Hail).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy import optimize, stats

import beringia.hail
import hail as hl

Floats = NDArray[np.float64]

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "hail_mixed_model.png"
FAMILIES, SIBLINGS, VARIANTS = 150, 4, 6_000
STRONG = (700, 2_200, 3_700, 5_200)
BLOCK = 500


@dataclass(frozen=True)
class NullModel:
    """A trait without any variant: covariates, what relatives share, and noise.

    Attributes
    ----------
    h2 : float
        The part of the variance that relatives share.
    whiten : ndarray of shape (n, n)
        A row of dosages times this has independent entries of one variance, and nothing of the covariates.
    trait : ndarray of shape (n,)
        The trait, treated alike.
    freedom : int
        Degrees of freedom that are left when a variant is fitted too.
    """

    h2: float
    whiten: Floats
    trait: Floats
    freedom: int


def fit(K: Floats, y: Floats, X: Floats) -> NullModel:
    """Fit the null model by restricted maximum likelihood.

    Parameters
    ----------
    K : ndarray of shape (n, n)
        Kinship.
    y : ndarray of shape (n,)
        The trait.
    X : ndarray of shape (n, c)
        Covariates, the constant among them.
    """
    n, c = X.shape
    values, vectors = np.linalg.eigh(K)

    def whitened(h2: float) -> tuple[Floats, Floats, Floats, float]:
        whiten = vectors / np.sqrt(h2 * values + 1 - h2)
        basis, triangle = np.linalg.qr(whiten.T @ X)
        trait = whiten.T @ y
        trait -= basis @ (basis.T @ trait)
        logarithms = np.log(h2 * values + 1 - h2).sum() + 2 * np.log(np.abs(np.diag(triangle))).sum()
        return whiten, basis, trait, (n - c) * np.log(trait @ trait) + logarithms

    grid = np.linspace(0, 0.999, 50)
    best = int(np.argmin([whitened(h2)[3] for h2 in grid]))
    around = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found = optimize.minimize_scalar(
        lambda h2: whitened(h2)[3], bounds=around, method="bounded", options={"xatol": 1e-10}
    )
    whiten, basis, trait, _ = whitened(found.x)
    return NullModel(float(found.x), whiten - (whiten @ basis) @ basis.T, trait, n - c - 1)


def scan(locus: dict[str, Any], G: Floats, whiten: Floats, trait: Floats, freedom: int) -> dict[str, Any]:
    """Test each variant of a block given the null model.

    Parameters
    ----------
    locus : dict
        ``contig`` and ``position`` of the variants, each of shape (b,).
    G : ndarray of float64, shape (b, n)
        Dosages; NaN where the call is missing, which counts as the variant's mean.
    whiten, trait, freedom
        As in :class:`NullModel`.

    Returns
    -------
    dict
        A row per variant: ``locus``, ``beta``, ``standard_error``, ``p``.
    """
    white = np.where(np.isnan(G), np.nanmean(G, axis=1, keepdims=True), G) @ whiten
    squares = np.einsum("ij,ij->i", white, white)
    squares[squares < 1e-9] = np.nan  # those that do not vary
    beta = white @ trait / squares
    error = np.sqrt((trait @ trait - beta**2 * squares) / freedom / squares)
    return {
        "locus": list(zip(locus["contig"], locus["position"].tolist(), strict=True)),
        "beta": beta,
        "standard_error": error,
        "p": 2 * stats.t.sf(np.abs(beta / error), freedom),
    }


def standardized(G: Floats) -> Floats:
    """Return dosages with mean 0 and variance 1 in each row, without rows that do not vary."""
    G = G - np.nanmean(G, axis=1, keepdims=True)
    deviation = np.nanstd(G, axis=1, keepdims=True)
    varies = deviation[:, 0] > 0
    result: Floats = np.nan_to_num(G[varies] / deviation[varies])
    return result


def kinship(G: Floats) -> Floats:
    """Return the realised relationship matrix of dosages: shape (n, n) for G of shape (b, n)."""
    Z = standardized(G)
    return Z.T @ Z / len(Z)


def associate(mt: Any, dosage: Any, model: NullModel) -> pd.DataFrame:
    """Run the scan over blocks of `mt`; returns ``contig``, ``position``, ``beta``, ``standard_error``, ``p``."""
    found = hl.experimental.numpy_map(
        scan,
        mt.block,
        hl.tarray(hl.tstruct(locus=mt.locus.dtype, beta=hl.tfloat64, standard_error=hl.tfloat64, p=hl.tfloat64)),
        args=dict(locus=mt.locus, G=dosage),
        consts=dict(whiten=model.whiten, trait=model.trait, freedom=model.freedom),
        order_by=mt.locus,
    )
    found = found.key_by()
    place = dict(contig=found.locus.contig, position=found.locus.position)
    return beringia.hail.to_pandas(found.select(**place, **found.row.select("beta", "standard_error", "p")))


def cohort(rng: np.random.Generator) -> tuple[Any, Floats, Floats]:
    """Simulate the cohort: a MatrixTable of dosages, the trait of shape (n,), covariates of shape (n, 2)."""
    samples = FAMILIES * SIBLINGS
    population = np.arange(FAMILIES) % 3
    ancestral = rng.uniform(0.1, 0.9, VARIANTS)
    spread = 0.05  # Fst
    shape = (1 - spread) / spread
    frequency = rng.beta(ancestral * shape, (1 - ancestral) * shape, (3, VARIANTS))[population]
    parents = rng.random((2, 2, FAMILIES, VARIANTS)) < frequency  # parent, chromosome, family, variant
    chosen = rng.integers(0, 2, (SIBLINGS, 2, FAMILIES, VARIANTS))
    children = np.take_along_axis(parents[None], chosen[:, :, None], axis=2).sum(axis=(1, 2))
    G = children.reshape(samples, VARIANTS).T.astype(float)

    polygenic = rng.normal(size=VARIANTS // 2) @ standardized(G)[: VARIANTS // 2]
    age = rng.uniform(20, 80, samples)
    y = np.sqrt(0.5) * polygenic / polygenic.std() + np.sqrt(0.5) * rng.normal(size=samples) + 0.01 * age
    y += 0.6 * G[list(STRONG)].sum(axis=0)
    lengths = [hl.get_reference("GRCh37").lengths[str(c)] for c in range(1, 23)]
    ends = np.cumsum(lengths) / np.sum(lengths) * VARIANTS
    chromosome = np.searchsorted(ends, np.arange(VARIANTS), side="right")
    starts = np.concatenate([[0], ends[:-1]])
    position = ((np.arange(VARIANTS) - starts[chromosome]) / VARIANTS * np.sum(lengths)).astype(int) + 1
    rows = pa.table(
        {
            "locus": [f"{c + 1}:{p}" for c, p in zip(chromosome, position, strict=True)],
            "alleles": [["A", "C"]] * VARIANTS,
            "block": np.arange(VARIANTS) // BLOCK,
        }
    )
    missing = rng.random(G.shape) < 0.02
    variants = beringia.hail.from_arrow(rows, key=["locus", "alleles"], types={"locus": hl.tlocus("GRCh37")})
    mt = beringia.hail.from_numpy({"dosage": np.ma.masked_array(G, missing)}, rows=variants)
    return mt, y, np.column_stack([np.ones(samples), age])


def by_least_squares(K: Floats, h2: float, y: Floats, X: Floats, G: Floats) -> Floats:
    """Do the same by generalised least squares on the whole covariance: effects and errors, of shape (b, 2)."""
    inverse = np.linalg.inv(h2 * K + (1 - h2) * np.eye(len(y)))
    result = []
    for dosage in np.where(np.isnan(G), np.nanmean(G, axis=1, keepdims=True), G):
        design = np.column_stack([X, dosage])
        spread = np.linalg.inv(design.T @ inverse @ design)
        coefficients = spread @ (design.T @ inverse @ y)
        residual = y - design @ coefficients
        variance = residual @ inverse @ residual / (len(y) - design.shape[1])
        result.append((coefficients[-1], np.sqrt(variance * spread[-1, -1])))
    return np.array(result)


def inflation(p: Floats) -> float:
    """Return the genomic control factor: 1 where p-values are as under no association."""
    return float(stats.chi2.isf(np.median(p), 1) / stats.chi2.ppf(0.5, 1))


def draw(found: pd.DataFrame, plain: pd.DataFrame, h2: float, picture: Path) -> None:
    """Draw the Manhattan plot of the mixed model, and the QQ plots of both."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), width_ratios=[2.6, 1], layout="constrained")
    contig = found.contig.astype(int).to_numpy()
    lengths = [hl.get_reference("GRCh37").lengths[str(c)] for c in range(1, 23)]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    x, p = found.position.to_numpy() + offsets[contig - 1], -np.log10(found.p.to_numpy())
    for parity, color in ((1, "#1f4e79"), (0, "#7fa7cc")):
        left.scatter(x[contig % 2 == parity], p[contig % 2 == parity], s=6, color=color, linewidths=0)
    strong = np.array(STRONG)
    left.scatter(x[strong], p[strong], s=40, facecolors="none", edgecolors="#c0392b", label="act strongly")
    left.axhline(-np.log10(5e-8), color="gray", linestyle="--", linewidth=0.8)
    left.set_xticks((offsets[:-1] + offsets[1:]) / 2, [str(c) if c < 15 or c % 2 == 0 else "" for c in range(1, 23)])
    left.set(xlabel="chromosome", ylabel=r"$-\log_{10}\,p$", xlim=(0, offsets[-1]), ylim=(0, None))
    left.set_title(f"{len(found):,} variants, {FAMILIES * SIBLINGS} samples in families: $h^2$ = {h2:.2f}", fontsize=11)
    left.legend(frameon=False, loc="upper left")

    expected = -np.log10((np.arange(len(p)) + 0.5) / len(p))
    right.plot([0, expected[0]], [0, expected[0]], color="gray", linewidth=0.8)
    for frame, color, name in ((plain, "#9aa7b1", "plain regression"), (found, "#1f4e79", "mixed model")):
        label = rf"{name}, $\lambda_{{GC}}$ = {inflation(frame.p.to_numpy()):.2f}"
        right.scatter(expected, -np.log10(np.sort(frame.p)), s=8, color=color, linewidths=0, label=label)
    right.set(xlabel=r"expected $-\log_{10}\,p$", ylabel=r"observed $-\log_{10}\,p$", xlim=(0, None), ylim=(0, None))
    right.legend(frameon=False, loc="upper left", markerscale=2, fontsize=9)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def compare_with_fastlmm(folder: Path) -> None:
    """Compare with FaST-LMM's report of its synthetic data: 250 samples, 1,000 variants each of chromosomes 1 and 3."""
    paths = {kind: str(folder / f"fastlmmTest.{kind}") for kind in ("bed", "bim", "fam")}
    mt = hl.import_plink(**paths, reference_genome=None)
    samples = beringia.hail.to_numpy(mt.s)

    def column(name: str) -> Floats:
        of_samples = dict(pd.read_csv(folder / name, sep=r"\s+", header=None)[[0, 2]].to_numpy())
        return np.array([of_samples[sample] for sample in samples], float)

    y, X = column("fastlmmPheno.txt"), np.column_stack([np.ones(len(samples)), column("fastlmmCov.txt")])
    dosages = {c: hl.float64(mt.filter_rows(mt.locus.contig == c).GT.n_alt_alleles()) for c in ("1", "3")}
    models = {c: fit(kinship(beringia.hail.to_numpy(dosage)), y, X) for c, dosage in dosages.items()}
    first = mt.filter_rows((mt.locus.contig == "3") & (mt.locus.position < 2005)).annotate_rows(block=0)
    first = first.annotate_rows(of=hl.agg.stats(first.GT.n_alt_alleles()))
    found = associate(first, (first.GT.n_alt_alleles() - first.of.mean) / first.of.stdev, models["1"])
    for name, ours, reported, digits in (
        ("heritability by chromosome 1", models["1"].h2, 0.14276125, 1e-6),
        ("heritability by chromosome 3", models["3"].h2, 0.36733240, 1e-6),
        ("effects", found.beta, [0.012202061, 0.037718282, -0.033572693, 0.29171541, -0.045644170], 1e-6),
        ("p-values", found.p, [0.84650294, 0.57865098, 0.59050998, 1.6649473e-06, 0.46892059], 1e-5),
    ):
        difference = np.max(np.abs(np.asarray(ours) / reported - 1))
        print(f"{name:<30}{np.array2string(np.atleast_1d(ours), precision=8)}   FaST-LMM's to {difference:.0e}")
        if not difference <= digits:
            raise SystemExit(f"FaST-LMM reports {reported}")


def main() -> None:
    """Simulate, fit, scan, compare, draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("picture", nargs="?", type=Path, default=PICTURE)
    parser.add_argument("--fastlmm", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    conf = beringia.hail.conf(**{"spark.driver.memory": "2g", "spark.ui.showConsoleProgress": "false"})
    log = hl.utils.timestamp_path("/tmp/hail_mixed_model", ".log")
    hl.init(spark_conf=conf, master="local[2]", quiet=True, log=log, idempotent=True)
    if given.fastlmm:
        compare_with_fastlmm(given.fastlmm)
        return

    mt, y, X = cohort(np.random.default_rng(11))
    G = beringia.hail.to_numpy(mt.dosage)
    K = kinship(G[1::2])  # not of those that act strongly, which are even
    model = fit(K, y, X)
    found = associate(mt, mt.dosage, model)
    plain = associate(mt, mt.dosage, fit(np.eye(len(y)), y, X))

    some = np.union1d(STRONG, np.arange(0, VARIANTS, 60))
    expected = by_least_squares(K, model.h2, y, X, G[some])
    worst = np.max(np.abs(found[["beta", "standard_error"]].to_numpy()[some] / expected - 1))
    print(f"heritability {model.h2:.3f}; {len(some)} variants differ from generalised least squares by {worst:.0e}")
    if not worst <= 1e-8:
        raise SystemExit("the two disagree")
    print(f"inflation: {inflation(plain.p.to_numpy()):.2f} plain, {inflation(found.p.to_numpy()):.2f} mixed\n")
    print(found.sort_values("p").head(6).to_string(index=False, float_format="{:.3g}".format))
    draw(found, plain, model.h2, given.picture)
    print(f"\n{given.picture.resolve()}")


if __name__ == "__main__":
    main()
