#!/bin/sh
# Tests the wheel on each Python from 3.10 to 3.13 that is here: on the PATH, or pyenv's. Each gets an environment of its
# own, with the pinned versions and no engine, and runs the worker's tests and the contract on the local front; or, as
# `test_pythons.sh MATURIN executors`, CPython's own tests of executors on ours, where the Python came with them.
set -eu
maturin=$1
what=${2:-worker}
work=build/pythons

find_python() {
    for path in "$(command -v "python$1" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
        if "$path" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            echo "$path"
            return
        fi
    done
    return 1
}

# Beside the target of the suite's own Python, for which pyo3 would be compiled anew after this; all but pyo3 is there.
[ -d $work/target ] || { mkdir -p $work/target && cp -a target/release $work/target/; }

tested=
for version in 3.10 3.11 3.12 3.13; do
    if ! python=$(find_python "$version"); then
        echo "» Python $version: none here, skipped"
        continue
    fi
    if [ "$what" = executors ] && ! "$python" -c "import test.test_concurrent_futures.util" 2>/dev/null; then
        echo "» Python $version: came without these tests, skipped"
        continue
    fi
    echo "» Python $version: $python"
    home=$work/$version
    requirements=requirements-dev.txt
    [ "$version" != 3.10 ] || requirements=requirements-dev-3.10.txt
    [ -x "$home/bin/python" ] || "$python" -m venv "$home"
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check --constraint $requirements \
        cloudpickle hypothesis joblib numpy pandas polars pyarrow pytest tqdm
    rm -rf "$home/dist"
    CARGO_TARGET_DIR=$work/target "$maturin" build --quiet --release --interpreter "$home/bin/python" --out "$home/dist"
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$home"/dist/*.whl
    if [ "$what" = executors ]; then
        "$home/bin/python" -m pytest --quiet python/tests/peers/cpython_futures.py
        tested="$tested $version"
        continue
    fi
    "$home/bin/python" -m pytest --quiet python/tests \
        --ignore python/tests/test_doctor.py \
        --ignore python/tests/test_failures.py \
        --ignore python/tests/test_function.py \
        --ignore python/tests/test_interpreter.py \
        --ignore python/tests/test_package.py \
        --ignore python/tests/test_setup.py \
        --ignore python/tests/test_types.py \
        --ignore python/tests/test_udf_frames.py \
        --ignore python/tests/test_udf_groups.py \
        --ignore python/tests/test_udf_pulling.py
    "$home/bin/python" -m pytest --quiet integration-tests/contract/test_contract.py
    tested="$tested $version"
done
[ -n "$tested" ] || { echo "none of Python 3.10 to 3.13 is here" >&2; exit 1; }
echo "» The wheel works on Python$tested"
