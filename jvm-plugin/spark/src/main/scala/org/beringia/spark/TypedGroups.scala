// `groupByKey(...).mapGroups` with a NumPy function: what a function of each group gives, as a Dataset of keys
// and objects.
package org.beringia.spark

import org.apache.spark.sql.{Dataset, Encoder, Encoders, KeyValueGroupedDataset, SparkSession}
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.catalyst.encoders.ExpressionEncoder
import org.apache.spark.sql.catalyst.expressions.{Alias, Attribute, CreateNamedStruct, Expression, Literal}
import org.apache.spark.sql.catalyst.plans.logical.Project
import org.apache.spark.sql.types.{ArrayType, DataType}
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.JobSpec

final class TypedGroups[K, V](groups: KeyValueGroupedDataset[K, V]) {
  import TypedGroups._

  private val keyEncoder = SparkInternals.keyEncoder(groups)
  private val plan = SparkInternals.query(groups).analyzed

  val session: SparkSession = SparkInternals.query(groups).sparkSession

  /**
   * @param many whether the function gives any number of `U`, and not just one
   * @param call the call, for the type of its result
   */
  def map[U](
      encoder: Encoder[U],
      many: Boolean,
      per: Option[String],
      call: DataType => MapCall
  ): Dataset[(K, U)] = {
    val fields = SparkInternals.expressionEncoder(encoder)
    val wanted = call(if (many) ArrayType(fields.schema) else fields.schema)
    requireNothingBeside(wanted)
    // The key's columns get names that no column of a value has, as only the output is to call them `key`.
    val keys = SparkInternals.keyColumns(groups).zipWithIndex.map { case (key, i) =>
      Alias(key, s"__key_$i")()
    }
    val data = SparkInternals.frame(session, Project(SparkInternals.valueColumns(groups) ++ keys, plan))
    val named = keys.zip(keyNames).map { case (key, name) => Alias(key.toAttribute, name)() }
    val mapped = SparkInternals.analyzed(MapFront.keyed(data, named, per, wanted))
    val (keyColumns, fieldColumns) = mapped.output.splitAt(keys.length)
    val pair = Project(
      Seq(Alias(value(keyEncoder, keyColumns), "_1")(), Alias(value(fields, fieldColumns), "_2")()),
      mapped
    )
    SparkInternals.frame(session, pair).as(Encoders.tuple(keyEncoder, fields))
  }

  /** A flat key is called `key`; one of fields `key.field`. */
  private def keyNames: Seq[String] =
    if (keyEncoder.isSerializedAsStructForTopLevel)
      keyEncoder.schema.fieldNames.map(name => s"key.$name").toSeq
    else Seq("key")
}

object TypedGroups {

  /** The columns of a type as the one value that its encoder reads within a pair. */
  private def value(encoder: ExpressionEncoder[_], columns: Seq[Attribute]): Expression =
    if (encoder.isSerializedAsStructForTopLevel) {
      CreateNamedStruct(encoder.schema.fieldNames.toSeq.zip(columns).flatMap { case (name, column) =>
        Seq(Literal(name), column)
      })
    } else {
      columns.head
    }

  private def requireNothingBeside(call: MapCall): Unit =
    if (call.keep.nonEmpty || call.windows.isDefined || JobSpec.reportsErrors(call.spec)) {
      throw new BeringiaException(
        ErrorCode.ARGUMENT,
        "a Dataset of keys and objects has no place for further columns, and keep, windows and on_error='column' " +
          "give some: use groupBy and numpyMap"
      )
    }
}
