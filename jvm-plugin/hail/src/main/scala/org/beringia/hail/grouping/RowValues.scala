// The values of a row that its group gets: straight from where they lie, or as bytes on their way (see ValueCodec). First
// come those of the group's lists, then those that the first row has for it.
package org.beringia.hail.grouping

import is.hail.types.physical.PStruct
import org.beringia.hail.{GroupColumns, GroupWriter, RowField, ValueWriter}

final class RowValues(row: PStruct, columns: GroupColumns) extends Serializable {
  import RowValues._

  private[this] val values = (columns.lists ++ columns.whole).map { case (name, _) =>
    new ValueField(row, name)
  }.toArray

  /** Writes those of the row at `address`. */
  def write(address: Long, out: ByteSink): Unit = {
    var i = 0
    while (i < values.length) {
      values(i).write(address, out)
      i += 1
    }
  }

  /** Adds values that were written to the group that is open. */
  def read(in: ByteSource, writer: GroupWriter, isFirst: Boolean): Unit = {
    val targets = writer.ofRow(isFirst)
    var i = 0
    while (i < targets.length) {
      targets(i).read(in)
      i += 1
    }
    writer.endRow()
  }

  /** Does so with the values of the row at `address`. */
  def append(address: Long, writer: GroupWriter, isFirst: Boolean): Unit = {
    val targets = writer.ofRow(isFirst)
    var i = 0
    while (i < targets.length) {
      values(i).append(address, targets(i))
      i += 1
    }
    writer.endRow()
  }
}

object RowValues {
  final private class ValueField(row: PStruct, name: String) extends Serializable {
    private[this] val field = new RowField(row, name)
    private[this] val codec = ValueCodec.of(field.physical)

    def write(row: Long, out: ByteSink): Unit =
      if (field.isDefined(row)) {
        out.putByte(1)
        codec.write(field.load(row), out)
      } else out.putByte(0)

    def append(row: Long, writer: ValueWriter): Unit = field.append(row, writer)
  }
}
