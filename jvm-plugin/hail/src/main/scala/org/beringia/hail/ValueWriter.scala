// Values to Arrow columns in shared memory: one writer per column and nesting level. They come from a region, or as the
// bytes that grouping.ValueCodec made of them. The elements of a Hail array of numbers are an Arrow buffer already, and
// are copied whole.
package org.beringia.hail

import is.hail.types.physical._
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.hail.grouping.{ByteSource, ValueCodec}
import org.beringia.executor.memory.{Arena, SharedBuffer}

abstract class ValueWriter(arena: Arena) {
  protected val presence = new PresenceBits(arena)

  final def length: Long = presence.length

  /** Forgets the last batch; the arena has opened the buffers. */
  def begin(): Unit = presence.begin()

  /** Appends the value at `address`. */
  final def append(address: Long): Unit = {
    presence.appendPresent(1)
    appendValue(address)
  }

  final def appendMissing(): Unit = {
    presence.appendMissing()
    appendNothing()
  }

  /** Appends what comes next: a byte that says whether it is there, and the value. */
  final def read(in: ByteSource): Unit =
    if (in.byte() != 0) {
      presence.appendPresent(1)
      readValue(in)
    } else appendMissing()

  /** Appends all `n` elements of the array at `offset` of `base`, or at that address where `base` is null. */
  final def appendAll(array: PCanonicalArray, base: AnyRef, offset: Long, n: Int): Unit = if (n > 0) {
    if (array.elementType.required) presence.appendPresent(n.toLong)
    else presence.appendInverted(base, offset + array.missingBytesOffset, n)
    appendElements(array, base, offset, n)
  }

  protected def appendValue(address: Long): Unit

  protected def readValue(in: ByteSource): Unit

  /** Called before `n` values are appended one by one. */
  def reserve(n: Long): Unit = ()

  /** Keeps the place of a missing value. */
  protected def appendNothing(): Unit

  protected def appendElements(array: PCanonicalArray, base: AnyRef, offset: Long, n: Int): Unit

  /** Does so with elements that point to their values, which are in a region. */
  final protected def appendEach(array: PCanonicalArray, address: Long, n: Int): Unit = {
    var i = 0
    while (i < n) {
      if (array.isElementDefined(address, i)) appendValue(array.loadElement(address, n, i))
      else appendNothing()
      i += 1
    }
  }

  /** Appends that field of all `n` structs in the array at `address`; it is missing where the struct is. */
  def appendField(field: FieldLayout, structs: PCanonicalArray, address: Long, n: Int): Unit = {
    var i = 0
    while (i < n) {
      val struct = structs.elementOffset(address, n, i)
      if (structs.isElementDefined(address, i) && field.isDefined(struct)) append(field.load(struct))
      else appendMissing()
      i += 1
    }
  }

  /** Where its values are, after the validity. */
  def buffers: Seq[SharedBuffer]

  def children: Seq[ValueWriter]

  /** The address of the validity; 0 where nothing is missing. */
  final def validity: Long = presence.finish()

  /** Describes what was written. */
  final def finish(node: ArrowArrayStruct.Node): Unit = {
    node.setLength(length, presence.nullCount)
    node.setBuffer(0, validity)
    buffers.zipWithIndex.foreach { case (buffer, i) => node.setBuffer(1 + i, buffer.address) }
    children.zipWithIndex.foreach { case (child, i) => child.finish(node.child(i)) }
  }
}

object ValueWriter {

  /** The writer of a physical type. */
  def of(physical: PType, arena: Arena): ValueWriter = ArrowForms.storage(physical) match {
    case _: PBoolean => new BooleanWriter(arena)
    case _: PInt32 | _: PFloat32 | _: PCanonicalCall => new FixedWriter(arena, 4)
    case _: PInt64 | _: PFloat64 => new FixedWriter(arena, 8)
    case string: PCanonicalString => new StringWriter(arena, string)
    case array: PCanonicalArray => new ListWriter(arena, array)
    case struct: PCanonicalBaseStruct => new StructWriter(arena, struct)
    case array: PCanonicalNDArray => new NDArrayWriter(arena, array)
    case _ => ArrowForms.unexpected(physical)
  }
}

