// The transition to rows above a node of ours, where Spark does not compile it into the node that takes the rows.
package org.beringia.spark

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, SortOrder}
import org.apache.spark.sql.catalyst.plans.physical.Partitioning
import org.apache.spark.sql.execution.{CodegenSupport, ColumnarToRowExec, ColumnarToRowTransition, SparkPlan}
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}
import org.beringia.spark.columns.{ResultRows, ResultVector}

final case class ResultRowsExec(child: SparkPlan) extends ColumnarToRowTransition {
  override def output: Seq[Attribute] = child.output

  override def outputPartitioning: Partitioning = child.outputPartitioning

  override def outputOrdering: Seq[SortOrder] = child.outputOrdering

  // As those of Spark's transition.
  override lazy val metrics: Map[String, SQLMetric] = Map(
    "numOutputRows" -> SQLMetrics.createMetric(sparkContext, "number of output rows"),
    "numInputBatches" -> SQLMetrics.createMetric(sparkContext, "number of input batches")
  )

  override protected def doExecute(): RDD[InternalRow] = {
    val batchCount = longMetric("numInputBatches")
    val rowCount = longMetric("numOutputRows")
    val fields = output.length
    child.executeColumnar().mapPartitions { batches =>
      val counted = batches.map { batch =>
        batchCount += 1
        rowCount += batch.numRows
        batch
      }
      new ResultRows(counted, fields)
    }
  }

  override protected def withNewChildInternal(newChild: SparkPlan): ResultRowsExec = copy(child = newChild)
}

object ResultRowsExec {

  /** A plan with these in the place of Spark's transitions above our nodes. */
  def in(plan: SparkPlan): SparkPlan = plan match {
    case ColumnarToRowExec(node: ColumnarNode)
        if givesResults(node) && ResultRows.cover(node.output.map(_.dataType)) =>
      ResultRowsExec(node.mapChildren(in))
    case compiled: CodegenSupport if compiled.supportCodegen =>
      compiled.mapChildren {
        case transition: ColumnarToRowExec => transition.mapChildren(in)
        case other => in(other)
      }
    case other => other.mapChildren(in)
  }

  private def givesResults(node: ColumnarNode): Boolean =
    node.vectorTypes.exists(_.forall(_ == classOf[ResultVector].getName))
}
