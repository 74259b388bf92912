"""The jar of Beringia that goes with a Hail and its Spark.

The package carries one for each Hail that it was built against. Each says itself which that is, and for which Spark, in
``org/beringia/hail/line.properties``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import beringia
from beringia.errors import ConfigError
from beringia.spark import lines


@dataclass(frozen=True)
class Jar(lines.Jar):
    """A jar for Hail.

    Attributes
    ----------
    hail : str
        The version that it was built against, such as ``0.2.139``.
    """

    hail: str


def jar(hail: str, spark: lines.Spark) -> Jar:
    """Return the jar for a Hail: the one built against this version, or else against another one on the same Spark.

    Parameters
    ----------
    hail : str
        As ``hl.version()`` says it.
    spark : Spark
        The one that runs, or that would run.

    Raises
    ------
    ConfigError
        If there is none for this Spark, or no jar at all, as in a source tree that was not built.
    """
    found = list(jars())
    version = hail.partition("-")[0]
    serving = [each for each in found if each.serves(spark)]
    if serving:
        return next((each for each in serving if each.hail == version), serving[-1])
    if not found:
        raise ConfigError(
            f"no jar of Beringia for Hail in {lines.directory()}: in a source tree, `make build` puts it there"
        )
    known = " and ".join(f"Hail {each.hail} on Spark {', '.join(each.versions)} (Scala {each.scala})" for each in found)
    raise ConfigError(f"Beringia {beringia.__version__} is for {known}, and this is Hail {version} on {spark}")


def jars() -> Iterator[Jar]:
    """Return the jars that the package carries, in the order of their names."""
    for path in sorted(lines.directory().glob(f"beringia-hail-*-{beringia.__version__}.jar")):
        about = lines.about(path, "org/beringia/hail/line.properties")
        yield Jar(path, tuple(about["spark"].split()), about["scala"], about["hail"])
