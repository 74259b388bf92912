"""Turning the plugin on: for a session to be (:func:`conf`), or for one that runs (:func:`attach`).

A JVM finds the plugin in the jar that the package carries. Where the JVM is yet to start, ``spark.jars`` is
enough; where it runs already (``spark-submit``, a notebook after a stopped session) the jar must first be
added to the class loader of the driver's thread, for Spark looks for plugins before it reads ``spark.jars``.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from beringia.errors import ConfigError
from beringia.spark import jvm, lines
from beringia.spark.connect.server import START

PLUGIN = "org.beringia.spark.BeringiaPlugin"
PREFIX = "spark.beringia."

_DRIVER_PYTHON = "spark.pyspark.driver.python"  # where the JVM finds it, for functions that SQL names

# What the plugin sets by itself. A server of Spark Connect that PySpark starts within its process takes no plugin but
# Connect's own.
_CONNECT = {
    "spark.sql.extensions": "org.beringia.spark.BeringiaExtensions",
    "spark.connect.extensions.relation.classes": "org.beringia.spark.connect.NumpyMapRelation",
    "spark.connect.extensions.command.classes": "org.beringia.spark.connect.RegisterCommand",
}


def conf(**settings: Any) -> dict[str, Any]:
    """Return the Spark settings that turn Beringia on.

    Give them to the builder before the session exists::

        SparkSession.builder.config(map=beringia.spark.conf()).getOrCreate()

    Parameters
    ----------
    **settings
        Settings to go with them: Beringia's own without their prefix (``batchBytes="16m"``,
        ``**{"worker.max": 4}``), others by their full names (``**{"spark.jars": "mine.jar"}``).

    Returns
    -------
    dict of str to str
        The given settings; ``spark.jars`` and ``spark.plugins`` (from Spark 4 on also ``spark.sql.extensions``,
        ``spark.connect.extensions.relation.classes`` and ``…command.classes``): Beringia's behind those given here,
        else behind those that Spark would find by itself (``spark-submit``'s, ``PYSPARK_SUBMIT_ARGS``,
        ``spark-defaults.conf``); and ``spark.pyspark.driver.python``, which is this Python if it is not given.

    Raises
    ------
    ConfigError
        If a session without the plugin is running (see :func:`attach`), or the package carries no jar for the Spark
        that is installed or runs.
    """
    given: dict[str, Any] = {_full_name(name): _text(value) for name, value in settings.items()}
    machine = jvm.running()
    if SparkContext._active_spark_context is not None:
        _check_active(SparkContext._active_spark_context)
    found = _spark_defaults(machine)
    jar = jar_path(machine)
    if machine is not None:
        add_to_class_path(machine, jar)
    ours = {"spark.jars": str(jar), "spark.plugins": PLUGIN}
    if not _spark(machine).version.startswith("3."):
        ours |= _CONNECT
    for name, own in ours.items():  # lists, to which ours are added
        given[name] = appended(given.get(name, found.get(name, "")), own)
    return {_DRIVER_PYTHON: sys.executable, **given}


def attach(spark: SparkSession) -> SparkSession:
    """Turn Beringia on in a session that runs already: in this one, not in others of the same context.

    Doing it twice is doing it once. Settings of Beringia are those that the session has: give them with
    :func:`conf` to a new session to change them. The native library is loaded by each executor's first task.

    Returns
    -------
    SparkSession
        `spark` itself.

    Raises
    ------
    ConfigError
        If the class loader of the driver cannot be extended: start the session with :func:`conf` then. Or if there
        is no jar for this Spark, or the session is one of Spark Connect.
    """
    if type(spark).__module__.startswith("pyspark.sql.connect"):
        raise ConfigError(f"this session is a client of Spark Connect, and cannot turn Beringia on: {START}")
    context = spark.sparkContext
    if PLUGIN in _split(context.getConf().get("spark.plugins", "")):
        return spark
    jar = jar_path(spark._jvm)
    add_to_class_path(spark._jvm, jar)
    attacher = jvm.find_class(spark._jvm, "org.beringia.spark.Attach")
    if not attacher.isAttached(spark._jsparkSession):
        context._jsc.addJar(str(jar))
        attacher.attach(spark._jsparkSession)
        attacher.nameDriver(spark._jsparkSession, sys.executable)
    return spark


def front(spark: SparkSession) -> Any:
    """Return the JVM's ``PythonFront``.

    Raises
    ------
    ConfigError
        If the session does not have the plugin's classes.
    """
    found = jvm.find_class(spark._jvm, "org.beringia.spark.PythonFront")
    if found is None:
        raise ConfigError(
            "this Spark session runs without Beringia. Make it with\n"
            "    spark = SparkSession.builder.config(map=beringia.spark.conf()).getOrCreate()\n"
            "or turn Beringia on in the session that runs:\n"
            "    beringia.spark.attach(spark)"
        )
    return found


def jar_path(machine: Any = None) -> Path:
    """Return the path of the plugin's jar for the Spark of a JVM, or else for the one that is installed.

    Raises
    ------
    ConfigError
        If the package has none.
    """
    return lines.jar(_spark(machine))


def _spark(machine: Any) -> lines.Spark:
    return lines.installed() if machine is None else lines.running(machine)


def _check_active(context: SparkContext) -> None:
    if PLUGIN not in _split(context.getConf().get("spark.plugins", "")):
        raise ConfigError(
            "a Spark session is running, and settings come too late for it: "
            "turn Beringia on with beringia.spark.attach(spark), or stop the session first"
        )


def add_to_class_path(machine: Any, jar: Path) -> None:
    """Make a JVM that runs know the plugin.

    Raises
    ------
    ConfigError
        If it takes no jar, or has one of Beringia that is for another Spark.
    """
    line = jvm.find_class(machine, "org.beringia.spark.SparkLine")
    if line is None:
        jvm.add_jar(machine, jar)
    elif obstacle := line.obstacle():
        raise ConfigError(obstacle)


def _spark_defaults(machine: Any) -> dict[str, str]:
    """Return the settings that a new session would have by itself."""
    if machine is not None:
        return dict(SparkConf(loadDefaults=True, _jvm=machine).getAll())
    return {**_defaults_file(), **_submit_arguments(os.environ.get("PYSPARK_SUBMIT_ARGS", ""))}


def _defaults_file() -> dict[str, str]:
    """Read ``spark-defaults.conf``: a name, white space or ``=``, a value."""
    directory = os.environ.get("SPARK_CONF_DIR") or (
        str(Path(os.environ["SPARK_HOME"]) / "conf") if os.environ.get("SPARK_HOME") else None
    )
    path = Path(directory) / "spark-defaults.conf" if directory else None
    if path is None or not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return dict(
        [*re.split(r"\s*[=:\s]\s*", line, maxsplit=1), ""][:2]  # a Java properties file
        for line in lines
        if line and not line.startswith(("#", "!"))
    )


def _submit_arguments(arguments: str) -> dict[str, str]:
    """Read ``--conf`` and ``--jars`` out of a command line for ``spark-submit``."""
    settings: dict[str, str] = {}
    words = shlex.split(arguments)
    for option, value in itertools.pairwise(words):
        if option in ("--conf", "-c") and "=" in value:
            name, _, text = value.partition("=")
            settings[name] = text
        elif option == "--jars":
            settings["spark.jars"] = value
    return settings


def _full_name(name: str) -> str:
    return name if name.startswith("spark.") else PREFIX + name


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def appended(listed: str, item: str) -> str:
    """Return a list of Spark's, such as ``spark.jars``, with `item` in it."""
    items = _split(listed)
    return ",".join(items if item in items else [*items, item])


def _split(listed: str | None) -> list[str]:
    return [item.strip() for item in (listed or "").split(",") if item.strip()]
