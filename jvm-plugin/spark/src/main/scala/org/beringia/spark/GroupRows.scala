// The child's rows as groups: one row of look-ahead, and the group break, found as Spark's own GroupedIterator
// finds it (NaN equals NaN, -0.0 equals 0.0, null equals null). Pulls the child only when asked for a row.
package org.beringia.spark

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.codegen.GenerateOrdering
import org.apache.spark.sql.types.StringType
import org.apache.spark.unsafe.Platform
import org.beringia.spark.columns.InputColumn

final class GroupRows(
    rows: Iterator[InternalRow],
    keys: Seq[InputColumn],
    grouped: Boolean,
    schema: Seq[Attribute]
) {
  private[this] val ordering =
    if (keys.isEmpty) null
    else GenerateOrdering.generate(keys.map(key => SortOrder(schema(key.ordinal), Ascending)), schema)
  // Of its own memory, which copyFrom makes larger when it has to.
  private[this] val first = new UnsafeRow(schema.length)
  first.pointTo(Array.emptyByteArray, Platform.BYTE_ARRAY_OFFSET.toLong, 0)
  private[this] lazy val toUnsafe = UnsafeProjection.create(schema, schema)

  // Valid until the child is pulled again, which only next() and sameGroup() do.
  private[this] var current: UnsafeRow = _
  private[this] var started = false

  /** The row at hand, or null at the end. Starts a group: later rows are compared with it. */
  def startGroup(): UnsafeRow = {
    if (!started) {
      started = true
      pull()
    }
    if (current != null && ordering != null) {
      first.copyFrom(current)
    }
    current
  }

  /** Moves on to the next row if there is one in the same group; null otherwise. */
  def nextOfGroup(): UnsafeRow = {
    pull()
    if (current == null || !grouped) null
    else if (ordering == null || ordering.compare(first, current) == 0) current
    else null
  }

  /** Moves on to the next row, which begins another group. */
  def endGroup(): UnsafeRow = {
    pull()
    null
  }

  /** The first row of the group. */
  def key: UnsafeRow = first

  /** The group's key for messages. */
  def describe: String = GroupRows.describe(keys, first)

  private def pull(): Unit = current =
    if (!rows.hasNext) null
    else {
      rows.next() match {
        case row: UnsafeRow => row
        case row => toUnsafe(row)
      }
    }
}

object GroupRows {

  /** Keys for messages, such as `country=DE, year=2020`; empty where there are none. */
  def describe(keys: Seq[InputColumn], row: UnsafeRow): String = keys
    .map { key =>
      val text =
        Cast(BoundReference(key.ordinal, key.dataType, nullable = true), StringType, Some("UTC")).eval(row)
      s"${key.name}=${if (text == null) "null" else text}"
    }
    .mkString(", ")
}
