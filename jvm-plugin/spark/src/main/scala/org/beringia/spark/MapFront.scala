// What the fronts of Python and Scala have in common: from a call on groups or rows to its lazy DataFrame.
package org.beringia.spark

import scala.util.control.NonFatal

import org.apache.spark.sql.{AnalysisException, DataFrame, RelationalGroupedDataset}
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.types.{ArrayType, DataType, StructType}
import org.beringia.BeringiaException
import org.beringia.executor.JobSpec

object MapFront {

  /** Of each group of `data.groupBy(...)`. `per` is what the user asks for, if anything. */
  def groups(data: RelationalGroupedDataset, per: Option[String], call: MapCall): DataFrame = {
    if (!SparkInternals.isGroupBy(data)) throw otherGrouping
    keyed(SparkInternals.data(data), SparkInternals.groupingExpressions(data), per, call)
  }

  /** Of the rows of `data` with equal keys. */
  def keyed(data: DataFrame, keys: Seq[Expression], per: Option[String], call: MapCall): DataFrame = {
    per.foreach { name =>
      throw Refusal(s"per='$name' is for a DataFrame without groupBy: with groups a call gets a group")
    }
    build(data, keys, Per.Group, call)
  }

  /** Of each row, batch or partition of `data`, or of its windows. */
  def rows(data: DataFrame, per: Option[String], call: MapCall): DataFrame =
    if (call.windows.isDefined) keyed(data, Nil, per, call)
    else build(data, Nil, per.fold[Per](Per.Row)(Per.of), call)

  /** The type that a text describes, DDL or Spark's JSON: fields, or a type by itself. */
  def parse(returns: String): DataType =
    try if ("{\"".contains(returns.take(1))) DataType.fromJson(returns) else DataType.fromDDL(returns)
    catch {
      case NonFatal(e) => throw Refusal(s"returns is no schema that Spark can read: '$returns'", e)
    }

  /** The fields that a function returns, and whether it returns any number of rows. */
  def fields(returns: DataType): (StructType, Boolean) = returns match {
    case fields: StructType if fields.nonEmpty => (fields, false)
    case ArrayType(fields: StructType, _) if fields.nonEmpty => (fields, true)
    case _: StructType | ArrayType(_: StructType, _) => throw Refusal("returns has no field")
    case other => throw Refusal(
        "returns must name its fields: 'name type, …' for one row per group, 'array<struct<name: type, …>>' for " +
          s"many; got ${other.catalogString}"
      )
  }

  def otherGrouping: BeringiaException =
    Refusal("numpy_map takes groupBy(...), not rollup, cube, grouping sets or pivot")

  private def build(data: DataFrame, grouping: Seq[Expression], per: Per, call: MapCall): DataFrame =
    try new NumpyMapBuilder(data, grouping, per, call).build()
    catch {
      case e: AnalysisException =>
        // Spark's message, and a plan behind it.
        val reason = e.getSimpleMessage.split(";\n").head
        throw Refusal(
          s"a column that ${JobSpec.name(call.spec)} is to get cannot be found or computed: $reason\n" +
            s"The columns are ${SparkInternals.plan(data).output.map(_.name).mkString(", ")}. A required parameter " +
            "takes the column of its name, unless args names another.",
          e
        )
    }
}
