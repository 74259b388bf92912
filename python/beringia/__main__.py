"""The command line: ``python -m beringia doctor``."""

from __future__ import annotations

import argparse
import sys

from beringia import __version__


def main() -> int:
    """Run the command that was given; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m beringia", description="NumPy functions on groups of tables.")
    parser.add_argument("--version", action="version", version=f"beringia {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    examination = commands.add_parser("doctor", help="look at the surroundings, run a self-test, and say what to do")
    examination.add_argument(
        "--cluster",
        metavar="MASTER",
        nargs="?",
        const="",
        help="start Spark, on this master or as it is set up here, and look at each executor",
    )
    given = parser.parse_args()
    from beringia import doctor

    return doctor.main(given.cluster)


if __name__ == "__main__":
    sys.exit(main())
