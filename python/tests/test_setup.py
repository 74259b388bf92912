"""The settings that turn the plugin on, before any JVM runs."""

from __future__ import annotations

import pytest

from beringia.errors import ConfigError
from beringia.spark import setup


@pytest.fixture
def jar(monkeypatch, tmp_path):
    """A jar where the package's would be, and no trace of Spark in the environment."""
    path = tmp_path / "beringia-spark.jar"
    monkeypatch.setattr(setup, "jar_path", lambda: path)
    monkeypatch.setattr(setup.jvm, "running", lambda: None)
    for name in ("SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "PYSPARK_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    return str(path)


def test_by_default_the_plugin_its_jar_and_this_python(jar):
    assert setup.conf() == {
        "spark.jars": jar,
        "spark.plugins": "org.beringia.spark.BeringiaPlugin",
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


def test_a_package_without_its_jar_says_how_to_build_it(monkeypatch, tmp_path):
    monkeypatch.setattr(setup.beringia, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ConfigError, match="make build"):
        setup.jar_path()
