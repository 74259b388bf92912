// Keys as bytes that sort as Hail sorts the keys: compared without a sign, from the first byte on. So rows can be
// sorted and sent where they belong without their keys being taken apart again.
//
// Any value follows a byte that says whether it is there; what is missing comes last. Integers have their sign turned
// round, floats are ordered by Double.compare (-0.0 before 0.0, one NaN at the end), text ends with two zeros (and a
// zero in it is followed by 0xff), an array has a one before each element and a zero at its end.
package org.beringia.hail.grouping

import java.nio.charset.StandardCharsets

import is.hail.annotations.UnsafeRow
import is.hail.backend.HailStateManager
import is.hail.types.physical.{PString, PType}
import is.hail.types.virtual._
import is.hail.variant.{Locus, ReferenceGenome}
import org.apache.spark.sql.Row
import org.apache.spark.unsafe.Platform
import org.beringia.{BeringiaException, ErrorCode}

sealed abstract class KeyCodec extends Serializable {

  /** The most bytes that a value takes, if there is such a number. */
  def width: Option[Int]

  /** Writes a value as Hail has it on the JVM's heap; not null. */
  protected def write(value: Any, out: ByteSink): Unit

  protected def read(in: ByteSource): Any

  /** Writes the value at `address`. */
  protected def writeAt(physical: PType, address: Long, out: ByteSink): Unit =
    write(UnsafeRow.readAnyRef(physical, null, address), out)

  final def put(value: Any, out: ByteSink): Unit =
    if (value == null) putMissing(out)
    else {
      out.putByte(KeyCodec.Present)
      write(value, out)
    }

  final def putAt(physical: PType, address: Long, out: ByteSink): Unit = {
    out.putByte(KeyCodec.Present)
    writeAt(physical, address, out)
  }

  final def putMissing(out: ByteSink): Unit = out.putByte(KeyCodec.Missing)

  final def get(in: ByteSource): Any = if (in.byte() == KeyCodec.Missing) null else read(in)
}

object KeyCodec {
  private val Present = 0
  private val Missing = 1

  /** Turns the order of the value from `start` on round; what is missing stays last. */
  def reverse(out: ByteSink, start: Int): Unit = {
    val bytes = out.bytes
    if (bytes(start) == Present) {
      var i = start + 1
      while (i < out.length) {
        bytes(i) = (~bytes(i)).toByte
        i += 1
      }
    }
  }

  /** Whether Hail's order of keys of this type is known here. */
  def isKnown(keyType: Type): Boolean = keyType match {
    case TString => true
    case other => isKnownWithin(other)
  }

  // Strings only where KeyRanges sees them.
  private def isKnownWithin(keyType: Type): Boolean = keyType match {
    case TBoolean | TInt32 | TInt64 | TFloat32 | TFloat64 | TCall | _: TLocus => true
    case TArray(element) => isKnownWithin(element)
    case struct: TBaseStruct => struct.types.forall(isKnownWithin)
    case _ => false
  }

  /** How keys of a type whose order is known are written. */
  def of(keyType: Type, state: HailStateManager): KeyCodec = keyType match {
    case TBoolean => BooleanKey
    case TInt32 | TCall => Int32Key
    case TInt64 => Int64Key
    case TFloat32 => Float32Key
    case TFloat64 => Float64Key
    case TString => StringKey
    case TLocus(genome) => new LocusKey(state.referenceGenomes(genome))
    case TArray(element) => new ArrayKey(of(element, state))
    case struct: TBaseStruct => new StructKey(struct.types.map(of(_, state)))
    case _ => throw new BeringiaException(ErrorCode.INTERNAL, s"numpy_map met keys of type $keyType")
  }

  private def putInt(value: Int, out: ByteSink): Unit = out.putInt(Integer.reverseBytes(value))
  private def putLong(value: Long, out: ByteSink): Unit = out.putLong(java.lang.Long.reverseBytes(value))
  private def int(in: ByteSource): Int = Integer.reverseBytes(in.int())
  private def long(in: ByteSource): Long = java.lang.Long.reverseBytes(in.long())

  private object BooleanKey extends KeyCodec {
    override def width: Option[Int] = Some(2)
    override protected def write(value: Any, out: ByteSink): Unit =
      out.putByte(if (value.asInstanceOf[Boolean]) 1 else 0)
    override protected def read(in: ByteSource): Any = in.byte() != 0
  }

  private object Int32Key extends KeyCodec {
    override def width: Option[Int] = Some(5)
    override protected def write(value: Any, out: ByteSink): Unit =
      putInt(value.asInstanceOf[Int] ^ Int.MinValue, out)
    override protected def writeAt(physical: PType, address: Long, out: ByteSink): Unit =
      putInt(Platform.getInt(null, address) ^ Int.MinValue, out)
    override protected def read(in: ByteSource): Any = int(in) ^ Int.MinValue
  }

