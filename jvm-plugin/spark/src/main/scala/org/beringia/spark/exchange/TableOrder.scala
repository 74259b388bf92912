// The order of a table's rows by some of its columns, as Spark sorts them: found natively, with the columns in
// native memory for as long as it takes.
package org.beringia.spark.exchange

import scala.collection.mutable.ArrayBuffer

import org.apache.spark.sql.catalyst.expressions.{Attribute, Descending, NullsFirst, SortOrder}
import org.apache.spark.sql.types.DataType
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.{ArrowArrayStruct, ArrowField, RowOrder}
import org.beringia.executor.memory.{Arena, SegmentSource}
import org.beringia.spark.columns.{ArrowTypes, ColumnWriter}

/** One of the columns that rows are ordered by. */
final case class OrderColumn(ordinal: Int, dataType: DataType, order: SortOrder) {
  def direction: Byte = RowOrder.direction(order.direction == Descending, order.nullOrdering == NullsFirst)
}

object TableOrder {

  /** Values that are copied at a time. */
  private val Rows = 4096

  /** What the native side takes for a row at most, beside the columns, and what the order takes. */
  private val BytesOfRow = 64L

  /** The columns of an order; none where it is not by columns alone. */
  def columns(order: Seq[SortOrder], output: Seq[Attribute]): Option[Seq[OrderColumn]] = {
    val found = order.flatMap { by =>
      val ordinal = output.indexWhere(_.semanticEquals(by.child))
      if (ordinal < 0) None else Some(OrderColumn(ordinal, by.child.dataType, by))
    }
    Some(found).filter(_.length == order.length)
  }

  /** Bytes that finding the order takes. */
  def bytes(table: Table, columns: Seq[OrderColumn]): Long =
    columns.map(column => 4 * table.bytesOf(column.ordinal)).sum + BytesOfRow * table.rows

  /** Which row is the first, the second and so on; null where they lie in order. */
  def of(table: Table, columns: Seq[OrderColumn]): Array[Int] = {
    val memory = new NativeMemory
    try {
      val arena = new Arena(memory)
      val writers = columns.map(column => ColumnWriter.of(column.dataType, arena, table.rows.toLong))
      arena.begin(1)
      val rows = table.batch(null)
      columns.zip(writers).foreach { case (column, writer) =>
        writer.begin()
        Iterator.range(0, table.rows, Rows).foreach { start =>
          writer.appendAll(rows.column(column.ordinal), start, math.min(Rows, table.rows - start))
        }
      }
      val fields = columns.map(column => ArrowTypes.field("", column.dataType))
      val schema = ArrowField.struct("", fields: _*)
      val array = new ArrowArrayStruct(schema)
      try {
        array.root.setLength(table.rows.toLong, 0)
        array.root.setBuffer(0, 0)
        writers.zipWithIndex.foreach { case (writer, i) => writer.finish(array.root.child(i)) }
        RowOrder.of(schema, array, columns.map(_.direction).toArray)
      } finally array.close()
    } finally memory.close()
  }

  private final class NativeMemory extends SegmentSource with AutoCloseable {
    private[this] val taken = ArrayBuffer.empty[Long]

    override def allocate(bytes: Long): Long = {
      val address = Platform.allocateMemory(bytes + Arena.Alignment)
      taken += address
      Arena.aligned(address)
    }

    override def close(): Unit = taken.foreach(Platform.freeMemory)
  }
}
