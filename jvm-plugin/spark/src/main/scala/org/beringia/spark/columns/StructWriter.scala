// Structs: a writer for each field. Under a missing struct every field is missing.
package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.expressions.{SpecializedGetters, UnsafeArrayData, UnsafeRow}
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.executor.memory.Arena

final class StructWriter(arena: Arena, fields: Array[ColumnWriter]) extends ColumnWriter(arena) {
  private[this] val view = new UnsafeRow(fields.length)
  private[this] val fixedBytes = UnsafeRow.calculateBitSetWidthInBytes(fields.length) + 8 * fields.length
  private[this] var count = 0L

  override def length: Long = count

  override def begin(): Unit = {
    super.begin()
    count = 0
    fields.foreach(_.begin())
  }

  override def append(row: UnsafeRow, ordinal: Int): Unit =
    put(row.getBaseObject, row.getBaseOffset, row.getSizeInBytes, row.getLong(ordinal))

  override def appendAll(array: UnsafeArrayData): Unit = {
    var i = 0
    while (i < array.numElements) {
      if (array.isNullAt(i)) appendNull()
      else put(array.getBaseObject, array.getBaseOffset, array.getSizeInBytes, array.getLong(i))
      i += 1
    }
  }

  override def appendOf(from: SpecializedGetters, ordinal: Int): Unit = {
    val row = from.getStruct(ordinal, fields.length)
    var i = 0
    while (i < fields.length) {
      if (row.isNullAt(i)) fields(i).appendNull() else fields(i).appendOf(row, i)
      i += 1
    }
    count += 1
  }

  override def appendNull(): Unit = {
    validity.setNull(count)
    fields.foreach(_.appendNull())
    count += 1
  }

  override def finish(node: ArrowArrayStruct.Node): Unit = {
    super.finish(node)
    var i = 0
    while (i < fields.length) {
      fields(i).finish(node.child(i))
      i += 1
    }
  }

  /** A row within a row or array: its offset in the upper half, its size below. */
  private def put(base: AnyRef, baseOffset: Long, size: Int, offsetAndSize: Long): Unit = {
    ColumnWriter.checkPlace(offsetAndSize, size)
    if (offsetAndSize.toInt < fixedBytes) throw ColumnWriter.broken()
    view.pointTo(base, baseOffset + (offsetAndSize >>> 32), offsetAndSize.toInt)
    var i = 0
    while (i < fields.length) {
      if (view.isNullAt(i)) fields(i).appendNull() else fields(i).append(view, i)
      i += 1
    }
    count += 1
  }
}
