"""The contract of ``numpy_map``, held by one suite: a table of cases that runs unchanged over each front.

A case (:mod:`contract.case`) is a call and the rows, or the error, that must come of it; :mod:`contract.cases` has all of
them, by theme. A front is an object with

``name``
    for messages;
``lacks(case)``
    why it cannot run a case, in words (a type that the engine does not have), or None;
``type_name(kind)``
    what its messages call an Arrow type;
``run(case)``
    the rows of the result as tuples of Python's values, with all columns in order: instants as ``datetime`` in UTC, structs
    as dicts, binary as ``bytes``; or it raises what the front raises.

``check(front, case)`` runs one case. A front that needs a process of its own has a test module that says

    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_the_contract(front, case):
        check(front, case)
"""
