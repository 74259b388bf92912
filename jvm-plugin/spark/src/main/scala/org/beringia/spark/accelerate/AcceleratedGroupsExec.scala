// Functions of PySpark over groups on our workers: the rows that Spark's own node would get, as groups in shared memory.
package org.beringia.spark.accelerate

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.expressions.{Ascending, Attribute, AttributeSet, SortOrder}
import org.apache.spark.sql.catalyst.plans.physical._
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.spark.{NumpyMapTask, Per, TaskTerms}

/**
 * What the planner must know is as in Spark's FlatMapGroupsInPandasExec and AggregateInPandasExec.
 *
 * @param columns the columns that the functions are given, each once
 * @param output the key, where the kind has it, and the results
 */
final case class AcceleratedGroupsExec(
    kind: Kind,
    groupingAttributes: Seq[Attribute],
    columns: Seq[Attribute],
    function: AcceleratedFunction,
    override val output: Seq[Attribute],
    child: SparkPlan
) extends UnaryExecNode
    with AcceleratedExec {

  override def takesColumns: Boolean = true

  override def producedAttributes: AttributeSet = AttributeSet(results)

  override def requiredChildDistribution: Seq[Distribution] =
    gathered(groupingAttributes) :: Nil

  override def requiredChildOrdering: Seq[Seq[SortOrder]] =
    groupingAttributes.map(SortOrder(_, Ascending)) :: Nil

  override def outputPartitioning: Partitioning = child.outputPartitioning

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val hidden = if (kind.aggregates) 0 else groupingAttributes.length
    val task = new NumpyMapTask(
      groupingAttributes.map(inputColumn(child.output, _)),
      columns.map(inputColumn(child.output, _)).zipWithIndex.map { case (column, i) =>
        if (kind.aggregates) column.copy(name = s"_$i") else column // as Spark calls the series
      },
      results.map(field => (field.name, field.dataType)),
      Per.Group,
      child.output,
      function.ship(sparkContext),
      TaskTerms.of(conf.getAllConfs, metrics)
    )
    mapInput(child)(input => new AcceleratedBatches(task.run(input, AcceleratedBatches.thrown), hidden))
  }

  private def results = if (kind.aggregates) output.drop(groupingAttributes.length) else output

  override protected def withNewChildInternal(newChild: SparkPlan): AcceleratedGroupsExec =
    copy(child = newChild)
}
