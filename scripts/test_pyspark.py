"""PySpark's own tests of what is accelerated, unmodified and accelerated: `test_pyspark.py SOURCE [PYTEST…]`.

SOURCE is a tree of Spark's source, best of the minor version of the PySpark that runs this: of another one, tests fail
that have to do with neither. A copy of that PySpark, of links to its files, gets the tests of the tree: so the driver
and its workers import them as Spark's own build does. What the rule of acceleration said of each plan is counted at the
end.
"""

from __future__ import annotations

import collections
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyspark

import beringia.spark

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "pyspark-tests"
FILES = (
    "pandas/test_pandas_grouped_map.py",
    "pandas/test_pandas_cogrouped_map.py",
    "pandas/test_pandas_map.py",
    "pandas/test_pandas_udf.py",
    "pandas/test_pandas_udf_scalar.py",
    "pandas/test_pandas_udf_grouped_agg.py",
    "pandas/test_pandas_udf_window.py",
    "pandas/test_pandas_udf_typehints.py",
    "pandas/test_pandas_udf_typehints_with_future_annotations.py",
    "arrow/test_arrow_map.py",
    "arrow/test_arrow_grouped_map.py",
    "arrow/test_arrow_cogrouped_map.py",
    "arrow/test_arrow_python_udf.py",
    "arrow/test_arrow_udf.py",
    "arrow/test_arrow_udf_scalar.py",
    "arrow/test_arrow_udf_grouped_agg.py",
    "arrow/test_arrow_udf_window.py",
    "arrow/test_arrow_udf_typehints.py",
    "test_arrow_map.py",
    "test_arrow_python_udf.py",
)

LEFT = {
    "PythonUDFArrowTests::test_complex_input_types": "the text of NumPy 1's numbers",
    "PythonUDFArrowTests::test_nested_array": "the text of NumPy 1's numbers",
    "PythonUDFArrowTests::test_nested_array_input": "the text of NumPy 1's numbers",
    "PythonUDFArrowTests::test_register": "the text of NumPy 1's numbers",
    "ScalarPandasUDFTests::test_mixed_udf_and_sql": "imports Spark Connect, which wants grpcio",
}
"""Tests of 3.5 that fail without acceleration too, in an environment of today."""

# PySpark 3.5's own helpers for tests were written for NumPy 1.
SITE = """
import numpy

if not hasattr(numpy, "NaN"):
    numpy.NaN = numpy.nan
"""

LOG = """
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d %p %c: %m%n%ex
appender.said.type = File
appender.said.name = said
appender.said.fileName = {said}
appender.said.layout.type = PatternLayout
appender.said.layout.pattern = %m%n
logger.accelerate.name = org.beringia.spark.accelerate
logger.accelerate.level = info
logger.accelerate.additivity = false
logger.accelerate.appenderRef.said.ref = said
"""


def main() -> None:
    """Run the tests, and end as pytest does."""
    source = Path(sys.argv[1]).resolve() / "python"
    about = source / "pyspark" / "version.py"
    if not about.exists():
        sys.exit(f"{source.parent} is no tree of Spark's source")
    version = re.search(r'"(\d+\.\d+)', about.read_text(encoding="utf-8"))
    if version is None or not pyspark.__version__.startswith(f"{version[1]}."):
        print(f"these are tests of another version than PySpark {pyspark.__version__}: failures may come of that")
    tests = installed_with(source)
    files = [str(tests / name) for name in FILES if (tests / name).exists()]
    said = WORK / "said.log"
    options = ["--quiet", "-o", "addopts=", "-p", "no:cacheprovider", f"--rootdir={WORK}"]
    if pyspark.__version__.startswith("3."):
        for test, reason in LEFT.items():
            print(f"left out: {test}: {reason}")
            options += [f"--deselect={Path(file).relative_to(WORK)}::{test}" for file in files]
    command = [sys.executable, "-m", "pytest", *options, *(sys.argv[2:] or files)]
    done = subprocess.run(command, env=environment(said), cwd=WORK, check=False)
    if said.exists():
        for line, count in collections.Counter(said.read_text(encoding="utf-8").splitlines()).most_common():
            print(f"{count:6} {line}")
    sys.exit(done.returncode)


def installed_with(source: Path) -> Path:
    """Make the PySpark that has the tests; return their folder."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    home = Path(pyspark.__file__).parent
    shutil.copytree(home, WORK / "pyspark", copy_function=os.symlink, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tests", "testing", "sql/tests"):
        shutil.rmtree(WORK / "pyspark" / name, ignore_errors=True)
        shutil.copytree(source / "pyspark" / name, WORK / "pyspark" / name)
    for home in (WORK, WORK / "pyspark"):  # relative to where tests run, and to SPARK_HOME
        if (source / "test_support").exists():
            shutil.copytree(source / "test_support", home / "python" / "test_support", dirs_exist_ok=True)
    (WORK / "sitecustomize.py").write_text(SITE, encoding="utf-8")
    return WORK / "pyspark" / "sql" / "tests"


def environment(said: Path) -> dict[str, str]:
    """Return the variables under which PySpark's tests start a Spark of ours."""
    log = WORK / "log4j2.properties"
    log.write_text(LOG.format(said=said), encoding="utf-8")
    settings = beringia.spark.conf(accelerate=True)
    options = [f"--conf {name}={value}" for name, value in settings.items()]
    path = [str(WORK), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "SPARK_HOME": str(WORK / "pyspark"),
        "SPARK_TESTING": "1",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": " ".join(
            [*options, f"--driver-java-options -Dlog4j2.configurationFile={log.as_uri()}", "pyspark-shell"]
        ),
    }


if __name__ == "__main__":
    main()
