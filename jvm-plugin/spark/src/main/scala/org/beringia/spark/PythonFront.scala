// What the Python package calls over py4j: it has pickled the function and written the job's spec; what comes
// back is a lazy DataFrame. Refusals are BeringiaExceptions, thrown before anything runs.
package org.beringia.spark

import java.nio.file.{Files, Paths}
import java.util.{List => JavaList}

import scala.collection.JavaConverters._

import org.apache.spark.sql.{Column, DataFrame, RelationalGroupedDataset, SparkSession}
import org.apache.spark.sql.beringia.SparkInternals
import org.beringia.executor.{FunctionBytes, JobSpec}
import org.beringia.spark.accelerate.Explanation
import org.beringia.spark.sql.TableFunctions
import org.beringia.spark.windows.Windows

object PythonFront {

  def function(bytes: Array[Byte]): FunctionBytes = new FunctionBytes(bytes)

  /** The function in a file, which may go when the call returns. */
  def functionOfFile(path: String): FunctionBytes = new FunctionBytes(Files.readAllBytes(Paths.get(path)))

  /**
   * A function over groups, rows, batches or partitions.
   *
   * @param data what `groupBy(...)` gave, or a DataFrame
   * @param function the pickled function and its constants; empty where the spec names a module's
   * @param spec the job's JSON (docs/jvm-boundary.md) without the fields that the JVM fills in
   * @param args a column for each entry of the spec's `arguments`
   * @param keep columns that the output carries through
   * @param orderBy order of the rows within a group
   * @param returns the result's type, as DDL or JSON: a struct (one row per group) or an array of struct (any number)
   * @param per what a call gets, where the user says: `row`, `batch` or `partition`; else null
   * @param batchBytes in digits, or null for the session's setting
   * @param windowed the column that windows go over, or null
   * @param windows what is said of them, in JSON (see [[Windows]])
   * @return the grouping columns, the kept ones, then the fields of `returns`
   */
  def map(
      data: AnyRef,
      function: FunctionBytes,
      spec: String,
      args: JavaList[Column],
      keep: JavaList[Column],
      orderBy: JavaList[Column],
      returns: String,
      per: String,
      batchBytes: String,
      windowed: Column,
      windows: String
  ): DataFrame = {
    val mapped = call(function, spec, args, returns, batchBytes).copy(
      keep = keep.asScala.toList.map(SparkInternals.expression),
      orderBy = orderBy.asScala.toList.map(SparkInternals.expression),
      windows = Option(windowed).map { column =>
        Windows.parse(SparkInternals.expression(column), JobSpec.parse(windows))
      }
    )
    (data: @unchecked) match {
      case groups: RelationalGroupedDataset => MapFront.groups(groups, Option(per), mapped)
      case rows: DataFrame @unchecked => MapFront.rows(rows, Option(per), mapped)
    }
  }

  /** Gives a function a name in the SQL of a session. The parameters are those of [[map]]. */
  def register(
      session: SparkSession,
      name: String,
      function: FunctionBytes,
      spec: String,
      args: JavaList[Column],
      returns: String,
      batchBytes: String
  ): Unit = SparkInternals.addTableFunction(
    session,
    TableFunctions.named(name, call(function, spec, args, returns, batchBytes))
  )

  /** What is of the function, whatever its data. */
  private def call(
      function: FunctionBytes,
      spec: String,
      args: JavaList[Column],
      returns: String,
      batchBytes: String
  ): MapCall = {
    val (fields, many) = MapFront.fields(MapFront.parse(returns))
    MapCall(
      function.bytes,
      JobSpec.parse(spec),
      args.asScala.toList.map(SparkInternals.expression),
      keep = Nil,
      orderBy = Nil,
      fields,
      many,
      Option(batchBytes).map(_.toLong)
    )
  }

  /** Adds Beringia to a session that runs without the plugin. */
  def attach(session: SparkSession): Unit = Attach.attach(session)

  /** For each node of the plan of `data` that calls Python: its name, and why it is not accelerated, or nothing. */
  def explainAcceleration(data: DataFrame): JavaList[JavaList[String]] = Explanation.of(data)
}
