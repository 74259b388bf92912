"""An environment that is brought along."""

from __future__ import annotations

import subprocess

import programs
import pytest


@pytest.fixture(scope="session")
def packed(tmp_path_factory):
    """An environment as an archive, as docs/cluster.md makes it."""
    directory = tmp_path_factory.mktemp("packed")
    programs.environment(directory / "environment")
    subprocess.run(
        ["tar", "-cf", "environment.tar.gz", "-I", "gzip -1", "-C", "environment", "."], cwd=directory, check=True
    )
    return directory / "environment.tar.gz"
