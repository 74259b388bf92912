"""The demonstration runs, and both ways agree (it fails by itself if they do not)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FLIGHTS = Path(__file__).parents[1] / "examples" / "flights.py"


def test_the_flights(nothing_stays, tmp_path):
    picture = tmp_path / "flights.png"
    done = subprocess.run(
        [sys.executable, FLIGHTS, picture], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "336,776 flights" in done.stdout
    seconds = r" +\d+\.\d\d" * 3  # the fourth only where the third was not long
    assert re.search(rf"439 routes, a regression each{seconds}", done.stdout)
    assert re.search(rf"\d\d,\d\d\d aircraft by month, a mean each{seconds}", done.stdout)
    assert picture.read_bytes().startswith(b"\x89PNG")
