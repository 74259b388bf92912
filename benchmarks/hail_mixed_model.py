"""Measure the recipe of a mixed model against its own blocks in one NumPy process.

``python -m benchmarks.hail_mixed_model`` writes docs/benchmarks/hail_mixed_model.md and its picture. Both run in
turn until none gets faster, with one thread for linear algebra in each process; the fastest run counts.
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import apart, bars
from benchmarks.workload import AGREE, CORES, LONG, settled

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "hail_mixed_model.md"
VARIANTS, SAMPLES, BLOCK = 20_000, 1_000, 500
TARGET = 1.3


def entries(hl: Any, bh: Any, G: np.ndarray[Any, Any]) -> Any:
    """Return dosages as a matrix table that is written, with loci and blocks."""
    path = Path("/tmp/beringia-bench-mixed-model.mt")
    if not (path / "_SUCCESS").exists():
        mt = bh.from_numpy({"dosage": G})
        mt = mt.key_rows_by(locus=hl.locus("1", hl.int32(mt.row_idx) + 1))
        mt.annotate_rows(block=mt.locus.position // BLOCK).repartition(8).write(str(path), overwrite=True)
    return hl.read_matrix_table(str(path))


def measure() -> dict[str, float]:
    """Measure both, and reading the rows."""
    from examples import hail_mixed_model as recipe

    import beringia.hail as bh
    import hail as hl

    conf = bh.conf(**{"spark.driver.memory": "4g", "spark.ui.showConsoleProgress": "false"})
    hl.init(spark_conf=conf, master=f"local[{CORES}]", quiet=True, log="/tmp/beringia-bench-hail.log")
    rng = np.random.default_rng(1)
    G = rng.binomial(2, rng.uniform(0.05, 0.5, (VARIANTS, 1)), (VARIANTS, SAMPLES)).astype(float)
    y, X = rng.normal(size=SAMPLES), np.ones((SAMPLES, 1))
    model = recipe.fit(recipe.kinship(G[::20]), y, X)
    mt = entries(hl, bh, G)

    def ours() -> Any:
        found = hl.experimental.numpy_map(
            recipe.scan,
            mt.block,
            hl.tarray(hl.tstruct(locus=mt.locus.dtype, beta=hl.tfloat64, standard_error=hl.tfloat64, p=hl.tfloat64)),
            args=dict(locus=mt.locus, G=mt.dosage),
            consts=dict(whiten=model.whiten, trait=model.trait, freedom=model.freedom),
        )
        return found._force_count()

    locus = {"contig": np.array(["1"] * BLOCK, object), "position": np.arange(BLOCK, dtype=np.int32)}

    def loop() -> Any:
        blocks = (G[start : start + BLOCK] for start in range(0, VARIANTS, BLOCK))
        return [recipe.scan(locus, block, model.whiten, model.trait, model.freedom) for block in blocks]

    found = settled({"ours": ours, "loop": loop, "read": mt._force_count_rows})
    hl.stop()
    return {name: min(seconds) for name, seconds in found.items()}


def floor(found: dict[str, float]) -> float:
    """Return the seconds that nothing can do without: to read the rows, and to run the function on all cores."""
    return found["read"] + found["loop"] / CORES


def page(found: dict[str, float]) -> str:
    """Return the results as Markdown."""
    import hail as hl

    share = found["loop"] / CORES
    lines = [
        "# A mixed model on Hail",
        "",
        f"Written by `make bench`, on `local[{CORES}]`: [the recipe](../hail-recipes.md#a-mixed-model) on",
        f"{VARIANTS:,} variants of {SAMPLES:,} samples, in blocks of {BLOCK}, and the same function on the same",
        f"blocks in one process of NumPy, in turn until {AGREE} runs of each are no faster than before, or {LONG:g}",
        "seconds are over; the fastest run counts. Hail",
        f"{hl.version().partition('-')[0]}, Python {platform.python_version()}, NumPy {np.__version__}. Ratios travel",
        "between machines, seconds do not.",
        "",
        "![The ways beside each other](hail_mixed_model.png)",
        "",
        "| | seconds |",
        "|---|--:|",
        f"| `numpy_map` of the blocks of a matrix table | {found['ours']:.2f} |",
        f"| the blocks in one process, one core | {found['loop']:.2f} |",
        f"| reading the matrix table alone | {found['read']:.2f} |",
        "",
        f"`numpy_map` takes **{found['ours'] / share:.2f}** times the loop ÷ {CORES} cores (target ≤ {TARGET}).",
        "",
    ]
    if is_out_of_reach(found):
        lines += [
            "## Targets that are out of reach",
            "",
            f"- {TARGET} times the loop ÷ {CORES} cores is {TARGET * share:.2f} s. To read the rows and run the loop",
            f"  on {CORES} cores takes {floor(found):.2f} s, which is {floor(found) / share:.2f} times. `numpy_map`",
            f"  takes {found['ours'] / floor(found):.2f} times that (target ≤ {TARGET}).",
            "",
        ]
    return "\n".join(lines)


def is_out_of_reach(found: dict[str, float]) -> bool:
    """Tell whether nothing that reads the rows could meet the target."""
    return floor(found) > TARGET * found["loop"] / CORES


def draw(found: dict[str, float]) -> None:
    """Draw the ways beside each other."""
    ways = {
        "numpy_map": (found["ours"], bars.OURS),
        f"the loop ÷ {CORES} cores": (found["loop"] / CORES, bars.LEAST),
        "reading alone": (found["read"], bars.LEAST),
        "reading, and the loop": (floor(found), bars.OTHER),
    }
    bars.draw(PAGE.with_suffix(".png"), {f"{VARIANTS:,} variants, {SAMPLES:,} samples, blocks of {BLOCK}": ways})


def main() -> None:
    """Measure in a process of its own, and write the page. Fails if the target is missed.

    Where that is out of reach, it holds for what nothing can do without.
    """
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure()))
        return
    found = apart.measured(
        "benchmarks.hail_mixed_model", environment=dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    )
    if found is None:
        sys.exit("nothing was measured")
    text = page(found)
    print(text)
    PAGE.write_text(text)
    draw(found)
    ratio = found["ours"] / (floor(found) if is_out_of_reach(found) else found["loop"] / CORES)
    if ratio > TARGET:
        sys.exit(f"missed: {ratio:.2f} times what it is compared with, the target {TARGET}")


if __name__ == "__main__":
    main()
