"""docs/failure-model.md says what is tested, and nothing else."""

from __future__ import annotations

import re

import page


def test_the_table_of_faults_is_that_of_the_tests():
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.put(text, "table", page.table()) == text, "run `make faults`"


def test_every_test_that_the_page_names_is_there():
    text = page.PAGE.read_text(encoding="utf-8")
    named = re.findall(r"`([\w/-]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 20
    for file, test in named:
        source = (page.ROOT / file).read_text(encoding="utf-8")
        assert not test or re.search(rf"^def {test}\(", source, re.MULTILINE), (file, test)
