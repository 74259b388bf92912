// The node that puts the rows of each partition in order without moving them: it stands where Spark, or who gives Spark
// columns, has a sort.
package org.beringia.spark.exchange

import org.apache.spark.TaskContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, SortOrder}
import org.apache.spark.sql.catalyst.plans.physical.Partitioning
import org.apache.spark.sql.execution.{LeafExecNode, SortExec, SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.metric.SQLMetric
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.spark.{ColumnarNode, Input}

/**
 * @param order by columns of the child alone
 * @param child gives columns of types that can go in blocks
 */
final case class SortedColumnsExec(order: Seq[SortOrder], child: SparkPlan) extends UnaryExecNode
    with ColumnarNode {

  override def output: Seq[Attribute] = child.output

  override lazy val metrics: Map[String, SQLMetric] = SortMetrics.created(sparkContext)

  override def takesColumns: Boolean = true

  override def vectorTypes: Option[Seq[String]] = Some(output.map(_ => BlockVector.name))

  override def outputOrdering: Seq[SortOrder] = order

  override def outputPartitioning: Partitioning = child.outputPartitioning

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val columns = output
    val by = TableOrder.columns(order, output).getOrElse(Nil)
    val sort = SortExec(order, global = false, Columns(output))
    val areBlocks = child.vectorTypes == vectorTypes
    val metrics = new SortMetrics(this.metrics)
    mapInput(child) { input =>
      val blocks = input match {
        case Input.Columns(batches) if areBlocks => batches
        case other => Blocks.of(columns, other)
      }
      new SortedColumns(columns, by, sort, blocks, metrics, TaskContext.get())
    }
  }

  override protected def withNewChildInternal(newChild: SparkPlan): SortedColumnsExec = copy(child = newChild)
}

/** Says what columns a sort of rows gets, and gives none. */
final case class Columns(output: Seq[Attribute]) extends LeafExecNode {
  override protected def doExecute(): RDD[InternalRow] =
    throw new UnsupportedOperationException("no rows come from here")
}
