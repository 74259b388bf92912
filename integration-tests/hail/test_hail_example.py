"""The demonstration runs, and its results are Hail's own (it fails by itself if they are not)."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCAN = Path(__file__).parents[2] / "examples" / "hail_blocks.py"


@pytest.mark.slow
def test_the_scan(nothing_stays, tmp_path):
    picture = tmp_path / "scan.png"
    done = subprocess.run(
        [sys.executable, SCAN, picture], cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12,000 variants of 800 samples in 48 blocks" in done.stdout
    assert re.search(r"numpy_map +\d+\.\d\d s", done.stdout)
    assert picture.read_bytes().startswith(b"\x89PNG")
