"""A Python of another minor version than this one's, that has this package and a NumPy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import beringia

OTHER = "3.12" if sys.version_info[:2] != (3, 12) else "3.11"
MINE = f"{sys.version_info.major}.{sys.version_info.minor}"


def other_python(directory):
    """Make one in `directory`; returns its path. It cannot load this one's extension."""
    site = directory / "site"
    package = site / "beringia"
    shutil.copytree(Path(beringia.__file__).parent, package, ignore=shutil.ignore_patterns("jars", "__pycache__"))
    real = shutil.which(f"python{OTHER}")
    probe = [real, "-c", "import sys; print(sys.version_info[:2])"] if real else None
    if probe is None or subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        # No such Python here: this one, made to say that it is another.
        (site / "sitecustomize.py").write_text(
            f"import platform, sys\nplatform.python_version = lambda: '{OTHER}.0'\n"
            "import importlib.machinery\nimportlib.machinery.EXTENSION_SUFFIXES[:] = []\n",
            encoding="utf-8",
        )
        real = sys.executable
    else:
        # Without NumPy it would fail for another reason.
        numpy = site / "numpy"
        numpy.mkdir()
        (numpy / "__init__.py").write_text("", encoding="utf-8")
    return script(directory / "python", f'#!/bin/sh\nPYTHONPATH="{site}" exec "{real}" "$@"\n')


def script(path, text):
    """Write a program; returns its path."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path