  private object Int64Key extends KeyCodec {
    override def width: Option[Int] = Some(9)
    override protected def write(value: Any, out: ByteSink): Unit =
      putLong(value.asInstanceOf[Long] ^ Long.MinValue, out)
    override protected def writeAt(physical: PType, address: Long, out: ByteSink): Unit =
      putLong(Platform.getLong(null, address) ^ Long.MinValue, out)
    override protected def read(in: ByteSource): Any = long(in) ^ Long.MinValue
  }

  private object Float32Key extends KeyCodec {
    override def width: Option[Int] = Some(5)
    override protected def write(value: Any, out: ByteSink): Unit = {
      val bits = java.lang.Float.floatToIntBits(value.asInstanceOf[Float])
      putInt(bits ^ (bits >> 31 | Int.MinValue), out)
    }
    override protected def read(in: ByteSource): Any = {
      val bits = int(in)
      java.lang.Float.intBitsToFloat(if (bits < 0) bits ^ Int.MinValue else ~bits)
    }
  }

  private object Float64Key extends KeyCodec {
    override def width: Option[Int] = Some(9)
    override protected def write(value: Any, out: ByteSink): Unit = {
      val bits = java.lang.Double.doubleToLongBits(value.asInstanceOf[Double])
      putLong(bits ^ (bits >> 63 | Long.MinValue), out)
    }
    override protected def read(in: ByteSource): Any = {
      val bits = long(in)
      java.lang.Double.longBitsToDouble(if (bits < 0) bits ^ Long.MinValue else ~bits)
    }
  }

  private object StringKey extends KeyCodec {
    override def width: Option[Int] = None
    override protected def write(value: Any, out: ByteSink): Unit = {
      val bytes = value.asInstanceOf[String].getBytes(StandardCharsets.UTF_8)
      text(bytes, Platform.BYTE_ARRAY_OFFSET.toLong, bytes.length, out)
    }
    override protected def writeAt(physical: PType, address: Long, out: ByteSink): Unit = physical match {
      case string: PString =>
        val layout = string.binaryRepresentation
        text(null, layout.bytesAddress(address), layout.loadLength(address), out)
      case _ => super.writeAt(physical, address, out)
    }
    private def text(base: AnyRef, offset: Long, length: Int, out: ByteSink): Unit = {
      var i = 0
      while (i < length) {
        val byte = Platform.getByte(base, offset + i)
        out.putByte(byte.toInt)
        if (byte == 0) out.putByte(0xff)
        i += 1
      }
      out.putByte(0)
      out.putByte(0)
    }
    override protected def read(in: ByteSource): Any = {
      val bytes = new java.io.ByteArrayOutputStream
      var byte = in.byte()
      while (byte != 0 || in.byte() != 0) {
        bytes.write(byte)
        byte = in.byte()
      }
      bytes.toString(StandardCharsets.UTF_8.name)
    }
  }

  /** Contigs have the order of the reference genome. */
  final private class LocusKey(genome: ReferenceGenome) extends KeyCodec {
    override def width: Option[Int] = Some(9)
    override protected def write(value: Any, out: ByteSink): Unit = {
      val locus = value.asInstanceOf[Locus]
      putInt(genome.getContigIndex(locus.contig), out)
      putInt(locus.position, out)
    }
    override protected def read(in: ByteSource): Any = {
      val contig = int(in)
      new Locus(genome.contigs(contig), int(in))
    }
  }

  final private class ArrayKey(element: KeyCodec) extends KeyCodec {
    override def width: Option[Int] = None
    override protected def write(value: Any, out: ByteSink): Unit = {
      value.asInstanceOf[Seq[Any]].foreach { item =>
        out.putByte(1)
        element.put(item, out)
      }
      out.putByte(0)
    }
    override protected def read(in: ByteSource): Any = {
      val items = IndexedSeq.newBuilder[Any]
      while (in.byte() != 0) items += element.get(in)
      items.result()
    }
  }

  final private class StructKey(fields: IndexedSeq[KeyCodec]) extends KeyCodec {
    override def width: Option[Int] =
      fields.map(_.width).foldLeft(Option(1))((sum, field) => sum.flatMap(n => field.map(_ + n)))
    override protected def write(value: Any, out: ByteSink): Unit = {
      val row = value.asInstanceOf[Row]
      fields.indices.foreach(i => fields(i).put(row.get(i), out))
    }
    override protected def read(in: ByteSource): Any = Row.fromSeq(fields.map(_.get(in)))
  }
}
