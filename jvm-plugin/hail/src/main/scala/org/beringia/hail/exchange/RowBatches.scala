// Rows of one partition as batches of Arrow columns, in memory that the next batch takes again.
package org.beringia.hail.exchange

import com.fasterxml.jackson.databind.node.ObjectNode
import is.hail.asm4s.HailClassLoader
import is.hail.rvd.RVDContext
import is.hail.sparkextras.ContextRDD.Element
import is.hail.types.physical.PStruct
import org.apache.spark.{InterruptibleIterator, TaskContext}
import org.beringia.executor.memory.Arena
import org.beringia.hail.{ArrowForms, RowField, ValueWriter}

/** @param producer whose region the rows are in: cleared as soon as a row is written */
final class RowBatches(row: PStruct, rows: Iterator[Long], producer: RVDContext)
    extends Iterator[RowBatch]
    with AutoCloseable {
  private[this] val memory = new OwnMemory
  private[this] val arena = new Arena(memory)
  private[this] val fields = row.fieldNames.map(new RowField(row, _))
  private[this] val schema = row.fields.map(field => ArrowForms.field(field.name, field.typ.virtualType))
  private[this] val writers = fields.map(field => ValueWriter.of(field.physical, arena))

  override def hasNext: Boolean = rows.hasNext

  override def next(): RowBatch = {
    memory.recycle()
    arena.begin(1.0)
    writers.foreach(_.begin())
    var n = 0L
    do {
      val address = rows.next()
      var i = 0
      while (i < fields.length) {
        fields(i).append(address, writers(i))
        i += 1
      }
      producer.region.clear()
      n += 1
    } while (arena.used < RowBatches.Full && rows.hasNext)
    new RowBatch(
      n,
      block =>
        node => {
          val columns = node.putArray("columns")
          schema.indices.foreach(i => ColumnBlock.place(schema(i), writers(i), columns.addObject(), block))
        }
    )
  }

  override def close(): Unit = memory.close()
}

/** A batch, which is there until the next one is asked for. */
final class RowBatch(rows: Long, columns: BlockSink => ObjectNode => Unit) {

  /** Appends the columns to a block; `node` gets how many rows they have, and where they are. */
  def place(block: BlockSink, node: ObjectNode): Unit = columns(block)(node.put("rows", rows))
}

// The closure of tasks, which must not hold the context of a query.
object RowBatches {
  private val Full = 4L << 20 // bytes: a batch, and what it is copied to, stay in a core's cache

  def of(row: PStruct): (HailClassLoader, RVDContext, Element[Long]) => Iterator[RowBatch] =
    (loader, consumer, part) => {
      val task = TaskContext.get()
      val producer = consumer.freshContext()
      val rows = new InterruptibleIterator(task, part(loader, producer))
      val batches = new RowBatches(row, rows, producer)
      task.addTaskCompletionListener[Unit](_ => batches.close())
      batches
    }
}
