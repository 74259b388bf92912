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


def calling(plan):
    """The one node of Beringia in an executed plan that calls a function."""
    (node,) = (n for n in nodes(plan) if "beringia" in n.getClass().getName() and n.nodeName() != "ResultRows")
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
