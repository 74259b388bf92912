"""``hl.experimental.numpy_map``: what the user wrote, checked, and the node that it becomes in Hail's IR.

Nothing runs here. The rows that the node works on are :mod:`beringia.hail.grouping`'s; the node itself is
:class:`beringia.hail.nodes.NumpyMap`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import cloudpickle
from hail.expr.expressions import Expression
from hail.expr.types import HailType, hail_type
from hail.table import Ascending, Descending
from hail.typecheck import anyfunc, anytype, dictof, enumeration, nullable, numeric, oneof, sequenceof, typecheck
from hail.utils.java import Env

import hail as hl
from beringia import _consts, _function, _options, _signature
from beringia._job import Argument, Job, NumpyOptions, Program, Shape, TypeNames
from beringia.errors import ArgumentError, MissingValueError
from beringia.hail import (
    _arguments,
    _globals,
    _results,
    _wrapper,
    fallback,
    grouping,
    layout,
    nodes,
    restore,
    setup,
    versions,
)
from beringia.spark import interpreter

for module in (_wrapper, _arguments, _globals, _results):
    cloudpickle.register_pickle_by_value(module)


@typecheck(
    f=anyfunc,
    key_expr=anytype,  # oneof would take a tuple expression for a sequence
    returns=hail_type,
    args=nullable(oneof(dictof(str, anytype), sequenceof(anytype))),
    consts=nullable(dictof(str, anytype)),
    order_by=anytype,
    missing=oneof(enumeration("nan", "mask", "error"), dictof(str, enumeration("nan", "mask", "error"))),
    nan_as_null=bool,
    on_error=enumeration("raise", "null", "column"),
    writable=bool,
    batch_bytes=nullable(oneof(int, str)),
    timeout=nullable(numeric),
)
def numpy_map(
    f: Callable[..., Any],
    key_expr: Any,
    returns: Any,
    *,
    args: Mapping[str, Any] | Sequence[Any] | None = None,
    consts: Mapping[str, Any] | None = None,
    order_by: Any = None,
    missing: str | Mapping[str, str] = "nan",
    nan_as_null: bool = False,
    on_error: str = "raise",
    writable: bool = False,
    batch_bytes: int | str | None = None,
    timeout: float | None = None,
) -> hl.Table:
    """Run a NumPy function on each group of rows of a table or matrix table.

    Set as ``hl.experimental.numpy_map`` by ``import beringia.hail``.

    Examples
    --------
    Regress in each gene:

    >>> def ols(X, y):
    ...     beta, residuals, rank, _ = np.linalg.lstsq(X, y, rcond=None)
    ...     return beta, 1 - residuals[0] / np.sum((y - y.mean()) ** 2)

    >>> ht = hl.utils.range_table(60)
    >>> ht = ht.annotate(gene=hl.str(ht.idx % 3), covs=[1.0, hl.float64(ht.idx)], expr=2.0 * ht.idx + ht.idx % 2)
    >>> fits = hl.experimental.numpy_map(
    ...     ols,
    ...     ht.gene,
    ...     hl.tstruct(beta=hl.tarray(hl.tfloat64), r2=hl.tfloat64),
    ...     args=dict(X=ht.covs, y=ht.expr),
    ... )
    >>> fits.describe()
    ----------------------------------------
    Global fields:
        None
    ----------------------------------------
    Row fields:
        'gene': str
        'beta': array<float64>
        'r2': float64
    ----------------------------------------
    Key: ['gene']
    ----------------------------------------
    >>> fits.filter(fits.r2 > 0.5).count()
    3

    Entries of a matrix table come as one matrix for each group of its rows, column fields once:

    >>> mt = hl.utils.range_matrix_table(4, 3)
    >>> mt = mt.annotate_cols(pheno=hl.float64(mt.col_idx))
    >>> scores = hl.experimental.numpy_map(
    ...     lambda G, y: float((G @ y).sum()),
    ...     mt.row_idx // 2,
    ...     hl.tstruct(score=hl.tfloat64),
    ...     args=dict(G=hl.float64(mt.row_idx + mt.col_idx), y=mt.pheno),
    ... )
    >>> scores.collect()
    [Struct(id=0, score=13.0), Struct(id=1, score=25.0)]

    Notes
    -----
    An argument's shape follows from its indices and its type. With `n` rows in the group and `m` columns:

    - row-indexed: a number or boolean ``(n,)``; a string ``(n,)`` of objects; arrays of numbers that have one
      length ``(n, p)``, others ``(n,)`` of arrays; an ndarray ``(n, …)``,
    - entry-indexed: ``(n, m)``, then as above,
    - column-indexed: ``(m,)``, then as above; passed once, not with each group,
    - global-indexed: as it is, passed once,
    - an expression of `key_expr`: a scalar.

    A struct is a dict of its fields, a tuple a tuple, a locus a dict of ``contig`` and ``position``, an interval a
    dict of ``start``, ``end``, ``includes_start`` and ``includes_end``, a set the array of its elements, a dict a
    dict of ``key`` and ``value``. A call is its alleles, of type int8 and with one more axis of length 2 (a haploid
    call has -1 in the second place); for a dosage pass ``hl.float64(mt.GT.n_alt_alleles())``, which is NaN where the
    call is missing. The arrays lie in shared memory and are read-only.

    The result is as lazy as any table: **every action runs the function again**, and so does every use in a join.
    Write it once with :meth:`.Table.checkpoint` if you need it twice.

    Parameters
    ----------
    f : callable
        Called once per group. A required parameter takes `args`, else `consts`, else the field of its name; one
        with a default keeps it unless `args` or `consts` names it.
    key_expr : :class:`.Expression` or :class:`str`, or list or dict of them
        What makes the groups: row-indexed expressions, or names of fields. A field keeps its name in the result, a
        struct such as ``mt.row_key`` spreads into its fields, any other expression is called ``id`` (a dict gives
        names). If the rows lie in its order, as they do if it is the key of the table or the start of it, nothing is
        shuffled.
    returns : :class:`.HailType` or :class:`str`
        :class:`.tstruct`: one row per group. `f` returns a tuple in the order of the fields, a dict, a NamedTuple
        or dataclass; for one field also its bare value. :class:`.tarray` of :class:`.tstruct`: any number of rows
        per group, as a dict or tuple of equally long arrays, or a list of rows. A field of array type takes an
        array, one of :class:`.tndarray` an array of its dimensions; None is missing.
    args : :class:`dict` or :class:`list`
        Expressions by parameter; a list, by position, for a function without named parameters.
    consts : :class:`dict`, optional
        Values passed to every call by name. Arrays are read-only, one copy per machine.
    order_by : :class:`.Expression`, or :func:`.asc` or :func:`.desc` of one, or a list, optional
        The order of the rows within a group, otherwise unspecified. Missing values come last.
    missing : ``"nan"``, ``"mask"``, ``"error"``, or a :class:`dict` by parameter
        What a missing value becomes. ``"nan"``: NaN, or None among objects; an error for integers, booleans and
        calls, which are never silently made floats. ``"mask"``: masked arrays. ``"error"``: an error.
    nan_as_null : :class:`bool`
        Whether a NaN that `f` returns is missing in the result.
    on_error : ``"raise"``, ``"null"``, ``"column"``
        What a group that fails becomes: an error that names it; a row of missing values; the same, and a field
        ``error`` that says why.
    writable : :class:`bool`
        Whether `f` may write to its arguments (nobody else sees it).
    batch_bytes : :class:`int` or :class:`str`, optional
        How much is handed over to a worker at once, such as ``"16m"``.
    timeout : :class:`float`, optional
        Seconds that one call may take.

    Returns
    -------
    :class:`.Table`
        Keyed by the groups' keys, with the fields of `returns`.

    Raises
    ------
    :class:`beringia.errors.GroupError`
        When an action runs and `f` raises: with the group's key as Hail prints it and the Python traceback.
    """
    source = grouping.source_of(list(_expressions([key_expr, args, order_by])))
    keys = grouping.keys_of(key_expr, source)
    constants = dict(consts or {})
    for name, value in constants.items():
        if isinstance(value, (Expression, hl.Table, hl.MatrixTable)):
            raise ArgumentError(f"consts[{name!r}] is a {type(value).__name__} of Hail: pass expressions in args")
    arguments = _signature.bind(f, args, missing, functools.partial(grouping.accept, source, keys), constants)
    fields, many = _fields(returns, nan_as_null)
    leaves = [leaf for field in fields for leaf in field.leaves]
    if on_error == "column":
        leaves.append(("error", hl.tstr))
    _check_names(source, keys, leaves)
    front = setup.front()  # refuses a Hail without the plugin, whichever way is taken
    obstacle = versions.obstacle(hl.version())
    if obstacle is None:
        for argument in arguments:
            if not argument.column.is_global:
                argument.column.keep_whole()
    order = grouping.ordering(source, order_by)
    _warn_of_intervals(keys)

    def can_group_by(dtype: HailType) -> bool:
        return obstacle is None and bool(front.canGroupBy(layout.parsable(dtype)))

    rows = grouping.rows(source, keys, [a.column for a in arguments], order, can_group_by)
    of_leaf = [x.dtype for x in fields for _ in (x.leaves if obstacle else [x])]
    called, passed = _wrapped(f, arguments, fields, many, None if obstacle is None else rows)
    payload = _consts.pack(called, constants)
    python = interpreter.resolve(Env.spark_session())
    job = Job(
        program=Program(
            name=_function.name_of(f),
            function_bytes=payload.function_bytes,
            interpreter=python,
            paths=interpreter.paths(hl.spark_context(), python),
        ),
        shape=Shape(mapping=_options.mapping(writable)),
        policy=_options.policy(on_error, timeout),
        block=payload.block,
        options=NumpyOptions(
            arguments=passed,
            arrays=payload.arrays,
            nan_as_null=nan_as_null,
            type_names=TypeNames(fields=[str(dtype) for dtype in of_leaf], float64=str(hl.tfloat64)),
        ),
    )
    plan = {
        "spec": job.spec(),
        "grouping": rows.plan,
        "keyColumns": rows.key_columns,
        "valueColumns": rows.value_columns,
        "entryColumns": rows.entry_columns,
        "globals": rows.global_columns,
        "returns": layout.parsable(hl.tstruct(**_crossing(fields, leaves, obstacle is not None, on_error))),
        "many": many,
        "batchBytes": _options.batch_bytes(batch_bytes),
    }
    if obstacle is None:
        table = hl.Table(nodes.NumpyMap.of(front, rows.table, rows.keys_alone, plan, payload.data))
    else:
        fallback.warn(obstacle)
        table = fallback.run(rows, list(keys), plan, dict(leaves), payload.data)
    return _finished(table, source, fields, obstacle is not None, on_error)


def _crossing(fields: Sequence[layout.Field], leaves: Any, apart: bool, on_error: str) -> dict[str, HailType]:
    if apart:
        return dict(leaves)
    error = {"error": hl.tstr} if on_error == "column" else {}
    return {**{field.name: field.dtype for field in fields}, **error}


def _finished(table: hl.Table, source: Any, fields: Sequence[layout.Field], apart: bool, on_error: str) -> hl.Table:
    """Put the fields together again, and forget what was added to the globals."""
    if list(table.globals) != list(source.globals):
        table = table.select_globals(*source.globals)
    if all(field.node == ("leaf",) if apart else restore.is_itself(field.dtype) for field in fields):
        return table
    if apart:
        restored = {field.name: field.restore([table[name] for name, _ in field.leaves]) for field in fields}
    else:
        restored = {field.name: restore.restored(table[field.name], field.dtype) for field in fields}
    if on_error == "column":
        restored["error"] = table.error
    return table.select(**restored)


def _check_names(source: Any, keys: Mapping[str, Any], leaves: Sequence[tuple[str, HailType]]) -> None:
    """Refuse names that the output would have twice."""
    seen: dict[str, str] = {}
    names = [(name, "a global field of the source") for name in source.globals]
    names += [(name, "a key field") for name in keys]
    names += [(name, "a field of returns, or a part of one, or the reason that on_error adds") for name, _ in leaves]
    for name, what in names:
        if name in seen:
            raise ArgumentError(
                f"the output has two columns named {name!r}: {seen[name]}, and {what}. Rename one of them"
            )
        seen[name] = what


def _warn_of_intervals(keys: Mapping[str, Any]) -> None:
    """Say what Hail does with keys of intervals in joins.

    In a query that is not compiled as a whole, as with any table function, its joins read the intervals of both sides
    by the layout of one (``PInterval.unsafeOrdering``), and that depends on whether points may be missing.
    """
    for name, expression in keys.items():
        if "interval<" in str(expression.dtype):
            warnings.warn(
                f"numpy_map: the key {name!r} has intervals. Before you join the result with another table, write it "
                "with checkpoint(…): Hail's joins of tables that are not written may find no match among intervals",
                UserWarning,
                stacklevel=4,
            )


def _expressions(item: Any) -> Iterator[Any]:
    """Find the expressions in what was passed, however deep they lie in lists, dicts and orders."""
    if isinstance(item, Expression):
        yield item
    elif isinstance(item, Mapping):
        for part in item.values():
            yield from _expressions(part)
    elif isinstance(item, (list, tuple)):
        for part in item:
            yield from _expressions(part)
    elif isinstance(item, (Ascending, Descending)):
        yield from _expressions(item.col)


def _fields(returns: Any, nan_as_null: bool) -> tuple[list[layout.Field], bool]:
    many = isinstance(returns, hl.tarray) and isinstance(returns.element_type, hl.tstruct)
    struct = returns.element_type if many else returns
    if not isinstance(struct, hl.tstruct):
        raise ArgumentError(
            "returns must name its fields: hl.tstruct(beta=hl.tfloat64, …) for one row per group, "
            f"hl.tarray(hl.tstruct(…)) for any number of rows; found {returns}"
        )
    if len(struct) == 0:
        raise ArgumentError("returns has no field")
    return [layout.put_together(name, dtype, nan_as_null) for name, dtype in struct.items()], many


def _wrapped(
    f: Callable[..., Any],
    arguments: Sequence[_signature.Argument[grouping.Input]],
    fields: Sequence[layout.Field],
    many: bool,
    through_spark: grouping.Rows | None,
) -> tuple[Callable[..., Any], list[Argument]]:
    """Return the function as the workers call it, and its arguments.

    `through_spark` are the groups where they go the way of :mod:`beringia.hail.fallback`.
    """
    called: Callable[..., Any] = f
    # In the order in which the job's columns are: scalars of the key, then values.
    inputs = [a.column for a in arguments]
    ordered = [p for i in inputs if i.key is not None for p in i.places]
    ordered += [p for i in inputs if i.key is None and not i.is_global for p in i.places]
    column = {place: index + 1 for index, place in enumerate(ordered)}  # after the group's number
    taken_apart = through_spark is not None and any(field.node != ("leaf",) for field in fields)
    direct = not (taken_apart or through_spark) and all(
        a.column.node[0] == "leaf" and not a.column.is_global for a in arguments
    )
    passed = []
    if direct:
        passed = [(a, a.keyword, a.column.places[0], a.column.leaves[0]) for a in arguments]
    else:
        positions = iter(range(len(ordered)))
        globals_types: list[Any] = []
        described = []
        for argument in arguments:
            item = argument.column
            if item.is_global:
                node = layout._shifted(item.node, len(globals_types))
                globals_types += [
                    layout.wire_type(hl.tarray(leaf.dtype) if "column" in item.axes else leaf.dtype)
                    for leaf in item.leaves
                ]
            else:
                indices = [next(positions) for _ in item.leaves]
                node = layout._shifted(item.node, indices[0] if indices else 0)
                passed += [(argument, False, *pair) for pair in zip(item.places, item.leaves, strict=True)]
            origin = "globals" if item.is_global else "group"
            described.append((argument.name, argument.keyword, origin, node, argument.missing))
        returned = [(x.name, x.node, len(x.leaves), str(x.dtype)) for x in fields] if taken_apart else None
        boxed = [argument.column.key is None for argument, *_ in passed] if through_spark else ()
        called = _wrapper.Wrapper(called, described, globals_types, returned, many, boxed)
        if through_spark is not None and globals_types:
            found = hl.eval(hl.tuple([through_spark.table[name] for name in through_spark.global_columns]))
            pairs = zip(globals_types, found, strict=True)
            try:
                called.learn(None, [_globals.from_python(wire_type, value) for wire_type, value in pairs])
            except _globals.AbsentError as error:
                raise MissingValueError(str(error)) from None
    return called, [
        Argument(
            name=argument.name, keyword=keyword, missing=argument.missing, column=column[place], type=str(leaf.dtype)
        )
        for argument, keyword, place, leaf in passed
    ]