/** Values that Hail stores in place, each in as many bytes. */
abstract class PlainWriter(arena: Arena) extends ValueWriter(arena) {
  protected[this] val values: SharedBuffer

  final override def buffers: Seq[SharedBuffer] = Seq(values)

  final override def children: Seq[ValueWriter] = Nil

  /** Appends `n` values, all of them there, that lie from `offset` of `base` on, or from that address where it is null. */
  final def appendBlock(base: AnyRef, offset: Long, n: Long): Unit = {
    presence.appendPresent(n)
    copy(base, offset, n)
  }

  protected def copy(base: AnyRef, offset: Long, n: Long): Unit

  final override protected def appendElements(
      array: PCanonicalArray,
      base: AnyRef,
      offset: Long,
      n: Int
  ): Unit =
    copy(base, offset + array.elementsOffset(n), n.toLong)
}

/** Numbers, and calls, which are numbers. */
final class FixedWriter(arena: Arena, width: Int) extends PlainWriter(arena) {
  override protected[this] val values = new SharedBuffer(arena, 1024)

  override protected def appendValue(address: Long): Unit =
    if (width == 4) Platform.putInt(null, values.advance(4), Platform.getInt(null, address))
    else values.appendLong(Platform.getLong(null, address))

  override protected def readValue(in: ByteSource): Unit =
    if (width == 4) Platform.putInt(null, values.advance(4), in.int()) else values.appendLong(in.long())

  /** Appends a number of 64 bits that is there. */
  def appendLong(value: Long): Unit = {
    presence.appendPresent(1)
    values.appendLong(value)
  }

  override protected def appendNothing(): Unit =
    if (width == 4) Platform.putInt(null, values.advance(4), 0) else values.appendLong(0)

  override def reserve(n: Long): Unit = values.reserve(n * width)

  override protected def copy(base: AnyRef, offset: Long, n: Long): Unit = {
    val bytes = n * width
    Platform.copyMemory(base, offset, null, values.advance(bytes), bytes)
  }

  // Entries of a matrix come this way, millions of them: no call for a value, and presence eight at a time.
  override def appendField(field: FieldLayout, structs: PCanonicalArray, address: Long, n: Int): Unit = {
    val missing = address + structs.missingBytesOffset
    val required = structs.elementType.required
    val stride = structs.nextElementAddress(0)
    var struct = structs.firstElementOffset(address, n)
    var to = values.advance(n.toLong * width)
    var present = 0L
    var i = 0
    while (i < n) {
      val end = math.min(i + 8, n)
      var absent = if (required) 0 else Platform.getByte(null, missing + (i >> 3)).toInt
      var j = i
      while (j < end) { // what is missing has room too
        absent |= field.missingBit(struct)
        if (width == 4) Platform.putInt(null, to, Platform.getInt(null, struct + field.offset))
        else Platform.putLong(null, to, Platform.getLong(null, struct + field.offset))
        struct += stride
        to += width
        j += 1
      }
      if (absent == 0) present += end - i
      else {
        presence.appendPresent(present)
        present = 0
        while (i < end) {
          val back = (end - i).toLong
          if (structs.isElementDefined(address, i) && field.isDefined(struct - back * stride))
            presence.appendPresent(1)
          else {
            presence.appendMissing()
            if (width == 4) Platform.putInt(null, to - back * width, 0)
            else Platform.putLong(null, to - back * width, 0)
          }
          i += 1
        }
      }
      i = end
    }
    presence.appendPresent(present)
  }
}

/** Bytes to bits. */
final class BooleanWriter(arena: Arena) extends PlainWriter(arena) {
  override protected[this] val values = new SharedBuffer(arena, 64)
  private[this] var count = 0L

