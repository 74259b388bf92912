"""The examples in the docstring run, and say what they do."""

import doctest

import numpy as np


def test_the_examples_of_the_docstring(hl, numpy_map):
    from beringia.hail import front

    [test] = doctest.DocTestFinder(recurse=False).find(
        front.numpy_map, "numpy_map", globs={"hl": hl, "np": np}, module=False
    )
    assert len(test.examples) >= 8
    results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test)
    assert results.failed == 0


def test_it_is_where_hail_keeps_such_things(hl, numpy_map):
    import beringia.hail

    assert hl.experimental.numpy_map is beringia.hail.numpy_map
    assert "checkpoint" in numpy_map.__doc__
