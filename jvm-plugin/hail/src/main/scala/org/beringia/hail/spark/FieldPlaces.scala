// The fields of a struct by how Spark's binary rows and Hail's regions have them: what lies the same in both is moved by its
// place alone.
package org.beringia.hail.spark

import is.hail.types.physical._
import org.beringia.hail.FieldOffsets

/**
 * @param wide fields of 64 bits
 * @param narrow fields of 32 bits
 * @param others all others
 * @param offsets where each field is, from the struct's start
 */
final class FieldPlaces private (
    val wide: Array[Int],
    val narrow: Array[Int],
    val others: Array[Int],
    val offsets: Array[Long]
)

object FieldPlaces {
  def of(struct: PBaseStruct): FieldPlaces = {
    val byWidth = struct.types.indices.groupBy { i =>
      struct.types(i) match {
        case _: PInt64 | _: PFloat64 => 8
        case _: PInt32 | _: PFloat32 => 4
        case _ => 0
      }
    }
    def those(width: Int): Array[Int] = byWidth.getOrElse(width, IndexedSeq.empty).toArray
    new FieldPlaces(those(8), those(4), those(0), FieldOffsets.of(struct))
  }
}
