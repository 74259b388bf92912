// The nodes below and above Spark's own exchange where columns are moved: rows or columns become blocks, and
// blocks columns.
package org.beringia.spark.exchange

import org.apache.spark.TaskContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeReference, AttributeSet}
import org.apache.spark.sql.catalyst.plans.physical._
import org.apache.spark.sql.execution.{ColumnarToRowExec, SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.metric.SQLMetric
import org.apache.spark.sql.types.{BinaryType, IntegerType}
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.spark.{CachedColumns, ColumnarNode, Input}

/** @param partitions how many, by Spark's hash of the keys */
final case class BlocksExec(keys: Seq[Attribute], partitions: Int, output: Seq[Attribute], child: SparkPlan)
    extends UnaryExecNode {

  override def producedAttributes: AttributeSet = outputSet

  override lazy val metrics: Map[String, SQLMetric] = BlockMetrics.created(sparkContext)

  override protected def doExecute(): RDD[InternalRow] = {
    val (keys, partitions, columns, metrics) =
      (this.keys, this.partitions, child.output, new BlockMetrics(this.metrics))
    def blocks(input: Input) = {
      val budget = Blocks.budget(TaskContext.get(), partitions)
      metrics.counting(new BlockIterator(keys, partitions, columns, input, budget))
    }
    if (child.supportsColumnar)
      CachedColumns.freed(child).mapPartitions(batches => blocks(Input.Columns(batches)))
    else child.execute().mapPartitions(rows => blocks(Input.Rows(rows)))
  }

  /** The same without a transition to rows below it. */
  def overColumns: BlocksExec = child match {
    case transition: ColumnarToRowExec => copy(child = transition.child)
    case _ => this
  }

  override protected def withNewChildInternal(newChild: SparkPlan): BlocksExec = copy(child = newChild)
}

object BlocksExec {
  def of(keys: Seq[Attribute], partitions: Int, child: SparkPlan): BlocksExec = {
    val output = Seq(
      AttributeReference("partition", IntegerType, nullable = false)(),
      AttributeReference("block", BinaryType, nullable = false)()
    )
    BlocksExec(keys, partitions, output, child)
  }
}

/** @param child an exchange of blocks, or its stage, whose partitions may have been put together */
final case class BlockColumnsExec(keys: Seq[Attribute], output: Seq[Attribute], child: SparkPlan)
    extends UnaryExecNode
    with ColumnarNode {

  override def producedAttributes: AttributeSet = outputSet

  override lazy val metrics: Map[String, SQLMetric] = BlockMetrics.created(sparkContext)

  override def takesColumns: Boolean = false

  override def vectorTypes: Option[Seq[String]] = Some(output.map(_ => BlockVector.name))

  // The rows of a partition are those that Spark's exchange of rows would have put there.
  override def outputPartitioning: Partitioning = child.outputPartitioning match {
    case SinglePartition => SinglePartition
    case HashPartitioning(_, partitions) => HashPartitioning(keys, partitions)
    case CoalescedHashPartitioning(from, together) =>
      CoalescedHashPartitioning(from.copy(expressions = keys), together)
    case other => UnknownPartitioning(other.numPartitions)
  }

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val (types, metrics) = (output.map(_.dataType), new BlockMetrics(this.metrics))
    rowsOf(child).mapPartitions(rows => new BlockBatches(types, metrics.counting(rows)))
  }

  override protected def withNewChildInternal(newChild: SparkPlan): BlockColumnsExec = copy(child = newChild)
}
