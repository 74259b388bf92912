// groupBy(...).applyInPandas on our workers: the rows that Spark's own node would get, as groups in shared memory.
package org.beringia.spark.accelerate

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Ascending, Attribute, AttributeSet, SortOrder}
import org.apache.spark.sql.catalyst.plans.physical._
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.metric.SQLMetric
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.executor.Settings
import org.beringia.spark.{JobMetrics, NumpyMapTask, Per, RowInput}
import org.beringia.spark.columns.{InputColumn, ResultVector}

/**
 * What the planner must know is as in Spark's FlatMapGroupsInPandasExec.
 *
 * @param columns the columns of keys and values that the function is given, each once
 */
final case class AcceleratedGroupsInPandasExec(
    groupingAttributes: Seq[Attribute],
    columns: Seq[Attribute],
    function: AcceleratedFunction,
    override val output: Seq[Attribute],
    child: SparkPlan
) extends UnaryExecNode {

  override def producedAttributes: AttributeSet = AttributeSet(output)

  override lazy val metrics: Map[String, SQLMetric] = JobMetrics.create(sparkContext)

  override def requiredChildDistribution: Seq[Distribution] =
    if (groupingAttributes.isEmpty) AllTuples :: Nil else SparkInternals.clustered(groupingAttributes) :: Nil

  override def requiredChildOrdering: Seq[Seq[SortOrder]] =
    groupingAttributes.map(SortOrder(_, Ascending)) :: Nil

  override def outputPartitioning: Partitioning = child.outputPartitioning

  override def supportsColumnar: Boolean = true

  override def supportsRowBased: Boolean = false

  override def vectorTypes: Option[Seq[String]] = Some(output.map(_ => classOf[ResultVector].getName))

  override protected def doExecute(): RDD[InternalRow] =
    throw new UnsupportedOperationException(s"$nodeName gives columns")

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val input = RowInput.rows(child)
    val settings = Settings.ours(conf.getAllConfs)
    val keys = groupingAttributes.length
    val raised = function.raised
    val task = new NumpyMapTask(
      groupingAttributes.map(inputColumn(input, _)),
      columns.map(inputColumn(input, _)),
      output.map(field => (field.name, field.dataType)),
      Per.Group,
      input.output,
      function.ship(sparkContext),
      settings,
      Settings.limits(settings),
      JobMetrics.of(metrics)
    )
    input.execute().mapPartitions(rows => new AcceleratedBatches(task.run(rows), keys, raised))
  }

  private def inputColumn(input: SparkPlan, attribute: Attribute) =
    InputColumn(attribute.name, attribute.dataType, input.output.indexWhere(_.exprId == attribute.exprId))

  override protected def withNewChildInternal(newChild: SparkPlan): AcceleratedGroupsInPandasExec =
    copy(child = newChild)
}
