"""Measurements in a process of their own each: one does not find the heap, the caches and the memory of another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

LIMIT = 900
"""Seconds after which a measurement is given up."""


def measured(
    module: str,
    *arguments: str,
    python: str = sys.executable,
    limit: float = LIMIT,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """Run ``python -m module --one *arguments`` and return what it prints last, an object in JSON; None if it fails."""
    name = f"{module}: {', '.join(arguments)}"
    command = [python, "-m", module, "--one", *arguments]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        found = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        print(f"{name}: more than {limit} s", flush=True)
        return None
    except (json.JSONDecodeError, IndexError):
        print(f"{name}: failed: {done.stderr[-300:]}", flush=True)
        return None
    print(f"{name}: {found}", flush=True)
    return found
