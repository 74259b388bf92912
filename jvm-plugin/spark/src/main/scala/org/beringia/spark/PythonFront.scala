// What the Python package calls over py4j: it has pickled the function and written the job's spec; what comes
// back is a lazy DataFrame. Refusals are BeringiaExceptions, thrown before anything runs.
package org.beringia.spark

import java.util.{List => JavaList}

import scala.collection.JavaConverters._
import scala.util.control.NonFatal

import org.apache.spark.sql.{Column, DataFrame, RelationalGroupedDataset, SparkSession}
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.types.{ArrayType, DataType, StructType}
import org.beringia.{BeringiaException, ErrorCode}

object PythonFront {

  /**
   * A function over the groups of `data.groupBy(...)`.
   *
   * @param function the pickled function; empty where the spec names a module's
   * @param spec the job's JSON (docs/jvm-boundary.md) without the fields that the JVM fills in
   * @param args a column for each entry of the spec's `arguments`
   * @param orderBy order of the rows within a group
   * @param returns JSON of the result's type: a struct (one row per group) or an array of struct (any number)
   * @return the grouping columns, then the fields of `returns`
   */
  def grouped(
      data: RelationalGroupedDataset,
      function: Array[Byte],
      spec: String,
      args: JavaList[Column],
      orderBy: JavaList[Column],
      returns: String
  ): DataFrame = {
    if (!SparkInternals.isGroupBy(data)) {
      throw refusal("numpy_map takes groupBy(...), not rollup, cube, grouping sets or pivot")
    }
    val (fields, many) = result(returns)
    new NumpyMapBuilder(
      SparkInternals.data(data),
      Some(SparkInternals.groupingExpressions(data)),
      function,
      spec,
      args.asScala.toList,
      orderBy.asScala.toList,
      fields,
      many
    ).build()
  }

  /** A function over every row of `data`; the parameters are those of [[grouped]]. */
  def rows(
      data: DataFrame,
      function: Array[Byte],
      spec: String,
      args: JavaList[Column],
      returns: String
  ): DataFrame = {
    val (fields, many) = result(returns)
    new NumpyMapBuilder(data, None, function, spec, args.asScala.toList, Nil, fields, many).build()
  }

  /** Adds Beringia to a session that runs without the plugin. */
  def attach(session: SparkSession): Unit = Attach.attach(session)

  private def result(returns: String): (StructType, Boolean) = {
    val dataType =
      try DataType.fromJson(returns)
      catch {
        case NonFatal(e) =>
          throw new BeringiaException(ErrorCode.ARGUMENT, s"returns is no type: $returns", e)
      }
    dataType match {
      case fields: StructType if fields.nonEmpty => (fields, false)
      case ArrayType(fields: StructType, _) if fields.nonEmpty => (fields, true)
      case other =>
        throw refusal(
          s"returns is ${other.catalogString}: it wants a struct of at least one field (one row per group) " +
            "or an array of such a struct (any number of rows)"
        )
    }
  }

  private def refusal(message: String) = new BeringiaException(ErrorCode.ARGUMENT, message)
}
