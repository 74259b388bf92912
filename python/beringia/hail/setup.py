"""Turning the plugin on for Hail: the settings for ``hl.init``, and the JVM's end of this front."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hail.backend.spark_backend import SparkBackend
from hail.utils.java import Env

import hail as hl
from beringia.errors import ConfigError
from beringia.hail import jars
from beringia.spark import jvm, lines
from beringia.spark import setup as spark_setup


def conf(**settings: Any) -> dict[str, str]:
    """Return the Spark settings that turn Beringia on, for ``hl.init(spark_conf=…)``.

    Parameters
    ----------
    **settings
        Settings to go with them: Beringia's own without their prefix (``batchBytes="16m"``), others by
        their full names (``**{"spark.driver.memory": "8g"}``).

    Returns
    -------
    dict of str to str
        The given settings, and ``spark.jars`` and ``spark.plugins`` with Beringia's among them.

    Raises
    ------
    ConfigError
        If Hail or a Spark session without the plugin is running, or the package carries no jar for this Hail and its
        Spark.
    """
    machine = jvm.running()
    jar = jar_path(machine)
    if machine is not None:
        spark_setup.add_to_class_path(machine, spark_setup.jar_path(machine))
        if jvm.find_class(machine, "org.beringia.hail.HailFront") is None:
            jvm.add_jar(machine, jar)
    given = spark_setup.conf(**settings)
    given["spark.jars"] = spark_setup.appended(given["spark.jars"], str(jar))
    return given


def jar_path(machine: Any = None) -> Path:
    """Return the path of the jar for this Hail on the Spark of a JVM, or else on the one that is installed.

    Raises
    ------
    ConfigError
        If the package has none.
    """
    return jars.jar(hl.version(), lines.installed() if machine is None else lines.running(machine)).path


def front() -> Any:
    """Return the JVM's ``HailFront``.

    Raises
    ------
    ConfigError
        If Hail runs without the plugin's classes, or without a Spark.
    """
    backend = hl.current_backend()
    if not isinstance(backend, SparkBackend):
        raise ConfigError(
            f"Hail runs on its {type(backend).__name__}, which has no Spark, and Beringia is a plugin of Spark: start "
            'it with hl.init(backend="spark", spark_conf=beringia.hail.conf())'
        )
    context = hl.spark_context()
    found = jvm.find_class(context._jvm, "org.beringia.hail.HailFront")
    if found is None:
        raise ConfigError(
            "Hail runs without Beringia. Start it with\n    hl.init(spark_conf=beringia.hail.conf())\n"
            "(in a session where Hail has started already: hl.stop() first)"
        )
    jvm.find_class(context._jvm, "org.beringia.hail.FailureLog").watch(context._jsc.sc())
    return found


def is_running(backend: Any) -> bool:
    """Tell whether a backend is that of the running Hail. The JVM of one that was stopped may never answer."""
    return Env.is_fully_initialized() and Env.backend() is backend
