"""PySpark's own tests of what is accelerated, unmodified and accelerated: `test_pyspark.py SOURCE [PYTEST…]`.

SOURCE is a tree of Spark's source, best of the minor version of the PySpark that runs this: of another one, or beside
newer packages than it knew, tests fail that have to do with neither. So what fails runs once more without acceleration,
and only what does not fail there counts. A copy of that PySpark, of links to its files, gets the tests of the tree: so
the driver and its workers import them as Spark's own build does. What the rule of acceleration said of each plan is
counted at the end.

No test of the files in the list is left out. Files that are not in it have to do with what is not accelerated: table
functions, state, streams, data sources, profilers.

PYTEST is what pytest gets in place of the list, such as ``pyspark/sql/tests/pandas/test_pandas_map.py``, or the tests
of pandas on Spark, which takes frames by these functions: ``pyspark/pandas/tests/groupby``.
"""

from __future__ import annotations

import collections
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

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
    "pandas/test_pandas_sqlmetrics.py",
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
    "test_pandas_sqlmetrics.py",
    "test_udf.py",
    "test_udf_combinations.py",
    "test_unified_udf.py",
)

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
    said = WORK / "said.log"
    files = [str((tests / name).relative_to(WORK)) for name in FILES if (tests / name).exists()]
    failed = run(sys.argv[2:] or files, said, accelerate=True)
    if said.exists():
        for line, count in collections.Counter(said.read_text(encoding="utf-8").splitlines()).most_common():
            print(f"{count:6} {line}")
    if failed:
        print(f"{len(failed)} failed: once more, without acceleration")
        left = run(sorted(failed), said, accelerate=False)
        for test in sorted(failed):
            print(f"fails {'without acceleration too' if test in left else 'ACCELERATED ALONE'}: {test}")
        failed -= left
    sys.exit(bool(failed))


def run(what: list[str], said: Path, *, accelerate: bool) -> set[str]:
    """Run tests; return those that failed, as pytest is asked for them."""
    report = WORK / "report.xml"
    options = ["--quiet", "-o", "addopts=", "-p", "no:cacheprovider", f"--rootdir={WORK}"]
    command = [sys.executable, "-m", "pytest", *options, f"--junit-xml={report}", *what]
    done = subprocess.run(command, env=environment(said, accelerate), cwd=WORK, check=False)
    if done.returncode > 1:
        sys.exit(done.returncode)
    return {
        _named(case.get("classname", ""), case.get("name", ""))
        for case in ElementTree.parse(report).iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    }


def _named(of: str, test: str) -> str:
    file, _, group = of.rpartition(".")
    return f"{file.replace('.', '/')}.py::{group}::{test}"


def installed_with(source: Path) -> Path:
    """Make the PySpark that has the tests; return their folder."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    home = Path(pyspark.__file__).parent
    shutil.copytree(home, WORK / "pyspark", copy_function=os.symlink, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tests", "testing", "sql/tests", "pandas/tests"):
        shutil.rmtree(WORK / "pyspark" / name, ignore_errors=True)
        shutil.copytree(source / "pyspark" / name, WORK / "pyspark" / name)
    for home in (WORK, WORK / "pyspark"):  # relative to where tests run, and to SPARK_HOME
        if (source / "test_support").exists():
            shutil.copytree(source / "test_support", home / "python" / "test_support", dirs_exist_ok=True)
    (WORK / "sitecustomize.py").write_text(SITE, encoding="utf-8")
    return WORK / "pyspark" / "sql" / "tests"


def environment(said: Path, accelerate: bool) -> dict[str, str]:
    """Return the variables under which PySpark's tests start a Spark of ours."""
    log = WORK / "log4j2.properties"
    log.write_text(LOG.format(said=said), encoding="utf-8")
    settings = beringia.spark.conf(accelerate=accelerate)
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
