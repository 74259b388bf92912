// Structs, and what Hail stores as such, and ndarrays, to Arrow columns in shared memory.
package org.beringia.hail

import is.hail.types.physical.{PCanonicalArray, PCanonicalBaseStruct, PCanonicalNDArray, PInt64}
import org.apache.spark.unsafe.Platform
import org.beringia.hail.grouping.{ByteSource, NDArrayLayout}
import org.beringia.executor.memory.{Arena, SharedBuffer}

final class StructWriter(arena: Arena, struct: PCanonicalBaseStruct) extends ValueWriter(arena) {
  private[this] val fields = struct.types.map(ValueWriter.of(_, arena)).toArray
  private[this] val layouts = fields.indices.map(new FieldLayout(struct, _)).toArray

  override def buffers: Seq[SharedBuffer] = Nil

  override def children: Seq[ValueWriter] = fields

  override def begin(): Unit = {
    super.begin()
    fields.foreach(_.begin())
  }

  override protected def appendValue(address: Long): Unit = {
    var i = 0
    while (i < fields.length) {
      if (layouts(i).isDefined(address)) fields(i).append(layouts(i).load(address))
      else fields(i).appendMissing()
      i += 1
    }
  }

  override protected def readValue(in: ByteSource): Unit = fields.foreach(_.read(in))

  override protected def appendNothing(): Unit = fields.foreach(_.appendMissing())

  override def reserve(n: Long): Unit = fields.foreach(_.reserve(n))

  override protected def appendElements(array: PCanonicalArray, base: AnyRef, offset: Long, n: Int): Unit = {
    var i = 0
    while (i < fields.length) {
      fields(i).appendField(layouts(i), array, offset, n)
      i += 1
    }
  }
}

/** Where a field lies in a struct. Hail's own layout boxes its numbers, which costs more than the copy of a value. */
final class FieldLayout(struct: PCanonicalBaseStruct, field: Int) {
  private[this] val of = struct.types(field)
  private[this] val bit = if (struct.fieldRequired(field)) 0 else struct.missingIdx(field)
  private[this] val byte = (bit >> 3).toLong
  private[this] val mask = if (struct.fieldRequired(field)) 0 else 1 << (bit & 7)

  /** In bytes from the start of the struct. */
  val offset: Long = struct.byteOffsets(field)

  /** Not zero where the field of the struct at `address` is missing. */
  def missingBit(address: Long): Int = Platform.getByte(null, address + byte) & mask

  def isDefined(address: Long): Boolean = missingBit(address) == 0

  /** The address of the value, wherever the struct keeps it. */
  def load(address: Long): Long = of.unstagedLoadFromNested(address + offset)
}

/** The shape, and the elements, the last axis' one behind the other. */
final class NDArrayWriter(arena: Arena, array: PCanonicalNDArray) extends ValueWriter(arena) {
  private[this] val layout = new NDArrayLayout(array)
  private[this] val shape = new ListWriter(arena, PCanonicalArray(PInt64(true), true))
  private[this] val sizes = shape.items.asInstanceOf[FixedWriter]
  private[this] val data = new ListWriter(arena, PCanonicalArray(array.elementType, true))
  // Hail has no ndarrays of anything else.
  private[this] val items = data.items.asInstanceOf[PlainWriter]

  override def buffers: Seq[SharedBuffer] = Nil

  override def children: Seq[ValueWriter] = Seq(shape, data)

  override def begin(): Unit = {
    super.begin()
    shape.begin()
    data.begin()
  }

  override protected def appendValue(address: Long): Unit = {
    var axis = 0
    while (axis < array.nDims) {
      sizes.append(address + 8L * axis)
      axis += 1
    }
    val n = layout.count(address)
    if (layout.isBlock(address)) items.appendBlock(null, layout.first(address), n)
    else {
      items.reserve(n)
      layout.foreach(address)(items.append)
    }
    end()
  }

  override protected def readValue(in: ByteSource): Unit = {
    var n = 1L
    var axis = 0
    while (axis < array.nDims) {
      val size = in.long()
      sizes.appendLong(size)
      n *= size
      axis += 1
    }
    items.appendBlock(in.base, in.offset, n)
    in.skip(n * array.elementType.byteSize)
    end()
  }

  override protected def appendNothing(): Unit = end()

  private def end(): Unit = {
    shape.end()
    data.end()
  }

  override protected def appendElements(outer: PCanonicalArray, base: AnyRef, offset: Long, n: Int): Unit =
    appendEach(outer, offset, n)
}
