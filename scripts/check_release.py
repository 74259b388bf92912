"""Checks what a release would publish, and the workflow that publishes it: ``python scripts/check_release.py dist``.

Of each wheel: the version, a tag that the index takes, the jars with a native library that runs where the tag says, the
extension, the bill of materials. Of the source distribution: that it can be built from. Of the workflow: that it is
YAML, that its targets of make exist, that every action is pinned, and that nothing is published before the gate.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
JARS = {"beringia-spark-3.5_", "beringia-spark-4_", "beringia-hail-"}
(VERSION,) = re.findall(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)


def main(directory: Path) -> int:
    """Print what is wrong, and return how much that is."""
    wheels, sources = sorted(directory.glob("*.whl")), sorted(directory.glob("*.tar.gz"))
    wrong = [*of_workflow(yaml.safe_load(WORKFLOW.read_text()))]
    if not wheels or len(sources) != 1:
        wrong.append(f"{directory}: {len(wheels)} wheels and {len(sources)} source distributions")
    for path in wheels:
        wrong += [f"{path.name}: {what}" for what in of_wheel(path)]
    for path in sources:
        wrong += [f"{path.name}: {what}" for what in of_sources(path)]
    twine = [sys.executable, "-m", "twine", "check", "--strict", *map(str, [*wheels, *sources])]
    checked = subprocess.run(twine, capture_output=True, text=True, check=False)
    if checked.returncode:
        wrong.append(checked.stdout)
    print("\n".join(wrong or [f"{len(wheels)} wheels, the sources and the workflow are as they should be"]))
    return len(wrong)


def of_wheel(path: Path) -> Iterator[str]:
    """Say what is wrong with a wheel."""
    name, version, python, _, platform = path.stem.split("-")
    if (name, version) != ("beringia", VERSION):
        yield f"is not beringia {VERSION}"
    tag = re.fullmatch(r"manylinux_(\d+_\d+)_(x86_64|aarch64)", platform.split(".")[0])
    if tag is None:
        yield f"{platform} is no tag of manylinux"
        return
    limit, machine = _numbers(tag[1]), tag[2]
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        jars = [name for name in names if re.fullmatch(r"beringia/jars/[^/]+\.jar", name)]
        missing = {jar for jar in JARS if not any(Path(name).name.startswith(jar) for name in jars)}
        if missing:
            yield f"has no {', '.join(sorted(missing))}"
        if not any(
            re.fullmatch(rf"beringia/_native\.{python.replace('cp', 'cpython-')}-.*\.so", name) for name in names
        ):
            yield f"has no extension for {python}"
        if any("test" in name or name.endswith(".pyc") for name in names):
            yield "has tests or compiled modules in it"
        libraries = [name for name in names if name.endswith(".so")]
        binaries = {name: wheel.read(name) for name in libraries}
        for jar in jars:
            with zipfile.ZipFile(io.BytesIO(wheel.read(jar))) as archive:
                inside = [name for name in archive.namelist() if name.endswith("libberingia_jni.so")]
                binaries |= {f"{jar}!{name}": archive.read(name) for name in inside}
        if not any(f"linux-{machine}/" in name for name in binaries):
            yield f"no jar has a native library for {machine}"
        for name, binary in binaries.items():
            needed = max((_numbers(found) for found in re.findall(rb"GLIBC_(\d+\.\d+)", binary)), default=(0,))
            if needed > limit:
                yield f"{name} needs glibc {'.'.join(map(str, needed))}"
        boms = [json.loads(wheel.read(name)) for name in names if ".dist-info/sboms/" in name]
        crates = {component["name"] for bom in boms for component in bom.get("components", ())}
        if not {"beringia-core", "arrow-array", "pyo3"} <= crates:
            yield "has no bill of materials that names its crates"


def of_sources(path: Path) -> Iterator[str]:
    """Say what is wrong with the source distribution."""
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"Cargo.lock", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "native/core/src/lib.rs"}
    wanted |= {"native/python/src/lib.rs", "native/grouping/src/lib.rs", "python/beringia/worker.py"}
    if wanted - names:
        yield f"has no {', '.join(sorted(wanted - names))}"
    if any(name.endswith((".so", ".jar")) for name in names):
        yield "has something compiled in it"


def of_workflow(workflow: dict[str, Any]) -> Iterator[str]:
    """Say what is wrong with the workflow."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for name, job in workflow["jobs"].items():
        for step in job["steps"]:
            action = step.get("uses")
            if action and not re.fullmatch(r"[\w-]+/[\w./-]+@(v\d+\.\d+\.\d+|[0-9a-f]{40})", action):
                yield f"{WORKFLOW.name}: {action} is not pinned by version"
            for target in re.findall(r"\bmake ([a-z0-9-]+)", step.get("run", "")):
                if target not in targets:
                    yield f"{WORKFLOW.name}: there is no make {target}"
            for script in re.findall(r"(?:scripts|\.ci)/[\w.]+", step.get("run", "")):
                if not (ROOT / script).exists():
                    yield f"{WORKFLOW.name}: there is no {script}"
        if job.get("permissions", {}).get("id-token") == "write" and not {"gate", "wheels"} <= set(job["needs"]):
            yield f"{WORKFLOW.name}: {name} publishes before the gate"


def _numbers(text: str | bytes) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text if isinstance(text, str) else text.decode()))


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1])), 1))
