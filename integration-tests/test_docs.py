"""Every block of code in the documentation runs.

Python's here: those of a page one after the other, in one process. Those of Scala and Java under ``gradle test``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
PAGES = sorted({*TRACKED.split(), "README.md", "docs/spark.md"})
ELSEWHERE = ("docs/connect.md",)  # needs Spark 4: integration-tests/connect


def blocks(page, language="python"):
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def test_there_are_blocks_to_run():
    assert len(blocks("README.md")) >= 1
    assert len(blocks("docs/spark.md")) >= 8


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page) and page not in ELSEWHERE])
def test_the_blocks_of_a_page_run(run, page):
    program = "\n".join(blocks(page))
    if "import zarr" in program:
        pytest.importorskip("zarr", "3")  # which Python 3.10 has not
    # PySpark's own workers, and what runs in their stead, would be any python3.
    run(program, env={"PYSPARK_PYTHON": sys.executable})


@pytest.mark.parametrize(
    ("language", "program"),
    [("scala", "scala/org/beringia/guide/ScalaGuideTest.scala"), ("java", "java/org/beringia/guide/JavaProgram.java")],
)
def test_blocks_of_other_languages_are_what_gradle_runs(language, program):
    def lines(text):
        return "\n".join(line.strip() for line in text.splitlines())

    tested = lines((ROOT / "jvm-plugin/spark/src/test" / program).read_text(encoding="utf-8"))
    found = [block for page in PAGES for block in blocks(page, language)]
    assert found
    assert [block for block in found if lines(block).strip() not in tested] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page):
    text = re.sub(
        r"^```.*?^```|`[^`\n]*`", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    targets = [t.partition("#")[0] for t in re.findall(r"\]\(([^)]+)\)", text) if not t.startswith(("http", "#"))]
    missing = [t for t in targets if not (ROOT / page).parent.joinpath(t).exists()]
    assert missing == []
