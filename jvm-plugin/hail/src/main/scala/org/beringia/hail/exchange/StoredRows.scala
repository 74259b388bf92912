// Rows of one partition, out of a file: a batch at a time is read into memory, and its rows are written one by one into the
// consumer's region (see RegionIterator).
package org.beringia.hail.exchange

import java.io.DataInputStream

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import is.hail.annotations.Region
import is.hail.rvd.RVDContext
import is.hail.types.physical.PCanonicalStruct
import is.hail.types.virtual.TStruct
import org.apache.commons.io.IOUtils
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.{ArrowArrayStruct, ArrowField}
import org.beringia.hail.{ArrowForms, FieldOffsets, ValueReader}

import scala.annotation.tailrec

/**
 * @param output the rows: `fields`, then others that are the row's number
 * @param batches in the order in which they are in the file
 */
final class StoredRows(
    file: StoredFile,
    output: PCanonicalStruct,
    fields: TStruct,
    consumer: RVDContext,
    batches: Iterator[StoredBatch]
) extends Iterator[Long]
    with AutoCloseable {
  private[this] val memory = new OwnMemory
  private[this] val schema =
    ArrowField.struct("", fields.fields.map(f => ArrowForms.field(f.name, f.typ)): _*)
  private[this] val offsets = FieldOffsets.of(output)
  private[this] val array = new ArrowArrayStruct(schema)
  private[this] val copied = new Array[Byte](256 << 10)
  private[this] var in: DataInputStream = _
  private[this] var position = 0L

  private[this] var batch: StoredBatch = _
  private[this] var readers: Array[ValueReader] = _
  private[this] var row = 0L // of the batch

  @tailrec
  override def hasNext: Boolean =
    if (batch != null && row < batch.rows) true
    else if (!batches.hasNext) {
      close() // the task may have others to read after it
      false
    } else {
      load(batches.next())
      hasNext
    }

  override def next(): Long = {
    if (!hasNext) throw new NoSuchElementException("no row is left")
    val region = consumer.region
    val address = output.allocate(region)
    output.initialize(address)
    var i = 0
    while (i < readers.length) {
      if (readers(i).isMissing(row)) output.setFieldMissing(address, i)
      else readers(i).store(row, region, address + offsets(i))
      i += 1
    }
    while (i < output.size) {
      Region.storeLong(address + offsets(i), batch.first + row)
      i += 1
    }
    row += 1
    address
  }

  private def load(next: StoredBatch): Unit = {
    memory.recycle()
    val block = memory.allocate(math.max(next.bytes, 1L))
    read(next.offset, next.bytes, block)
    val columns = StoredRows.mapper.readTree(next.columns)
    val root = array.root
    root.setLength(next.rows, 0)
    root.setBuffer(0, 0)
    readers = fields.fields.indices.map { i =>
      fill(root.child(i), schema.children.get(i), columns.get(i), block)
      ValueReader.of(output.types(i), root.child(i).address)
    }.toArray
    batch = next
    row = 0
  }

  private def fill(node: ArrowArrayStruct.Node, field: ArrowField, column: JsonNode, block: Long): Unit = {
    node.setLength(column.path("length").asLong, column.path("nulls").asLong)
    val buffers = column.path("buffers")
    (0 until field.buffers).foreach { i =>
      val place = buffers.get(i)
      node.setBuffer(i, if (place.isNull) 0 else block + place.asLong)
    }
    (0 until field.children.size).foreach { i =>
      fill(node.child(i), field.children.get(i), column.path("children").get(i), block)
    }
  }

  /** Copies a part of the file to `to`. */
  private def read(offset: Long, bytes: Long, to: Long): Unit = {
    if (in == null) in = file.open()
    IOUtils.skipFully(in, offset - position)
    var done = 0L
    while (done < bytes) {
      val n = math.min(bytes - done, copied.length.toLong).toInt
      in.readFully(copied, 0, n)
      Platform.copyMemory(copied, Platform.BYTE_ARRAY_OFFSET.toLong, null, to + done, n.toLong)
      done += n
    }
    position = offset + bytes
  }

  override def close(): Unit = {
    memory.close()
    array.close()
    if (in != null) in.close()
  }
}

object StoredRows {
  private val mapper = new ObjectMapper
}
