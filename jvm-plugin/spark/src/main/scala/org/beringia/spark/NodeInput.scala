// What our nodes take of their children: columns where there are columns, and rows else.
package org.beringia.spark

import scala.reflect.ClassTag

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{
  ColumnarRule,
  ColumnarToRowExec,
  RowToColumnarExec,
  SparkPlan,
  UnaryExecNode
}
import org.beringia.spark.accelerate.Acceleration

/** A node that gives columns, and takes its child's rows, or its columns where it has them. */
trait TakesColumns extends UnaryExecNode {

  /** Whether it does. */
  def takesColumns: Boolean = true

  /** What `task` makes of each of the child's partitions. */
  protected def mapInput[T: ClassTag](task: Input => Iterator[T]): RDD[T] =
    NodeInput.of(child, takesColumns) match {
      case columnar if columnar.supportsColumnar && takesColumns =>
        columnar.executeColumnar().mapPartitions(batches => task(Input.Columns(batches)))
      case other => other.execute().mapPartitions(rows => task(Input.Rows(rows)))
    }
}

/**
 * Spark takes a node that gives columns for one that wants columns alone: the transition to columns below ours goes, and a
 * child that has columns gets the one to rows where the node wants rows.
 */
object NodeInput extends ColumnarRule {
  override val preColumnarTransitions: Rule[SparkPlan] = Acceleration

  override val postColumnarTransitions: Rule[SparkPlan] = new Rule[SparkPlan] {
    override val ruleName = "org.beringia.spark.NodeInput"

    override def apply(plan: SparkPlan): SparkPlan = plan.transformUp { case node: TakesColumns =>
      node.withNewChildren(node.children.map(of(_, node.takesColumns)))
    }
  }

  /** A plan of the same rows, with columns only where these are taken. */
  def of(plan: SparkPlan, columns: Boolean): SparkPlan = plan match {
    case transition: RowToColumnarExec => transition.child
    case columnar if columnar.supportsColumnar && !columns => ColumnarToRowExec(columnar)
    case other => other
  }
}
