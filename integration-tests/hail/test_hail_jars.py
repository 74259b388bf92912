"""The jar of the package that goes with a Hail and its Spark, and what is refused by name."""

import zipfile

import pytest

import beringia
from beringia.errors import ConfigError
from beringia.hail import jars, setup
from beringia.spark import lines

SPARK_3 = lines.Spark("3.5.9", "2.12")
SPARK_4 = lines.Spark("4.1.2", "2.13")


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A package with jars for Hails on two Sparks."""
    for hail, spark, scala in (("0.2.138", "3.5", "2.12"), ("0.2.139", "3.5", "2.12"), ("0.2.141", "4.1", "2.13")):
        path = tmp_path / f"beringia-hail-{hail}_{scala}-{beringia.__version__}.jar"
        with zipfile.ZipFile(path, "w") as jar:
            about = f"# what this is for\nhail={hail}\nspark={spark}\nscala={scala}\n"
            jar.writestr("org/beringia/hail/line.properties", about)
    monkeypatch.setattr(lines, "directory", lambda: tmp_path)


@pytest.mark.parametrize(
    ("hail", "spark", "built_for"),
    [
        ("0.2.138-5e5eedb87ff8", SPARK_3, "0.2.138"),
        ("0.2.139-5e5eedb87ff8", SPARK_3, "0.2.139"),
        ("0.2.140", SPARK_3, "0.2.139"),  # another version on the same Spark: tried with small jobs
        ("0.2.141", SPARK_4, "0.2.141"),
        ("0.2.139", lines.Spark("4.1.4", None), "0.2.141"),
    ],
)
def test_a_hail_has_the_jar_of_its_version_and_its_spark(package, hail, spark, built_for):
    assert jars.jar(hail, spark).hail == built_for


def test_a_hail_on_another_spark_is_refused_by_name(package):
    with pytest.raises(ConfigError) as caught:
        jars.jar("0.2.142-0123456789ab", lines.Spark("4.2.0", "2.13"))
    assert str(caught.value) == (
        f"Beringia {beringia.__version__} is for Hail 0.2.138 on Spark 3.5 (Scala 2.12) and Hail 0.2.139 on Spark 3.5 "
        "(Scala 2.12) and Hail 0.2.141 on Spark 4.1 (Scala 2.13), and this is Hail 0.2.142 on Spark 4.2.0 with Scala "
        "2.13"
    )


def test_the_hail_that_is_installed_has_a_jar_of_its_own():
    import hail

    assert jars.jar(hail.version(), lines.installed()).hail == hail.version().partition("-")[0]


def test_a_package_without_jars_says_how_to_build_them(monkeypatch, tmp_path):
    monkeypatch.setattr(lines, "directory", lambda: tmp_path)
    with pytest.raises(ConfigError, match="make build"):
        setup.jar_path()


def test_a_backend_without_spark_is_refused_in_a_sentence(hl, numpy_map, monkeypatch):
    from hail.backend.service_backend import ServiceBackend

    ht = hl.utils.range_table(2)
    monkeypatch.setattr(setup.hl, "current_backend", lambda: object.__new__(ServiceBackend))
    with pytest.raises(ConfigError, match=r"Hail runs on its ServiceBackend, which has no Spark, .* a plugin of Spark"):
        numpy_map(lambda idx: 1, ht.idx, "struct{x: int32}", args=dict(idx=ht.idx))
