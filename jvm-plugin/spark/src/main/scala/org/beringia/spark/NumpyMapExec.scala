// The physical node: sorted rows in, columnar batches out. What runs in a task begins in BatchIterator;
// here is what the planner must know, and what the driver resolves for the tasks.
package org.beringia.spark

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.physical._
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.executor.NumpyFunction
import org.beringia.spark.windows.WindowColumns

/** The parameters are those of [[NumpyMap]]. */
final case class NumpyMapExec(
    keys: Seq[Attribute],
    block: Option[Attribute],
    arguments: Seq[Attribute],
    orderBy: Seq[SortOrder],
    fields: Seq[Attribute],
    function: NumpyFunction,
    per: Per,
    batchBytes: Option[Long],
    child: SparkPlan
) extends UnaryExecNode
    with ColumnarNode {

  override def output: Seq[Attribute] = keys ++ fields

  override def producedAttributes: AttributeSet = AttributeSet(fields)

  override def requiredChildDistribution: Seq[Distribution] =
    Seq(if (per.gathers) gathered(keys ++ block) else UnspecifiedDistribution)

  override def requiredChildOrdering: Seq[Seq[SortOrder]] =
    (keyOrder ++ block.map(SortOrder(_, Ascending)) ++ orderBy) :: Nil

  // Results come in the order of their groups, and a group's rows stay where they are.
  override def outputPartitioning: Partitioning = child.outputPartitioning match {
    case SinglePartition => SinglePartition
    case partitioning if per == Per.Group => partitioning
    case partitioning => UnknownPartitioning(partitioning.numPartitions)
  }

  override def outputOrdering: Seq[SortOrder] = keyOrder

  private def keyOrder: Seq[SortOrder] = keys.map(SortOrder(_, Ascending))

  // Windows keep rows beyond their batch.
  override def takesColumns: Boolean = !per.overlap

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = NumpyMapException.wrapping {
    val terms = TaskTerms.of(conf.getAllConfs, metrics)
    val task = new NumpyMapTask(
      keys.map(inputColumn(child.output, _)),
      arguments.map(inputColumn(child.output, _)),
      fields.map(field => (field.name, field.dataType)),
      per,
      child.output,
      function.ship(sparkContext),
      batchBytes.fold(terms)(bytes => terms.copy(limits = terms.limits.copy(full = bytes))),
      window
    )
    mapInput(child)(task.run(_))
  }

  private def window: Option[WindowColumns] =
    Some(fields.head).collect {
      case key: AttributeReference if per.overlap =>
        WindowColumns(
          key,
          block.map(inputColumn(child.output, _)),
          child.output.indexWhere(column => orderBy.exists(_.child.semanticEquals(column)))
        )
    }

  override protected def withNewChildInternal(newChild: SparkPlan): NumpyMapExec = copy(child = newChild)
}
