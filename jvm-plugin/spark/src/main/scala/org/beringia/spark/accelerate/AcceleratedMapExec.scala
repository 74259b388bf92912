// Functions of PySpark that pull the rows of a partition, on our workers: one call for each task, also where there are no rows.
package org.beringia.spark.accelerate

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeSet}
import org.apache.spark.sql.catalyst.plans.physical.Partitioning
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.metric.SQLMetric
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.executor.Settings
import org.beringia.spark.{JobMetrics, TakesColumns}
import org.beringia.spark.columns.{InputColumn, ResultVector}

/** What the planner must know is as in Spark's MapInBatchExec. */
final case class AcceleratedMapExec(
    kind: Kind,
    function: AcceleratedFunction,
    override val output: Seq[Attribute],
    child: SparkPlan
) extends UnaryExecNode
    with TakesColumns {

  override def nodeName: String = kind.node

  override def producedAttributes: AttributeSet = AttributeSet(output)

  override lazy val metrics: Map[String, SQLMetric] = JobMetrics.create(sparkContext)

  override def outputPartitioning: Partitioning = child.outputPartitioning

  override def supportsColumnar: Boolean = true

  override def supportsRowBased: Boolean = false

  override def vectorTypes: Option[Seq[String]] = Some(output.map(_ => classOf[ResultVector].getName))

  override protected def doExecute(): RDD[InternalRow] =
    throw new UnsupportedOperationException(s"$nodeName gives columns")

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
    mapInput(input => new AcceleratedBatches(task.run(input), hidden = 1, marks = 1))
  }

  override protected def withNewChildInternal(newChild: SparkPlan): AcceleratedMapExec =
    copy(child = newChild)
}
