// What our nodes have in common: they give columns, and take of their children columns where there are columns, and rows else.
package org.beringia.spark

import scala.reflect.ClassTag

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.catalyst.plans.physical.{AllTuples, Distribution}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{ColumnarRule, ColumnarToRowExec, RowToColumnarExec, SparkPlan}
import org.apache.spark.sql.execution.metric.SQLMetric
import org.beringia.spark.accelerate.Acceleration
import org.beringia.spark.columns.{InputColumn, ResultVector}
import org.beringia.spark.exchange.{BlocksExec, ColumnExchange}

trait ColumnarNode extends SparkPlan {

  /** Whether a child's columns are taken as they are. */
  def takesColumns: Boolean

  override lazy val metrics: Map[String, SQLMetric] = JobMetrics.created(sparkContext)

  override def supportsColumnar: Boolean = true

  override def supportsRowBased: Boolean = false

  override def vectorTypes: Option[Seq[String]] = Some(output.map(_ => classOf[ResultVector].getName))

  override protected def doExecute(): RDD[InternalRow] =
    throw new UnsupportedOperationException(s"$nodeName gives columns")

  /** What `task` makes of each of the child's partitions. */
  protected def mapInput[T: ClassTag](child: SparkPlan)(task: Input => Iterator[T]): RDD[T] =
    if (takesColumns && ColumnarNode.input(child, columns = true).supportsColumnar) {
      CachedColumns.freed(child).mapPartitions(batches => task(Input.Columns(batches)))
    } else {
      rowsOf(child).mapPartitions(rows => task(Input.Rows(rows)))
    }

  protected def rowsOf(child: SparkPlan): RDD[InternalRow] =
    ColumnarNode.input(child, columns = false).execute()

  /** How rows with equal keys come together; without keys all do. */
  protected def gathered(keys: Seq[Attribute]): Distribution =
    if (keys.isEmpty) AllTuples else SparkInternals.clustered(keys)

  /** Where `attribute` is in rows of `columns`. */
  protected def inputColumn(columns: Seq[Attribute], attribute: Attribute): InputColumn =
    InputColumn(attribute.name, attribute.dataType, columns.indexWhere(_.exprId == attribute.exprId))
}

/**
 * Spark takes a node that gives columns for one that wants columns alone: the transition to columns below ours goes, and a
 * child that has columns gets the one to rows where the node wants rows.
 */
object ColumnarNode extends ColumnarRule {
  override val preColumnarTransitions: Rule[SparkPlan] = new Rule[SparkPlan] {
    override val ruleName = "org.beringia.spark.Replacements"

    override def apply(plan: SparkPlan): SparkPlan = ColumnExchange(Acceleration(plan))
  }

  override val postColumnarTransitions: Rule[SparkPlan] = new Rule[SparkPlan] {
    override val ruleName = "org.beringia.spark.ColumnarNode"

    override def apply(plan: SparkPlan): SparkPlan = ResultRowsExec.in(plan.transformUp {
      case node: ColumnarNode => node.withNewChildren(node.children.map(input(_, node.takesColumns)))
      case blocks: BlocksExec => blocks.overColumns
    })
  }

  /** A plan that gives what `child` does, in columns only where these are taken. */
  def input(child: SparkPlan, columns: Boolean): SparkPlan = child match {
    case transition: RowToColumnarExec => transition.child
    case columnar if columnar.supportsColumnar && !columns => ColumnarToRowExec(columnar)
    case other => other
  }
}
