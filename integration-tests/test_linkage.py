"""All that the jar calls of Spark is there, as it was compiled, in the Spark that is installed.

A jar is compiled against one version of Spark and serves several. What a later one lacks would show as a
``NoSuchMethodError`` in the one job that comes by it.
"""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from pathlib import Path

import pyspark

import jvm
from beringia.spark import lines

JARS = str(Path(pyspark.__file__).parent / "jars" / "*")
SPARK = "org/apache/spark/"
ABOVE = (SPARK, "scala/")
"""Where members are that classes of Spark have by inheritance."""


def javap(classes, *options, path):
    """What ``javap`` says of classes, or of those that there are, without its complaints of the others."""
    names = [name.replace("/", ".") for name in classes]
    quick = [f"-J{option}" for option in jvm.QUICK.split()]
    command = [Path(os.environ["JAVA_HOME"], "bin", "javap"), *quick, "-p", *options, "-cp", path, *names]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def called(jar):
    """What the jar's classes name of Spark's: class, member, descriptor."""
    names = [name.removesuffix(".class") for name in zipfile.ZipFile(jar).namelist() if name.endswith(".class")]
    members = re.findall(
        rf'= (?:Interface)?(?:Method|Field)ref\s+\S+\s+// ({SPARK}[^."]+)\."?([^":]+)"?:(\S+)',
        javap(names, "-v", path=str(jar)),
    )
    return {(owner, member, kind) for owner, member, kind in members if "/beringia/" not in owner}


class Classes:
    """Spark's classes: their members, and those of what they extend."""

    def __init__(self, names):
        self.above: dict[str, list[str]] = {}
        self.members: dict[str, set[tuple[str, str]]] = {}
        wanted = set(names)
        while wanted:
            for text in re.split(r"^(?=Classfile |Compiled from )", javap(wanted, "-s", path=JARS), flags=re.MULTILINE):
                self._read(text)
            wanted = {name for above in self.above.values() for name in above} - {*self.above, *wanted}

    def _read(self, text):
        head, _, body = text.partition(" {\n")
        while head != (plain := re.sub(r"<[^<>]*>", "", head)):
            head = plain
        names = [word.replace(".", "/") for word in re.findall(r"[\w$]+(?:\.[\w$]+)+", head.split("\n")[-1])]
        if not names:
            return
        self.above[names[0]] = [name for name in names[1:] if name.startswith(ABOVE)]
        found = re.findall(r"^  [^\n]*?([\w.$]+)(?:\([^\n]*)?;\n    descriptor: (\S+)$", body, re.MULTILINE)
        constructor = names[0].replace("/", ".")
        self.members[names[0]] = {("<init>" if name == constructor else name, kind) for name, kind in found}

    def have(self, owner, member, kind):
        """Whether a class, or one that it extends, has a member."""
        return (member, kind) in self.members.get(owner, ()) or any(
            self.have(above, member, kind) for above in self.above.get(owner, ())
        )


OF_EVERY_OBJECT = {"equals", "hashCode", "toString", "getClass", "getMessage", "getCause", "addSuppressed"}


def test_what_the_jar_calls_is_there():
    wanted = {each for each in called(lines.jar(lines.installed())) if each[1] not in OF_EVERY_OBJECT}
    assert len(wanted) > 100
    classes = Classes(owner for owner, _, _ in wanted)
    assert sorted(each for each in wanted if not classes.have(*each)) == []


def test_what_another_line_calls_is_not():
    """Or the test above sees nothing."""
    others = [jar.path for jar in lines.jars() if jar.path != lines.jar(lines.installed())]
    for jar in others:
        wanted = called(jar)
        classes = Classes(owner for owner, _, _ in wanted)
        assert [each for each in wanted if not classes.have(*each)] != []
