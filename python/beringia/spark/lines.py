"""Which Spark this is, and the jar of Beringia that goes with it.

The package carries a jar for each line of Spark. Each says itself which versions it is for, in
``org/beringia/spark/line.properties``.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyspark

import beringia
from beringia.errors import ConfigError
from beringia.spark.jvm import find_class

_ABOUT = "org/beringia/spark/line.properties"


@dataclass(frozen=True)
class Spark:
    """A Spark.

    Attributes
    ----------
    version : str
        Of Spark, such as ``4.3.0``.
    scala : str or None
        Its Scala, such as ``2.13``; None where that cannot be seen.
    """

    version: str
    scala: str | None

    def __str__(self) -> str:
        return f"Spark {self.version}" + (f" with Scala {self.scala}" if self.scala else "")


@dataclass(frozen=True)
class Jar:
    """A jar of the package: its path, and the versions of Spark and Scala that it is for, such as ``4.3``, ``2.13``."""

    path: Path
    versions: tuple[str, ...]
    scala: str

    def serves(self, spark: Spark) -> bool:
        """Tell whether the jar is for this Spark."""
        return _minor(spark.version) in self.versions and spark.scala in (self.scala, None)


def installed() -> Spark:
    """Return the Spark that a new JVM would run: that of ``SPARK_HOME``, else PySpark's own."""
    home = Path(os.environ.get("SPARK_HOME") or Path(pyspark.__file__).parent)
    for core in (home / "jars").glob("spark-core_*.jar"):
        if found := re.fullmatch(r"spark-core_([\d.]+)-(.+)\.jar", core.name):
            return Spark(version=found[2], scala=found[1])
    return Spark(pyspark.__version__, None)


def running(machine: Any) -> Spark:
    """Return the Spark of a JVM that runs."""
    version = find_class(machine, "org.apache.spark.package").SPARK_VERSION()
    return Spark(version, _minor(find_class(machine, "scala.util.Properties").versionNumberString()))


def jar(spark: Spark) -> Path:
    """Return the path of the jar for a Spark.

    Raises
    ------
    ConfigError
        If there is none for it, or no jar at all, as in a source tree that was not built.
    """
    found = list(jars())
    for candidate in found:
        if candidate.serves(spark):
            return candidate.path
    if not found:
        raise ConfigError(f"no jar of Beringia in {directory()}: in a source tree, `make build` puts it there")
    known = " and ".join(f"Spark {', '.join(each.versions)} (Scala {each.scala})" for each in found)
    raise ConfigError(f"Beringia {beringia.__version__} is for {known}, and this is {spark}")


def jars() -> Iterator[Jar]:
    """Return the jars that the package carries, the oldest Spark's first."""
    for path in sorted(directory().glob(f"beringia-spark-*-{beringia.__version__}.jar")):
        said = about(path, _ABOUT)
        yield Jar(path, tuple(said["spark"].split()), said["scala"])


def about(jar: Path, name: str) -> dict[str, str]:
    """Return what a jar says of itself: the properties in the file `name` within it."""
    with zipfile.ZipFile(jar) as file:
        text = file.read(name).decode()
    return dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))


def directory() -> Path:
    """Return the folder of the package's jars."""
    return Path(beringia.__file__).absolute().parent / "jars"


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
