// What a Spark session gets: the strategy that plans the node, the rule that tidies what feeds it, and the function of SQL.
package org.beringia.spark

import org.apache.spark.sql.SparkSessionExtensions
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{ColumnarRule, ColumnarToRowExec, RowToColumnarExec, SparkPlan}
import org.beringia.spark.accelerate._
import org.beringia.spark.sql.TableFunctions

final class BeringiaExtensions extends (SparkSessionExtensions => Unit) {
  override def apply(extensions: SparkSessionExtensions): Unit = {
    extensions.injectPlannerStrategy(_ => NumpyMapStrategy)
    // Before stages are made, for explain(); and before columns are, where there are no stages.
    extensions.injectQueryStagePrepRule(_ => Acceleration)
    extensions.injectColumnar(_ => RowInput)
    val function = TableFunctions.numpyMap
    extensions.injectTableFunction((function.identifier, function.info, function.build))
  }
}

/**
 * Spark takes a node that gives columns for one that wants columns too. Ours wants rows: the transition to
 * columns below it goes, and a child that has columns gets the one to rows.
 */
object RowInput extends ColumnarRule {
  override val preColumnarTransitions: Rule[SparkPlan] = Acceleration

  override val postColumnarTransitions: Rule[SparkPlan] = new Rule[SparkPlan] {
    override val ruleName = "org.beringia.spark.RowInput"

    override def apply(plan: SparkPlan): SparkPlan = plan.transformUp {
      case node @ (_: NumpyMapExec | _: AcceleratedExec) =>
        node.withNewChildren(node.children.map(rows))
    }
  }

  /** A plan of rows that gives the same. */
  def rows(plan: SparkPlan): SparkPlan = plan match {
    case transition: RowToColumnarExec => transition.child
    case columnar if columnar.supportsColumnar => ColumnarToRowExec(columnar)
    case other => other
  }
}
