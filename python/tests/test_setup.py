"""The settings that turn the plugin on, before any JVM runs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pyspark
import pytest

import beringia
from beringia.errors import ConfigError
from beringia.spark import lines, setup


@pytest.fixture
def jar(monkeypatch, tmp_path):
    """A jar where the package's would be, and no trace of Spark in the environment."""
    path = tmp_path / "beringia-spark.jar"
    monkeypatch.setattr(setup, "jar_path", lambda machine: path)
    monkeypatch.setattr(setup.jvm, "running", lambda: None)
    for name in ("SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "PYSPARK_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    return str(path)


def test_by_default_the_plugin_its_jar_and_this_python(jar):
    assert setup.conf() == {
        "spark.jars": jar,
        "spark.plugins": "org.beringia.spark.BeringiaPlugin",
        "spark.pyspark.driver.python": sys.executable,
    }


def test_settings_by_their_spark_names_and_by_ours(jar):
    settings = setup.conf(batchBytes="16m", **{"worker.max": 4, "spark.sql.shuffle.partitions": 8})
    assert settings["spark.beringia.batchBytes"] == "16m"
    assert settings["spark.beringia.worker.max"] == "4"
    assert settings["spark.sql.shuffle.partitions"] == "8"


def test_ours_comes_behind_the_users(jar):
    settings = setup.conf(**{"spark.jars": "a.jar, b.jar", "spark.plugins": "com.example.Plugin"})
    assert settings["spark.jars"] == f"a.jar,b.jar,{jar}"
    assert settings["spark.plugins"] == f"com.example.Plugin,{setup.PLUGIN}"


def test_giving_its_own_result_back_changes_nothing(jar):
    once = setup.conf(batchBytes=1024)
    assert setup.conf(**once) == once


def test_ours_comes_behind_what_spark_would_find_by_itself(jar, monkeypatch, tmp_path):
    (tmp_path / "spark-defaults.conf").write_text(
        "# a comment\nspark.jars   file:/one.jar\nspark.plugins=com.example.One\n\nspark.flag\n", encoding="utf-8"
    )
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    settings = setup.conf()
    assert settings["spark.jars"] == f"file:/one.jar,{jar}"
    assert settings["spark.plugins"] == f"com.example.One,{setup.PLUGIN}"
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "--jars two.jar --conf 'spark.plugins=com.example.Two' pyspark-shell")
    settings = setup.conf()
    assert settings["spark.jars"] == f"two.jar,{jar}"
    assert settings["spark.plugins"] == f"com.example.Two,{setup.PLUGIN}"


def test_a_package_without_its_jars_says_how_to_build_them(monkeypatch, tmp_path):
    monkeypatch.setattr(lines.beringia, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ConfigError, match="make build"):
        setup.jar_path()


ROOT = Path(__file__).parents[2]


def matrix():
    """What ``gradle/versions.gradle`` says: line, Scala, versions of Spark."""
    text = (ROOT / "gradle" / "versions.gradle").read_text(encoding="utf-8")
    rows = re.findall(r"^    '([\d.]+)' *: \[scala: '([\d.]+)',.* spark: \[(.*?)\]", text, re.MULTILINE)
    assert len(rows) > 1
    return [(line, scala.rpartition(".")[0], re.findall(r"[\d.]+", sparks)) for line, scala, sparks in rows]


@pytest.mark.parametrize(("line", "scala", "spark"), [(*row[:2], spark) for row in matrix() for spark in row[2]])
def test_each_spark_that_is_built_for_has_its_jar(line, scala, spark):
    name = f"beringia-spark-{line}_{scala}-{beringia.__version__}.jar"
    assert lines.jar(lines.Spark(spark, scala)).name == name
    assert lines.jar(lines.Spark(spark + ".1-vendor", None)).name == name


def test_the_environments_have_the_newest_of_each_line():
    files = [ROOT / f"requirements-{name}.txt" for name in ("dev", "dev-3.10", "spark-4")]
    pins = {re.search(r"^pyspark==(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)[1] for file in files}
    assert pins == {sparks[-1] for _, _, sparks in matrix()}


@pytest.mark.parametrize(
    ("spark", "scala"), [("3.4.4", "2.12"), ("3.5.9", "2.13"), ("4.4.0", "2.13"), ("5.0.0", "3.3")]
)
def test_another_spark_is_refused_by_name(spark, scala):
    known = " and ".join(
        f"Spark {', '.join(version.rpartition('.')[0] for version in sparks)} (Scala {scala})"
        for _, scala, sparks in matrix()
    )
    with pytest.raises(ConfigError) as caught:
        lines.jar(lines.Spark(spark, scala))
    assert str(caught.value) == (
        f"Beringia {beringia.__version__} is for {known}, and this is Spark {spark} with Scala {scala}"
    )


def test_the_spark_that_would_run_is_that_of_spark_home(monkeypatch, tmp_path):
    monkeypatch.delenv("SPARK_HOME", raising=False)
    assert lines.installed().version == pyspark.__version__
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core_2.12-3.4.4.jar").touch()
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    assert lines.installed() == lines.Spark("3.4.4", "2.12")
    with pytest.raises(ConfigError, match=r"this is Spark 3\.4\.4 with Scala 2\.12"):
        setup.conf()
