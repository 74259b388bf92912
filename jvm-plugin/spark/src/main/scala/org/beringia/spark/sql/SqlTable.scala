// The table that a function of SQL is called with: which of its rows one call gets, in which order, and what is kept.
package org.beringia.spark.sql

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.catalyst.expressions.{ExprId, Expression}
import org.apache.spark.sql.catalyst.plans.logical._
import org.beringia.spark.{MapCall, MapFront}

final class SqlTable(session: SparkSession, arguments: SqlArguments) {
  private val table = arguments.table("data")

  /** What makes the groups: nothing where all rows are one; none where there are no groups. */
  private val partition: Option[Seq[Expression]] = arguments.expressions("by") match {
    case Some(_) if table.partitionBy.nonEmpty || table.singlePartition =>
      throw arguments.refusal("by", "says what PARTITION BY says already")
    case Some(keys) => Some(keys)
    case None if table.partitionBy.nonEmpty || table.singlePartition => Some(table.partitionBy)
    case None => None
  }

  private val order: Seq[Expression] = arguments.orders("order_by") match {
    case Some(_) if table.orderBy.nonEmpty =>
      throw arguments.refusal("order_by", "says what ORDER BY says already")
    case Some(orders) => orders
    case None => table.orderBy
  }

  /** The plan of a call on the table. */
  def map(function: MapCall): LogicalPlan = {
    val call = function.copy(
      orderBy = order,
      keep = arguments.expressions("keep").getOrElse(Nil)
    )
    val per = arguments.optionalText("per")
    SqlTable.withoutReferences(table.plan) { plan =>
      val data = SparkInternals.frame(session, plan)
      SparkInternals.analyzed(partition match {
        case Some(keys) => MapFront.keyed(data, keys, per, call)
        case None => MapFront.rows(data, per, call)
      })
    }
  }
}

object SqlTable {

  /**
   * What `map` makes of a plan by itself. References to common table expressions lead out of the plan, and wait under
   * relations of the same columns meanwhile.
   */
  private def withoutReferences(plan: LogicalPlan)(map: LogicalPlan => LogicalPlan): LogicalPlan =
    AnalysisHelper.allowInvokingTransformsInAnalyzer {
      var references = Map.empty[Seq[ExprId], CTERelationRef]
      val alone = plan.transformUpWithSubqueries { case reference: CTERelationRef =>
        references += reference.output.map(_.exprId) -> reference
        LocalRelation(reference.output, Nil, reference.isStreaming)
      }
      map(alone).transformUpWithSubqueries { case relation: LocalRelation =>
        references.getOrElse(relation.output.map(_.exprId), relation)
      }
    }
}
