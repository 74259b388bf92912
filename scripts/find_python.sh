#!/bin/sh
# Prints a Python for the development environment: 3.10 to 3.13, which requirements-dev*.txt are pinned for.
set -u
for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3.10 python3 python; do
    path=$(command -v "$name" 2>/dev/null) || continue
    if "$path" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
        "$path" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done
echo "Beringia's development environment needs Python 3.10 to 3.13 with venv, and none was found on the PATH:" \
    "on Debian or Ubuntu, apt-get install python3-venv; elsewhere name one with make PYTHON=/path/to/python." >&2
exit 1
