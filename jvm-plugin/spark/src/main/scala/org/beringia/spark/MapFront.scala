// What the fronts of Python and Scala have in common: from a call on groups or rows to its lazy DataFrame.
package org.beringia.spark

import org.apache.spark.sql.{DataFrame, RelationalGroupedDataset}
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.types.{ArrayType, DataType, StructType}
import org.beringia.{BeringiaException, ErrorCode}

object MapFront {

  /** Of each group of `data.groupBy(...)`. */
  def groups(data: RelationalGroupedDataset, call: MapCall): DataFrame = {
    if (!SparkInternals.isGroupBy(data)) {
      throw refusal("numpy_map takes groupBy(...), not rollup, cube, grouping sets or pivot")
    }
    if (call.per != Per.Group) {
      throw refusal(s"per='${call.per}' is for a DataFrame without groupBy: with groups a call gets a group")
    }
    new NumpyMapBuilder(SparkInternals.data(data), SparkInternals.groupingExpressions(data), call).build()
  }

  /** Of each row, batch or partition of `data`. */
  def rows(data: DataFrame, call: MapCall): DataFrame = {
    if (call.per == Per.Group) {
      throw refusal("without groupBy there are no groups: per is one of 'row', 'batch' and 'partition'")
    }
    new NumpyMapBuilder(data, Nil, call).build()
  }

  /** The fields that a function returns, and whether it returns any number of rows. */
  def fields(returns: DataType): (StructType, Boolean) = returns match {
    case fields: StructType if fields.nonEmpty => (fields, false)
    case ArrayType(fields: StructType, _) if fields.nonEmpty => (fields, true)
    case other =>
      throw refusal(
        s"returns is ${other.catalogString}: it wants a struct of at least one field (one row per group) " +
          "or an array of such a struct (any number of rows)"
      )
  }

  private def refusal(message: String) = new BeringiaException(ErrorCode.ARGUMENT, message)
}
