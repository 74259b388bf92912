"""The scripts in examples/ run, and their results are those that they are compared with (they fail if they are not).

They run in this process, whose Hail they find running: to start it for each would take longer than they do.
"""

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def demonstrate(hl, tmp_path, monkeypatch, capsys):
    """Run a script; returns what it printed."""

    def run(name):
        picture = tmp_path / "picture.png"
        monkeypatch.setattr(sys, "argv", [name, str(picture)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        assert picture.read_bytes().startswith(b"\x89PNG")
        return capsys.readouterr().out

    return run


def test_the_scan(demonstrate):
    said = demonstrate("hail_blocks.py")
    assert "12,000 variants of 800 samples in 48 blocks" in said
    assert re.search(r"numpy_map +\d+\.\d\d s", said)


def test_the_mixed_model(demonstrate):
    said = demonstrate("hail_mixed_model.py")
    assert "differ from generalised least squares by" in said


def test_skat(demonstrate):
    assert "120 genes: hl.skat's statistic to" in demonstrate("hail_skat.py")


def test_upper_tails_are_those_of_chi_squared():
    upper_tail = runpy.run_path(str(EXAMPLES / "hail_skat.py"))["upper_tail"]
    stats = pytest.importorskip("scipy.stats")
    for freedom, q in ((2, 3.0), (5, 1.0), (5, 40.0), (30, 30.0)):
        assert upper_tail(q, np.ones(freedom)) == pytest.approx(stats.chi2.sf(q, freedom), abs=1e-7)


@pytest.mark.slow  # Hail's own way; what the function gives is compared in the documentation, too
def test_ld_scores(demonstrate):
    assert "3,000 variants: hl.experimental.ld_score's to" in demonstrate("hail_ld_scores.py")


def test_blocks_to_zarr(demonstrate):
    pytest.importorskip("zarr", "3")
    assert "8 chunks of 250 variants" in demonstrate("hail_zarr.py")
