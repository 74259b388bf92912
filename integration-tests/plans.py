"""Reading a physical plan over py4j: the metrics of Beringia's nodes, and what they take."""

from __future__ import annotations


def nodes(plan):
    """All nodes of an executed plan, through adaptive stages."""
    name = plan.nodeName()
    if name == "AdaptiveSparkPlan":
        yield from nodes(plan.executedPlan())
        return
    yield plan
    if name.endswith("QueryStage"):
        yield from nodes(plan.plan())
    children = plan.children()
    for i in range(children.size()):
        yield from nodes(children.apply(i))


def names(df):
    """The names of all nodes of the plan of a DataFrame."""
    return [node.nodeName() for node in nodes(df._jdf.queryExecution().executedPlan())]


def _calls(node):
    """Whether a node calls a function of the user's."""
    name = node.getClass().getName()
    return "beringia" in name and "beringia.spark.exchange" not in name and node.nodeName() != "ResultRows"


def calling(plan):
    """The one node of Beringia in an executed plan that calls a function."""
    (node,) = filter(_calls, nodes(plan))
    return node


def metrics(df):
    """The SQL metrics of the one node of Beringia in a DataFrame whose action has run, by name."""
    node = calling(df._jdf.queryExecution().executedPlan())
    names = node.metrics().keySet().mkString(",").split(",")
    return {name: node.metrics().apply(name).value() for name in names}


def takes_columns(df):
    """Whether the columns of its source go straight into the one node of Beringia."""
    child = calling(df._jdf.queryExecution().executedPlan()).children().apply(0)
    return child.supportsColumnar() and child.nodeName() != "RowToColumnar"


def sorted_as_rows(df):
    """How many partitions of a plan that has run were sorted as rows, and what was spilled."""
    (node,) = (n for n in nodes(df._jdf.queryExecution().executedPlan()) if n.nodeName() == "SortedColumns")
    return tuple(node.metrics().apply(name).value() for name in ("partitionsSortedAsRows", "spillSize"))