  override def begin(): Unit = {
    super.begin()
    count = 0
  }

  override protected def appendValue(address: Long): Unit = put(Platform.getByte(null, address) != 0)

  override protected def readValue(in: ByteSource): Unit = put(in.byte() != 0)

  override protected def appendNothing(): Unit = put(false)

  override protected def copy(base: AnyRef, offset: Long, n: Long): Unit = {
    var i = 0L
    while (i < n) {
      put(Platform.getByte(base, offset + i) != 0)
      i += 1
    }
  }

  private def put(value: Boolean): Unit = {
    if ((count & 7) == 0) Platform.putByte(null, values.advance(1), 0)
    if (value) {
      val at = values.address + (count >> 3)
      Platform.putByte(null, at, (Platform.getByte(null, at) | 1 << (count & 7).toInt).toByte)
    }
    count += 1
  }
}

final class StringWriter(arena: Arena, string: PCanonicalString) extends ValueWriter(arena) {
  private[this] val ends = new SharedBuffer(arena, 256)
  private[this] val bytes = new SharedBuffer(arena, 1024)
  private[this] val layout = string.binaryRepresentation

  override def begin(): Unit = {
    super.begin()
    ends.appendLong(0)
  }

  override protected def appendValue(address: Long): Unit = {
    val length = layout.loadLength(address).toLong
    Platform.copyMemory(null, layout.bytesAddress(address), null, bytes.advance(length), length)
    appendNothing()
  }

  override protected def readValue(in: ByteSource): Unit = {
    val length = in.int().toLong
    in.copyTo(bytes.advance(length), length)
    appendNothing()
  }

  override protected def appendNothing(): Unit = ends.appendLong(bytes.used)

  override protected def appendElements(array: PCanonicalArray, base: AnyRef, offset: Long, n: Int): Unit =
    appendEach(array, offset, n)

  override def buffers: Seq[SharedBuffer] = Seq(ends, bytes)

  override def children: Seq[ValueWriter] = Nil
}

final class ListWriter(arena: Arena, array: PCanonicalArray) extends ValueWriter(arena) {
  private[this] val ends = new SharedBuffer(arena, 256)
  private[this] val isBlock = ValueCodec.isBlock(array)

  /** Where the elements go. Those of a list that is written one by one are appended here, then `end()` is called. */
  val items: ValueWriter = ValueWriter.of(array.elementType, arena)

  override def begin(): Unit = {
    super.begin()
    items.begin()
    ends.appendLong(0)
  }

  /** Ends a list whose elements were appended one by one. */
  def end(): Unit = {
    presence.appendPresent(1)
    appendNothing()
  }

  override protected def appendValue(address: Long): Unit = {
    items.appendAll(array, null, address, array.loadLength(address))
    appendNothing()
  }

  override protected def readValue(in: ByteSource): Unit = {
    val n = in.int()
    if (isBlock) {
      items.appendAll(array, in.base, in.offset, n)
      in.skip(array.contentsByteSize(n))
    } else {
      var i = 0
      while (i < n) {
        items.read(in)
        i += 1
      }
    }
    appendNothing()
  }

  override protected def appendNothing(): Unit = ends.appendLong(items.length)

  // A matrix comes as an array of rows: its size is known before the first of them.
  override protected def appendElements(
      outer: PCanonicalArray,
      base: AnyRef,
      offset: Long,
      n: Int
  ): Unit = {
    var size = 0L
    var i = 0
    while (i < n) {
      if (outer.isElementDefined(offset, i)) size += array.loadLength(outer.loadElement(offset, n, i))
      i += 1
    }
    items.reserve(size)
    appendEach(outer, offset, n)
  }

  override def buffers: Seq[SharedBuffer] = Seq(ends)

  override def children: Seq[ValueWriter] = Seq(items)
}
