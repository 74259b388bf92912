// Aggregates of PySpark over windows on our workers: the rows that Spark's own node would get, as groups in shared memory. The
// results of a group are one for each row, beside the columns of the child, which stay where they are.
package org.beringia.spark.accelerate

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.physical.{Distribution, Partitioning}
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.python.beringia.WindowBounds
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.spark.{Input, NumpyMapTask, Per, TaskTerms}

/**
 * What the planner must know is as in Spark's WindowExecBase.
 *
 * @param order of the rows of a group
 * @param columns what is written of the rows with their bounds, each once: what the functions are given comes first
 * @param kept of them, those that are put before the results
 * @param bounds what finds the windows of bounded ones
 */
final case class AcceleratedWindowExec(
    kind: Kind,
    groupingAttributes: Seq[Attribute],
    order: Seq[SortOrder],
    columns: Seq[Attribute],
    kept: Seq[Attribute],
    results: Seq[Attribute],
    bounds: WindowBounds,
    function: AcceleratedFunction,
    child: SparkPlan
) extends UnaryExecNode
    with AcceleratedExec {

  override def output: Seq[Attribute] = kept ++ results

  override def producedAttributes: AttributeSet = AttributeSet(bounds.bounds ++ results)

  override def requiredChildDistribution: Seq[Distribution] =
    gathered(groupingAttributes) :: Nil

  override def requiredChildOrdering: Seq[Seq[SortOrder]] =
    Seq(groupingAttributes.map(SortOrder(_, Ascending)) ++ order)

  override def outputOrdering: Seq[SortOrder] = child.outputOrdering

  override def outputPartitioning: Partitioning = child.outputPartitioning

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val hidden = groupingAttributes.length
    val found = bounds.copy(keys = groupingAttributes, columns = child.output)
    val task = new NumpyMapTask(
      groupingAttributes.map(inputColumn(found.output, _)),
      columns.zipWithIndex.map { case (column, i) =>
        inputColumn(found.output, column).copy(name = s"_$i") // as Spark calls the series
      },
      output.map(field => (field.name, field.dataType)),
      Per.Group,
      found.output,
      function.ship(sparkContext),
      TaskTerms.of(conf.getAllConfs, metrics)
    )
    rowsOf(child).mapPartitions { rows =>
      new AcceleratedBatches(task.run(Input.Rows(found.of(rows)), AcceleratedBatches.thrown), hidden)
    }
  }

  override protected def withNewChildInternal(newChild: SparkPlan): AcceleratedWindowExec =
    copy(child = newChild)
}
