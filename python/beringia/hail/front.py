"""``hl.experimental.numpy_map``: what the user wrote, checked, and the node that it becomes in Hail's IR.

Nothing runs here. The rows that the node works on are :mod:`beringia.hail.grouping`'s; the node itself is
:class:`beringia.hail.nodes.NumpyMap`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hail.expr.expressions import Expression
from hail.expr.types import HailType, hail_type
from hail.table import Ascending, Descending
from hail.typecheck import anyfunc, anytype, dictof, enumeration, nullable, numeric, oneof, sequenceof, typecheck
from hail.utils.java import Env

import hail as hl
from beringia import _consts, _function, _options, _signature
from beringia._job import Argument, Job, NumpyOptions, Program, Shape, TypeNames
from beringia._window import Window
from beringia.errors import ArgumentError
from beringia.hail import expressions, fallback, grouping, nodes, restore, setup, types, versions, windows
from beringia.spark import interpreter


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
    key_expr : :class:`.Expression` or :class:`str`, or list or dict of them, or a window
        What makes the groups: row-indexed expressions, or names of fields. A field keeps its name in the result, a
        struct such as ``mt.row_key`` spreads into its fields, any other expression is called ``id`` (a dict gives
        names). If the rows lie in its order, as they do if it is the key of the table or the start of it, nothing is
        shuffled. A :func:`beringia.hail.window` makes a group of the rows in each window, which may overlap.
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
    source = expressions.source_of(list(_expressions([key_expr, args, order_by])))
    over = None
    if isinstance(key_expr, Window):
        _options.check_window(key_expr, ordered=order_by is not None, writable=writable)
        over = windows.over(source, key_expr)
    keys: Mapping[str, Any] = expressions.keys_of(key_expr, source) if over is None else over.keys
    constants = dict(consts or {})
    for name, value in constants.items():
        if isinstance(value, (Expression, hl.Table, hl.MatrixTable)):
            raise ArgumentError(f"consts[{name!r}] is a {type(value).__name__} of Hail: pass expressions in args")

    def accept(parameter: str, value: Any) -> expressions.Input:
        if over is None:
            return expressions.accept(source, keys, parameter, value)
        made_by_node = isinstance(value, str) and value in over.keys
        return over.scalar(value) if made_by_node else expressions.accept(source, {}, parameter, value)

    arguments = _signature.bind(f, args, missing, accept, constants)
    fields, many = _fields(returns)
    added = {"error": hl.tstr} if on_error == "column" else {}
    _check_names(source, keys, [*fallback.names_of(fields), *added])
    front = setup.front()  # refuses a Hail without the plugin, whichever way is taken
    obstacle = versions.obstacle(hl.version())
    order = expressions.ordering(source, order_by)
    if over is None:
        _warn_of_intervals(keys)
    python = interpreter.resolve(Env.spark_session())

    def job(
        called: Callable[..., Any], passed: Sequence[Argument], returned: Sequence[HailType]
    ) -> tuple[Job, bytes | bytearray]:
        payload = _consts.pack(called, constants)
        program = Program(
            name=_function.name_of(f),
            function_bytes=payload.function_bytes,
            interpreter=python,
            paths=interpreter.paths(hl.spark_context(), python),
        )
        options = NumpyOptions(
            arguments=passed,
            arrays=payload.arrays,
            nan_as_null=nan_as_null,
            type_names=TypeNames(
                fields=[str(dtype) for dtype in returned], float64=str(hl.tfloat64), cast="hl.float64"
            ),
        )
        shape, policy = Shape(mapping=_options.mapping(writable)), _options.policy(on_error, timeout)
        return Job(program=program, shape=shape, policy=policy, block=payload.block, options=options), payload.data

    size = _options.batch_bytes(batch_bytes)
    if obstacle is not None:
        if over is not None:
            raise ArgumentError(
                f"{expressions.CALLER}: windows need a Hail that Beringia knows, and {hl.version()} is none "
                f"({obstacle})"
            )
        fallback.warn(obstacle)
        groups = fallback.Groups(source, keys, arguments, order)
        table = fallback.run(groups, f, fields, added, many, nan_as_null, job, size)
    else:

        def can_group_by(dtype: HailType) -> bool:
            return bool(front.canGroupBy(types.parsable(dtype)))

        inputs = [a.column for a in arguments]
        if over is None:
            rows = grouping.rows(source, keys, inputs, order, can_group_by)
        else:
            rows = grouping.windowed(source, over.fields, over.plan, inputs)
        made, payload = job(f, _passed(arguments, rows), list(fields.values()))
        plan = {
            "spec": made.spec(),
            "grouping": rows.plan,
            "largeRows": rows.are_large,
            "keyColumns": rows.key_columns,
            "valueColumns": rows.value_columns,
            "entryColumns": rows.entry_columns,
            "globals": rows.global_columns,
            "returns": types.parsable(hl.tstruct(**fields, **added)),
            "many": many,
            "batchBytes": size,
        }
        table = hl.Table(nodes.NumpyMap.of(front, rows.table, plan, payload))
        if not all(map(restore.is_itself, fields.values())):
            restored = {name: restore.restored(table[name], dtype) for name, dtype in fields.items()}
            table = table.select(**restored, **{name: table[name] for name in added})
    if list(table.globals) != list(source.globals):
        table = table.select_globals(*source.globals)  # without what was added to them
    return table


def _passed(arguments: Sequence[_signature.Argument[expressions.Input]], rows: grouping.Rows) -> list[Argument]:
    """Say which column each argument is: those of the batch come after the group's number, then the globals."""
    columns = [*rows.key_columns, *rows.value_columns, *rows.global_columns]
    return [
        Argument(
            name=argument.name,
            keyword=argument.keyword,
            missing=argument.missing,
            column=1 + columns.index(argument.column.place),
            type=None if argument.column.is_global else str(argument.column.expression.dtype),
        )
        for argument in arguments
    ]


def _check_names(source: Any, keys: Mapping[str, Any], fields: Sequence[str]) -> None:
    """Refuse names that the output would have twice."""
    seen: dict[str, str] = {}
    names = [(name, "a global field of the source") for name in source.globals]
    names += [(name, "a key field") for name in keys]
    names += [(name, "a field of returns, or a part of one, or the reason that on_error adds") for name in fields]
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
    """Find the expressions in what was passed, however deep they lie in lists, dicts, orders and windows."""
    if isinstance(item, Expression):
        yield item
    elif isinstance(item, Window):
        yield from _expressions(item.column)
    elif isinstance(item, Mapping):
        for part in item.values():
            yield from _expressions(part)
    elif isinstance(item, (list, tuple)):
        for part in item:
            yield from _expressions(part)
    elif isinstance(item, (Ascending, Descending)):
        yield from _expressions(item.col)


def _fields(returns: Any) -> tuple[dict[str, HailType], bool]:
    many = isinstance(returns, hl.tarray) and isinstance(returns.element_type, hl.tstruct)
    struct = returns.element_type if many else returns
    if not isinstance(struct, hl.tstruct):
        raise ArgumentError(
            "returns must name its fields: hl.tstruct(beta=hl.tfloat64, …) for one row per group, "
            f"hl.tarray(hl.tstruct(…)) for any number of rows; found {returns}"
        )
    if len(struct) == 0:
        raise ArgumentError("returns has no field")
    for name, dtype in struct.items():
        types.check_result(name, dtype)
    return dict(struct), many
