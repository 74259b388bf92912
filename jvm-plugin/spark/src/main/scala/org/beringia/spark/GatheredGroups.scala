// Groups that an aggregate of Spark gathers before the node gets them. Of a stream: its rows come bit by bit, and Spark's
// state holds those of a window of event time until the window is over. And by session windows, of which only
// Spark's aggregates know where they end.
package org.beringia.spark

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.CollectList
import org.apache.spark.sql.catalyst.plans.logical.{Aggregate, EventTimeWatermark, Generate, LogicalPlan}
import org.apache.spark.sql.types.{Metadata, MetadataBuilder}
import org.beringia.{BeringiaException, ErrorCode}

/**
 * The rows that the node groups.
 *
 * @param plan gives them
 * @param gathered what became of the columns that were gathered
 */
final case class GroupedRows(plan: LogicalPlan, gathered: Map[ExprId, Attribute] = Map.empty) {

  /** The column as `plan` has it. */
  def apply(column: Attribute): Attribute = gathered.getOrElse(column.exprId, column)

  /** What a column that is carried through tells of itself. */
  def metadata(column: NamedExpression): Metadata =
    if (gathered.isEmpty) column.metadata
    // The time of a row is past when its window is over: what follows is to go by the window's.
    else new MetadataBuilder().withMetadata(column.metadata).remove(EventTimeWatermark.delayKey).build()
}

object GatheredGroups {

  /** Whether the rows of `input` have to be gathered; refuses groups of a stream that are never complete. */
  def areNeeded(keys: Seq[Attribute], input: LogicalPlan): Boolean = {
    if (input.isStreaming && !keys.exists(isEventTime)) {
      throw new BeringiaException(
        ErrorCode.ARGUMENT,
        "a group of a stream is complete only when event time has passed it: group by a window of a column that has a " +
          "watermark, df.withWatermark('t', '10 minutes').groupBy(window('t', '5 minutes'), …), or call numpy_map on " +
          "each micro-batch, in a function for df.writeStream.foreachBatch(…)"
      )
    }
    input.isStreaming || keys.exists(_.metadata.contains(SessionWindow.marker))
  }

  /** The rows of `input`, gathered by `keys` into lists, as Spark's state keeps them, and taken out of these again. */
  def of(keys: Seq[Attribute], columns: Seq[Attribute], input: LogicalPlan): GroupedRows = {
    val others = (AttributeSet(columns) -- keys).toSeq
    if (others.isEmpty) {
      GroupedRows(Aggregate(keys, keys, input))
    } else {
      val row = CreateNamedStruct(others.flatMap(column => Seq(Literal(column.name), column)))
      val rows = Alias(new CollectList(row).toAggregateExpression(), "rows")()
      val lists = Aggregate(keys, keys :+ rows, input)
      val taken = others.map { column =>
        AttributeReference(column.name, column.dataType, column.nullable)()
      }
      GroupedRows(
        Generate(Inline(rows.toAttribute), Seq(keys.length), outer = false, None, taken, lists),
        others.map(_.exprId).zip(taken).toMap
      )
    }
  }

  private def isEventTime(key: Attribute): Boolean = key.metadata.contains(EventTimeWatermark.delayKey)
}
