"""The demonstration runs, and both ways agree (it fails by itself if they do not)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FLIGHTS = Path(__file__).parents[1] / "examples" / "flights.py"


def test_the_flights(nothing_stays, tmp_path):
    picture = tmp_path / "flights.png"
    command = [sys.executable, FLIGHTS, "--picture", picture, "--months", "1"]  # of the year it takes a minute
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "27,004 flights" in done.stdout
    seconds = r" +\d+\.\d\d" * 3  # the fourth only where the third was not long
    assert re.search(rf"\d\d\d routes, a regression each{seconds}", done.stdout)
    assert re.search(rf"\d,\d\d\d aircraft by month, a mean each{seconds}", done.stdout)
    assert picture.read_bytes().startswith(b"\x89PNG")
