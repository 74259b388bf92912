"""A matrix table as a Zarr store, which its own workers write: each block of variants is a chunk of each array.

The calls of 2,000 variants and 500 samples go from Hail's memory to the store without passing the driver, and without a
file of another format between. The arrays have the names and dimensions of VCF Zarr, which sgkit and bio2zarr use.
xarray reads them back: they must be Hail's own. Draws docs/images/hail_zarr.png: the samples' principal components,
computed from the store.

``python examples/hail_zarr.py [PICTURE [STORE]]``
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray
import zarr
from numpy.typing import NDArray

import beringia.hail
import hail as hl

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "hail_zarr.png"
VARIANTS, SAMPLES, CHUNK = 2_000, 500, 250


def create(store: str, samples: list[str], contigs: list[str]) -> None:
    """Make the store: empty arrays of variants, in chunks of `CHUNK`, and the names of samples and contigs."""
    root = zarr.create_group(store, zarr_format=3, overwrite=True)
    for name, dtype, axes in (
        ("call_genotype", "int8", {"variants": VARIANTS, "samples": len(samples), "ploidy": 2}),
        ("variant_contig", "int8", {"variants": VARIANTS}),
        ("variant_position", "int32", {"variants": VARIANTS}),
    ):
        shape = tuple(axes.values())
        root.create_array(
            name, shape=shape, chunks=(CHUNK, *shape[1:]), dtype=dtype, fill_value=-1, dimension_names=tuple(axes)
        )
    for name, axis, values in (("sample_id", "samples", samples), ("contig_id", "contigs", contigs)):
        array = root.create_array(name, shape=(len(values),), dtype=str, dimension_names=(axis,))
        array[:] = np.array(values, dtype=object)


def write(
    index: NDArray[np.int64], locus: dict[str, Any], GT: Any, store: str, contigs: dict[str, int]
) -> tuple[int, float]:
    """Write a block of variants, which is a whole chunk: written again, after a failure, it is the same.

    Parameters
    ----------
    index : ndarray of int64, shape (b,)
        Where the variants are in the store.
    locus : dict
        ``contig`` and ``position`` of the variants, each of shape (b,).
    GT : masked array of int8, shape (b, samples, 2)
        Alleles; masked where the call is missing, which is -1 in the store.
    store : str
        Path or address of the store, which all workers reach.
    contigs : dict
        Names of contigs and their numbers.

    Returns
    -------
    tuple
        Calls that are there, and the mean frequency of alternate alleles.
    """
    root: Any = zarr.open_group(store, mode="r+")
    rows = slice(int(index[0]), int(index[-1]) + 1)
    root["call_genotype"][rows] = GT.filled(-1)
    root["variant_contig"][rows] = [contigs[name] for name in locus["contig"]]
    root["variant_position"][rows] = locus["position"]
    return int(GT[..., 0].count()), float((GT > 0).mean())


def export(mt: Any, store: str) -> Any:
    """Write the calls of `mt` to a store; returns a Table with a row per chunk."""
    contigs = ["1"]
    create(store, mt.s.collect(), contigs)
    mt = mt.add_row_index("index")
    return hl.experimental.numpy_map(
        write,
        {"chunk": mt.index // CHUNK},
        hl.tstruct(calls=hl.tint32, frequency=hl.tfloat64),
        args=dict(index=mt.index, locus=mt.locus, GT=mt.GT),
        consts=dict(store=store, contigs={name: i for i, name in enumerate(contigs)}),
        order_by=mt.index,
        missing={"GT": "mask"},
    ).checkpoint(hl.utils.new_temp_file(extension="ht"))


def draw(stored: xarray.Dataset, population: list[int], picture: Path) -> None:
    """Draw the first principal components of the samples."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    calls = stored.call_genotype.where(stored.call_genotype >= 0)
    dosage = calls.sum("ploidy", skipna=False)
    centred = (dosage - dosage.mean("samples")) / dosage.std("samples")
    _, spread, components = np.linalg.svd(centred.fillna(0).where(dosage.std("samples") > 0, 0).to_numpy(), False)
    part = spread**2 / (spread**2).sum()
    figure, axes = plt.subplots(figsize=(6, 4.4), layout="constrained")
    for number, color in enumerate(("#00798c", "#d1495b", "#edae49")):
        mine = np.array(population) == number
        axes.scatter(
            components[0, mine], components[1, mine], s=12, color=color, linewidths=0, label=f"population {number + 1}"
        )
    axes.set(xlabel=f"component 1 ({part[0]:.1%} of the variance)", ylabel=f"component 2 ({part[1]:.1%})")
    axes.set_title(
        f"{SAMPLES} samples, {VARIANTS:,} variants, read by xarray from {VARIANTS // CHUNK} chunks", fontsize=11
    )
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def main() -> None:
    """Simulate, write, read back, compare, draw."""
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    conf = beringia.hail.conf(**{"spark.driver.memory": "2g", "spark.ui.showConsoleProgress": "false"})
    log = hl.utils.timestamp_path("/tmp/hail_zarr", ".log")
    hl.init(spark_conf=conf, master="local[2]", quiet=True, log=log, idempotent=True)
    hl.set_global_seed(3)
    mt = hl.balding_nichols_model(3, SAMPLES, VARIANTS, n_partitions=4)
    mt = mt.annotate_entries(GT=hl.or_missing(hl.rand_bool(0.98), mt.GT))
    mt = mt.key_cols_by(s="S" + hl.str(mt.sample_idx)).checkpoint(hl.utils.new_temp_file(extension="mt"))

    with tempfile.TemporaryDirectory() as folder:
        store = sys.argv[2] if len(sys.argv) > 2 else f"{folder}/calls.zarr"
        chunks = beringia.hail.to_pandas(export(mt, store))
        stored = xarray.open_zarr(store, consolidated=False).load()
    expected = beringia.hail.to_numpy({"GT": mt.GT, "position": mt.locus.position, "s": mt.s}, missing="mask")
    same = (
        np.array_equal(stored.call_genotype, expected["GT"].filled(-1))
        and np.array_equal(stored.variant_position, expected["position"])
        and np.array_equal(stored.sample_id, expected["s"])
    )
    print(f"{len(chunks)} chunks of {CHUNK} variants, {chunks.calls.sum():,} calls; read back by xarray:\n\n{stored}")
    if not same:
        raise SystemExit("what was read is not what Hail has")
    draw(stored, mt.pop.collect(), picture)
    print(f"\n{picture.resolve()}")


if __name__ == "__main__":
    main()
