// The physical node: sorted rows in, columnar batches out. What runs in a task begins in BatchIterator;
// here is what the planner must know, and what the driver resolves for the tasks.
package org.beringia.spark

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.physical._
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.executor.{NumpyFunction, Settings}
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
    if (!per.gathers) UnspecifiedDistribution :: Nil
    else if (keys.isEmpty && block.isEmpty) AllTuples :: Nil
    else SparkInternals.clustered(keys ++ block) :: Nil

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
    val settings = Settings.ours(conf.getAllConfs)
    val task = new NumpyMapTask(
      keys.map(inputColumn(child.output, _)),
      arguments.map(inputColumn(child.output, _)),
      fields.map(field => (field.name, field.dataType)),
      per,
      child.output,
      function.ship(sparkContext),
      settings,
      batchBytes.fold(Settings.limits(settings))(bytes => Settings.limits(settings).copy(full = bytes)),
      JobMetrics.of(metrics),
      window
    )
    mapInput(child)(task.run)
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
