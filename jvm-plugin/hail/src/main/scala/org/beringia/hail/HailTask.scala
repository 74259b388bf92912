// What the driver sends to a node's tasks: all that they need, resolved.
package org.beringia.hail

import is.hail.backend.HailStateManager
import is.hail.types.physical.{PCanonicalStruct, PInt64, PType}
import is.hail.types.virtual.Type
import org.apache.spark.TaskContext
import org.apache.spark.broadcast.Broadcast
import org.beringia.bridge.{ArrowArrayStruct, ArrowField}
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.{BatchJob, NativeJob, ShippedFunction}
import org.beringia.executor.memory.{BatchLimits, SegmentSource}

/**
 * @param columns what crosses of each group
 * @param keyColumns how many of them, the first ones, are scalars of the key
 * @param fields what the function returns, by name
 * @param genomes those of its types (see [[Genomes]])
 * @param output the rows of the result: the key's fields, then `fields`, then the row's number, if asked for
 * @param numbered whether rows get a number that is theirs alone
 */
final class HailTask(
    val keys: GroupKeys,
    columns: GroupColumns,
    keyColumns: Int,
    fields: Seq[(String, Type)],
    genomes: Broadcast[HailStateManager],
    val output: PCanonicalStruct,
    val numbered: Boolean,
    function: ShippedFunction,
    settings: Map[String, String],
    limits: BatchLimits
) extends Serializable {

  /** Columns of a result that come before its fields. */
  val carried: Int = 1 + keyColumns

  /** How the fields come back. */
  val fieldTypes: IndexedSeq[PType] = fields.map { case (_, of) =>
    HailTask.returned(of)
  }.toIndexedSeq

  /** Opens the job in this executor's runtime. */
  def open(context: TaskContext): BatchJob = {
    val input = columns.schema
    val leading = (0 until carried).map(input.children.get)
    val results = fields.map { case (name, of) =>
      ArrowForms.field(name, of, Genomes.described(genomes.value))
    }
    NativeJob.open(settings, function, context, input, ArrowField.struct("", leading ++ results: _*))
  }

  def writer(source: SegmentSource): GroupWriter = new GroupWriter(columns, limits, source)

  def checkResult(array: Long): Unit = {
    val expected = carried + fields.length
    if (ArrowArrayStruct.children(array) != expected) {
      throw new BeringiaException(
        ErrorCode.PROTOCOL,
        s"a result has ${ArrowArrayStruct.children(array)} columns instead of $expected"
      )
    }
  }

  /** A number that no other row of the table has. */
  def rowNumber(partition: Int, row: Long): Long = (partition.toLong << HailTask.PartitionShift) + row
}

object HailTask {

  /** How values of a type are laid out in the result. */
  def returned(of: Type): PType = PType.canonical(ArrowForms.returned(of))

  val NumberType: PType = PInt64(true)
  private val PartitionShift = 40
}
