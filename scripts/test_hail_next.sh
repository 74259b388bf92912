#!/bin/sh
# Builds the Hail front for the Hail of a wheel, and runs its tests on it, in an environment of their own:
#   scripts/test_hail_next.sh WHEEL PYTHON MATURIN GRADLE
# The line of Spark is that of the wheel's Scala; nothing of this comes into the package of the source tree.
set -eu
wheel=$1 python=$2 maturin=$3 gradle=$4
[ -n "$wheel" ] || { echo "HAIL_WHEEL=hail-….whl is missing: a wheel of Hail, or a requirement such as hail==0.2.138" >&2; exit 2; }
home=build/hail-next
run=$home/bin/python

"$python" -m venv --clear $home
$run -m pip install --quiet --disable-pip-version-check "$wheel" \
    cloudpickle duckdb hypothesis matplotlib polars pyarrow pytest statsmodels tqdm xarray zarr
package=$($run -c 'import importlib.util as u; print(u.find_spec("hail").submodule_search_locations[0])')
jar=$package/backend/hail-all-spark.jar
case $(unzip -p "$jar" META-INF/MANIFEST.MF | sed -n 's/^Scala-Version: *//p') in
2.13*) line=4 ;;
*) line=3.5 ;;
esac

# As in test_pythons.sh: beside the target of the suite's own Python, with all that is compiled for any.
target=build/pythons/target
[ -d $target ] || { mkdir -p $target && cp -a target/release $target/; }
rm -rf $home/dist
CARGO_TARGET_DIR=$target "$maturin" build --quiet --release --interpreter $run --out $home/dist
$run -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $home/dist/*.whl

# Apart from what is built for the Hail in .venv, and from what was built for another wheel.
rm -rf jvm-plugin/hail/build/next
"$gradle" --no-daemon --console=plain -q -Pberingia.spark=$line -Pberingia.hailJar="$jar" :jvm-plugin:hail:pluginJar
jars=$($run -c 'import beringia, pathlib; print(pathlib.Path(beringia.__file__).parent / "jars")')
rm "$jars"/beringia-hail-*
cp jvm-plugin/hail/build/next/spark-$line/libs/*.jar "$jars"
exec $run -m pytest integration-tests/hail
