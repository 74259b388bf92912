// Functions of PySpark that pull the rows of a partition, on our workers: one call for each task, also where there are no rows.
package org.beringia.spark.accelerate

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeSet}
import org.apache.spark.sql.catalyst.plans.physical.Partitioning
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.executor.Settings
import org.beringia.spark.JobMetrics
import org.beringia.spark.columns.InputColumn

/** What the planner must know is as in Spark's MapInBatchExec. */
final case class AcceleratedMapExec(
    kind: Kind,
    function: AcceleratedFunction,
    override val output: Seq[Attribute],
    child: SparkPlan
) extends UnaryExecNode
    with AcceleratedExec {

  override def takesColumns: Boolean = true

  override def producedAttributes: AttributeSet = AttributeSet(output)

  override def outputPartitioning: Partitioning = child.outputPartitioning

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val settings = Settings.ours(conf.getAllConfs)
    val task = new PullingTask(
      child.output.zipWithIndex.map { case (column, i) => InputColumn(column.name, column.dataType, i) },
      output.map(field => (field.name, field.dataType)),
      conf.arrowMaxRecordsPerBatch,
      child.output,
      function.shipAlone(sparkContext),
      settings,
      Settings.limits(settings),
      JobMetrics.of(metrics)
    )
    mapInput(child)(input => new AcceleratedBatches(task.run(input), hidden = 1, marks = 1))
  }

  override protected def withNewChildInternal(newChild: SparkPlan): AcceleratedMapExec =
    copy(child = newChild)
}
