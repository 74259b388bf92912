// Rows with the bounds of their windows before them: as Spark's own node finds them, by its own code. It lives in Spark's
// package to reach what is private to it.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.codegen.GenerateOrdering
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types.IntegerType

/**
 * What an executor has to know.
 *
 * @param indices of the frames whose bounds are asked for
 * @param keys that make the groups
 * @param columns of the rows
 */
final case class WindowBounds(
    frames: WindowFrames,
    indices: Seq[Int],
    bounds: Seq[Attribute],
    keys: Seq[Attribute],
    columns: Seq[Attribute]
) {

  override def toString: String = if (indices.isEmpty) "unbounded" else "bounded"

  /** The columns of the rows that [[of]] gives. */
  def output: Seq[Attribute] = bounds ++ columns

  /** The rows with the bounds before them, valid until the next; all rows of a group are held at a time, or on disk. */
  def of(rows: Iterator[InternalRow]): Iterator[InternalRow] =
    if (indices.isEmpty) rows else new BoundedRows(rows)

  private final class BoundedRows(rows: Iterator[InternalRow]) extends Iterator[InternalRow] {
    private[this] val found = new SpecificInternalRow(bounds.map(_ => IntegerType))
    private[this] val framesOfGroup = indices.map(i => frames.all(i)._2(found)).toArray
    private[this] val joined = new JoinedRow
    private[this] val toUnsafe = UnsafeProjection.create(output, output)
    private[this] val ordering = GenerateOrdering.generate(keys.map(SortOrder(_, Ascending)), columns)
    private[this] val group = PythonLine.rowArray(SQLConf.get)
    private[this] val input = rows.buffered
    private[this] var ofGroup: Iterator[UnsafeRow] = Iterator.empty
    private[this] var index = 0

    override def hasNext: Boolean = {
      val more = ofGroup.hasNext || input.hasNext
      if (!more) group.clear()
      more
    }

    override def next(): InternalRow = {
      if (!ofGroup.hasNext) begin()
      val row = ofGroup.next()
      var i = 0
      while (i < framesOfGroup.length) {
        val frame = framesOfGroup(i)
        frame.write(index, row)
        found.setInt(2 * i, frame.currentLowerBound())
        found.setInt(2 * i + 1, frame.currentUpperBound())
        i += 1
      }
      index += 1
      toUnsafe(joined(found, row))
    }

    private def begin(): Unit = {
      group.clear()
      val first = input.head.copy()
      while (input.hasNext && (keys.isEmpty || ordering.compare(first, input.head) == 0)) {
        group.add(input.next().asInstanceOf[UnsafeRow])
      }
      framesOfGroup.foreach(_.prepare(group))
      ofGroup = group.generateIterator()
      index = 0
    }
  }
}
