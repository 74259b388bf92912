// numpyMap as a Java program calls it, and as Scala's implicits do (package.scala). All is lazy; refusals are
// BeringiaExceptions, thrown before anything runs.
package org.beringia.spark

import org.apache.spark.sql.{
  DataFrame,
  Dataset,
  Encoder,
  KeyValueGroupedDataset,
  RelationalGroupedDataset,
  SparkSession
}
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.types.DataType

object NumpyFront {

  /** A function of each group; see [[NumpyGroups.numpyMap]]. */
  def map(
      data: RelationalGroupedDataset,
      function: PythonFunction,
      returns: Returns,
      args: Args,
      options: NumpyOptions
  ): DataFrame = {
    val session = SparkInternals.data(data).sparkSession
    MapFront.groups(data, options.per, call(session, function, returns.dataType, args, options))
  }

  def map(data: RelationalGroupedDataset, function: PythonFunction, returns: Returns): DataFrame =
    map(data, function, returns, Args.none, NumpyOptions())

  /** A function of each row, batch or partition; see [[NumpyRows.numpyMap]]. */
  def map(
      data: Dataset[_],
      function: PythonFunction,
      returns: Returns,
      args: Args,
      options: NumpyOptions
  ): DataFrame =
    MapFront.rows(
      data.toDF(),
      options.per,
      call(data.sparkSession, function, returns.dataType, args, options)
    )

  def map(data: Dataset[_], function: PythonFunction, returns: Returns): DataFrame =
    map(data, function, returns, Args.none, NumpyOptions())

  /** A function that gives one `U` for each group; see [[NumpyTypedGroups.numpyMapGroups]]. */
  def mapGroups[K, V, U](
      data: KeyValueGroupedDataset[K, V],
      function: PythonFunction,
      encoder: Encoder[U],
      args: Args,
      options: NumpyOptions
  ): Dataset[(K, U)] = typed(data, function, encoder, args, options, many = false)

  /** A function that gives any number of `U` for each group. */
  def flatMapGroups[K, V, U](
      data: KeyValueGroupedDataset[K, V],
      function: PythonFunction,
      encoder: Encoder[U],
      args: Args,
      options: NumpyOptions
  ): Dataset[(K, U)] = typed(data, function, encoder, args, options, many = true)

  private def typed[K, V, U](
      data: KeyValueGroupedDataset[K, V],
      function: PythonFunction,
      encoder: Encoder[U],
      args: Args,
      options: NumpyOptions,
      many: Boolean
  ): Dataset[(K, U)] = {
    val groups = new TypedGroups(data)
    groups.map(encoder, many, options.per, call(groups.session, function, _, args, options))
  }

  /** The call of a function whose parameters Python reads. */
  private[spark] def call(
      session: SparkSession,
      function: PythonFunction,
      returns: DataType,
      args: Args,
      options: NumpyOptions
  ): MapCall = {
    val (fields, many) = MapFront.fields(returns)
    val binding = Binding.of(session, function, args, options)
    MapCall(
      Constants.pack(function.bytes, options.consts, binding.spec),
      binding.spec,
      binding.columns.map(SparkInternals.expression),
      options.keep.map(SparkInternals.expression),
      options.orderBy.map(SparkInternals.expression),
      fields,
      many,
      binding.batchBytes,
      options.window.map(_.windows)
    )
  }
}
