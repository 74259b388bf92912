// Functions of PySpark that pull rows, on our workers: one call for each task. Those of a partition are called also where there
// are no rows; others pull those of one group after the other.
package org.beringia.spark.accelerate

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.expressions.{Ascending, Attribute, AttributeSet, SortOrder}
import org.apache.spark.sql.catalyst.plans.physical._
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.spark.TaskTerms

/**
 * What the planner must know is as in Spark's MapInBatchExec and FlatMapGroupsInBatchExec.
 *
 * @param grouping what makes the groups, if the function takes such
 * @param columns that the function is given, each once
 */
final case class AcceleratedMapExec(
    kind: Kind,
    grouping: Option[Seq[Attribute]],
    columns: Seq[Attribute],
    function: AcceleratedFunction,
    override val output: Seq[Attribute],
    child: SparkPlan
) extends UnaryExecNode
    with AcceleratedExec {

  override def takesColumns: Boolean = grouping.isEmpty

  override def producedAttributes: AttributeSet = AttributeSet(output)

  override def requiredChildDistribution: Seq[Distribution] =
    Seq(grouping.fold[Distribution](UnspecifiedDistribution)(gathered))

  override def requiredChildOrdering: Seq[Seq[SortOrder]] =
    Seq(grouping.getOrElse(Nil).map(SortOrder(_, Ascending)))

  override def outputPartitioning: Partitioning = child.outputPartitioning

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val task = new PullingTask(
      grouping.map(_.map(inputColumn(child.output, _))),
      columns.map(inputColumn(child.output, _)),
      output.map(field => (field.name, field.dataType)),
      conf.arrowMaxRecordsPerBatch,
      child.output,
      function.shipAlone(sparkContext),
      TaskTerms.of(conf.getAllConfs, metrics)
    )
    val hidden = grouping.fold(0)(_.length) + 1
    mapInput(child)(input =>
      new AcceleratedBatches(task.run(input, AcceleratedBatches.thrown), hidden, task.shown)
    )
  }

  override protected def withNewChildInternal(newChild: SparkPlan): AcceleratedMapExec =
    copy(child = newChild)
}
