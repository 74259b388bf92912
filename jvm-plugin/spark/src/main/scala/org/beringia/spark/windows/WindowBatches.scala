// The child's rows as batches of windows. Rows come by keys and blocks, each block's in the order of their positions; the
// windows of a block are formed as they pass (see OpenWindows).
package org.beringia.spark.windows

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.beringia.executor.windows.{OpenWindows, OrderedRows}
import org.beringia.spark.columns.{BatchWriter, InputColumn}
import org.beringia.spark.{GroupRows, NumpyMapTask, Per, TaskBatches}

/**
 * Where a node that forms windows finds them.
 *
 * @param key what calls get of a window; it is no column of the rows
 * @param block if there is one
 * @param position of the ordinals among the columns of the rows
 */
final case class WindowColumns(key: AttributeReference, block: Option[InputColumn], position: Int)

final class WindowBatches(
    task: NumpyMapTask,
    per: Per.Windows,
    columns: WindowColumns,
    rows: Iterator[InternalRow],
    context: TaskContext
) extends TaskBatches(task, context) {
  private[this] val blocks = new GroupRows(rows, task.keys ++ columns.block, grouped = true, task.rowSchema)
  private[this] val toKey =
    UnsafeProjection.create(
      task.keys.map(key => task.rowSchema(key.ordinal)) :+ columns.key,
      task.rowSchema :+ columns.key
    )
  private[this] val joined = new JoinedRow
  private[this] val block = new BlockRows
  private[this] var windows: OpenWindows[BatchWriter, UnsafeRow] = _ // of the block

  override def hasGroup: Boolean = {
    var more = true
    while (more && (windows == null || !windows.hasNext)) {
      more = block.start()
      if (more) windows = windowsOfBlock()
    }
    more
  }

  override def writeGroup(): Boolean = {
    val window = windows.next(writer)
    val key = keyOf(window.number, per.extent.end(window.number, window.rows))
    writer.startGroup(key, () => GroupRows.describe(task.calledKeys, key))
    writer.window(window.row, window.rows)
    writer.endGroup() && windows.mayPause
  }

  private def windowsOfBlock(): OpenWindows[BatchWriter, UnsafeRow] = {
    val (least, greatest) = columns.block.fold((0L, Long.MaxValue)) { column =>
      val number = blocks.key.getLong(column.ordinal)
      (per.least(number), per.greatest(number))
    }
    def name(number: Long) =
      GroupRows.describe(task.calledKeys, keyOf(number, per.extent.end(number)))
    new OpenWindows(block, per.extent, least, greatest, name)
  }

  /** The keys of a window of the block; valid until the next. */
  private def keyOf(number: Long, end: Any): UnsafeRow =
    toKey(joined(blocks.key, InternalRow(InternalRow(per.extent.start(number), end))))

  /** The rows of the block at hand. */
  private final class BlockRows extends OrderedRows[BatchWriter, UnsafeRow] {
    private[this] var row: UnsafeRow = _
    private[this] var count = 0L

    /** Goes on to the next block; false if there is none. */
    def start(): Boolean = {
      while (row != null) advance()
      row = blocks.startGroup()
      count = 0
      row != null
    }

    override def hasRow: Boolean = row != null

    override def ordinal: Long = if (columns.block.isEmpty) count else row.getLong(columns.position)

    override def advance(): Unit = {
      row = blocks.nextOfGroup()
      count += 1
    }

    override def write(batch: BatchWriter): Unit = batch.append(row)

    override def keep(): UnsafeRow = row.copy()

    override def write(kept: UnsafeRow, batch: BatchWriter): Unit = batch.append(kept)
  }
}
