// Hail's types as Arrow's. What Arrow has no type for is a struct, list or number of an extension type, under the names of
// Hail's own Arrow schemas where these have one; the workers show and take it by that.
package org.beringia.hail

import is.hail.types.physical._
import is.hail.types.virtual._
import org.beringia.bridge.ArrowField
import org.beringia.{BeringiaException, ErrorCode}

object ArrowForms {

  /**
   * The Arrow field of a type.
   *
   * @param genome what is said of a reference genome, in JSON
   */
  def field(name: String, of: Type, genome: String => String = Genomes.named): ArrowField = {
    def struct(parts: (String, Type)*): ArrowField =
      ArrowField.struct(name, parts.map { case (part, partType) => field(part, partType, genome) }: _*)
    def list(element: Type): ArrowField = ArrowField.list(name, field("item", element, genome))
    of match {
      case TBoolean => ArrowField.of(name, "b")
      case TInt32 => ArrowField.of(name, "i")
      case TInt64 => ArrowField.of(name, "l")
      case TFloat32 => ArrowField.of(name, "f")
      case TFloat64 => ArrowField.of(name, "g")
      case TString => ArrowField.of(name, "U")
      case TCall => ArrowField.of(name, "i").tagged("hail.call", "")
      case TArray(element) => list(element)
      case TSet(element) => list(element).tagged("hail.set", "")
      case dict: TDict => list(dict.elementType).tagged("hail.dict", "")
      case TLocus(reference) =>
        struct("contig" -> TString, "position" -> TInt32).tagged("hail.locus", genome(reference))
      case TInterval(point) =>
        val flags = Seq("includes_start" -> TBoolean, "includes_end" -> TBoolean)
        struct(Seq("start" -> point, "end" -> point) ++ flags: _*).tagged("hail.interval", "")
      case array: TNDArray => struct(ndarray(array): _*).tagged("hail.ndarray", array.nDims.toString)
      case TStruct(fields) => struct(fields.map(f => f.name -> f.typ): _*).tagged("hail.struct", "")
      case tuple: TTuple =>
        struct(tuple.types.zipWithIndex.map { case (part, i) => i.toString -> part }: _*)
          .tagged("hail.tuple", "")
      case _ =>
        throw new BeringiaException(ErrorCode.ARGUMENT, s"'$name' has type $of, which has no Arrow form here")
    }
  }

  private def ndarray(array: TNDArray): Seq[(String, Type)] =
    Seq("shape" -> TArray(TInt64), "data" -> TArray(array.elementType))

  /** The type in which values come back: what only Hail can make, as it knows its order, comes as what it is made of. */
  def returned(of: Type): Type = of match {
    case TArray(element) => TArray(returned(element))
    case TSet(element) => TArray(returned(element))
    case TDict(key, value) => TArray(TStruct("key" -> returned(key), "value" -> returned(value)))
    case TInterval(point) => TInterval(returned(point))
    case array: TNDArray => TStruct(ndarray(array): _*)
    case struct: TStruct => TStruct(struct.fields.map(f => f.name -> returned(f.typ)): _*)
    case tuple: TTuple => TTuple(tuple.types.map(returned): _*)
    case other => other
  }

  /** The field of a row of entries: an array with one element for each column of the matrix, in every row. */
  def entries(name: String, of: Type): ArrowField = field(name, of).tagged("beringia.axis", "")

  /** The type that values of a physical type are stored as, where that is a struct or an array; else the type itself. */
  def storage(physical: PType): PType = physical match {
    case locus: PCanonicalLocus => locus.representation
    case interval: PCanonicalInterval => interval.representation
    case set: PCanonicalSet => set.arrayRep
    case dict: PCanonicalDict => dict.arrayRep
    case other => other
  }

  def unexpected(physical: PType): Nothing =
    throw new BeringiaException(ErrorCode.INTERNAL, s"numpy_map met values in an unexpected form: $physical")
}
