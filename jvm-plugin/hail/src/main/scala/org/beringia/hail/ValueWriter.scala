// Values to Arrow columns in shared memory: one writer per column and nesting level. They come from a region, or as the
// bytes that grouping.ValueCodec made of them. The elements of a Hail array of numbers are an Arrow buffer already, and
// are copied whole.
package org.beringia.hail

import is.hail.types.physical._
import is.hail.types.virtual._
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.{ArrowArrayStruct, ArrowField}
import org.beringia.hail.grouping.{ByteSource, ValueCodec}
import org.beringia.{BeringiaException, ErrorCode}
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

  /** Describes what was written. */
  def finish(node: ArrowArrayStruct.Node): Unit = {
    node.setLength(length, presence.nullCount)
    node.setBuffer(0, presence.finish())
  }
}

object ValueWriter {

  /** The writer of a physical type. */
  def of(physical: PType, arena: Arena): ValueWriter = physical match {
    case _: PBoolean => new BooleanWriter(arena)
    case _: PInt32 | _: PFloat32 | _: PCanonicalCall => new FixedWriter(arena, 4)
    case _: PInt64 | _: PFloat64 => new FixedWriter(arena, 8)
    case string: PCanonicalString => new StringWriter(arena, string)
    case array: PCanonicalArray => new ListWriter(arena, array)
    case _ =>
      throw new BeringiaException(
        ErrorCode.INTERNAL,
        s"numpy_map met values in an unexpected form: $physical"
      )
  }

  /** The Arrow field of a type. */
  def field(name: String, dataType: Type): ArrowField = dataType match {
    case TBoolean => ArrowField.of(name, "b")
    case TInt32 | TCall => ArrowField.of(name, "i")
    case TInt64 => ArrowField.of(name, "l")
    case TFloat32 => ArrowField.of(name, "f")
    case TFloat64 => ArrowField.of(name, "g")
    case TString => ArrowField.of(name, "U")
    case TArray(element) => ArrowField.list(name, field("item", element))
    case _ =>
      throw new BeringiaException(
        ErrorCode.ARGUMENT,
        s"'$name' has type $dataType, which has no Arrow form here"
      )
  }
}

/** Numbers, and calls, which are numbers. */
final class FixedWriter(arena: Arena, width: Int) extends ValueWriter(arena) {
  private[this] val values = new SharedBuffer(arena, 1024)

  override protected def appendValue(address: Long): Unit =
    if (width == 4) Platform.putInt(null, values.advance(4), Platform.getInt(null, address))
    else values.appendLong(Platform.getLong(null, address))

  override protected def readValue(in: ByteSource): Unit =
    if (width == 4) Platform.putInt(null, values.advance(4), in.int()) else values.appendLong(in.long())

  override protected def appendNothing(): Unit =
    if (width == 4) Platform.putInt(null, values.advance(4), 0) else values.appendLong(0)

  override def reserve(n: Long): Unit = values.reserve(n * width)

  override protected def appendElements(array: PCanonicalArray, base: AnyRef, offset: Long, n: Int): Unit = {
    val bytes = n.toLong * width
    Platform.copyMemory(base, offset + array.elementsOffset(n), null, values.advance(bytes), bytes)
  }

  override def finish(node: ArrowArrayStruct.Node): Unit = {
    super.finish(node)
    node.setBuffer(1, values.address)
  }
}

/** Bytes to bits. */
final class BooleanWriter(arena: Arena) extends ValueWriter(arena) {
  private[this] val values = new SharedBuffer(arena, 64)
  private[this] var count = 0L

  override def begin(): Unit = {
    super.begin()
    count = 0
  }

  override protected def appendValue(address: Long): Unit = put(Platform.getByte(null, address) != 0)

  override protected def readValue(in: ByteSource): Unit = put(in.byte() != 0)

  override protected def appendNothing(): Unit = put(false)

  override protected def appendElements(array: PCanonicalArray, base: AnyRef, offset: Long, n: Int): Unit = {
    val from = offset + array.elementsOffset(n)
    var i = 0
    while (i < n) {
      put(Platform.getByte(base, from + i) != 0)
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

  override def finish(node: ArrowArrayStruct.Node): Unit = {
    super.finish(node)
    node.setBuffer(1, values.address)
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

  override def finish(node: ArrowArrayStruct.Node): Unit = {
    super.finish(node)
    node.setBuffer(1, ends.address)
    node.setBuffer(2, bytes.address)
  }
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

  override def finish(node: ArrowArrayStruct.Node): Unit = {
    super.finish(node)
    node.setBuffer(1, ends.address)
    items.finish(node.child(0))
  }
}
