// numpy_map as SQL has it, a function of a table:
//
//   SELECT * FROM numpy_map(TABLE(t) PARTITION BY (id) ORDER BY (day), 'pkg.mod:f', 'slope double', timeout => 30)
//   SELECT * FROM f(TABLE(t) PARTITION BY id)                   -- where beringia.spark.register gave f its name
//
// Spark calls a builder while it analyses the query, and puts the plan that it gives in the function's place. What is
// refused there is an AnalysisException.
package org.beringia.spark.sql

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.beringia.{SparkInternals, TableFunction}
import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.spark.{MapCall, MapFront, NumpyFront, NumpyMapException, NumpyOptions, PythonFunction}

object TableFunctions {

  /** The function that takes the name of another, of a module that workers import. */
  val numpyMap: TableFunction = function(
    "numpy_map",
    "(TABLE(t) PARTITION BY (key) ORDER BY (column), 'package.module:function', 'field type, …', option => value, …)",
    Seq("data", "function", "returns"),
    Seq("args", "consts", "missing", "nan_as_null", "on_error", "writable", "batch_bytes", "timeout")
  ) { (session, arguments) =>
    val options = NumpyOptions(
      consts = arguments.constants("consts"),
      missing = arguments.missing("missing"),
      nanAsNull = arguments.boolean("nan_as_null"),
      onError = arguments.optionalText("on_error").getOrElse("raise"),
      writable = arguments.boolean("writable"),
      batchBytes = arguments.size("batch_bytes"),
      timeout = arguments.number("timeout")
    )
    NumpyFront.call(
      session,
      PythonFunction.fromModule(arguments.text("function")),
      MapFront.parse(arguments.text("returns")),
      arguments.args("args"),
      options
    )
  }

  /** A function that was given a name, with a call that lacks what is of the table. */
  def named(name: String, call: MapCall): TableFunction =
    function(name, "(TABLE(t) PARTITION BY key ORDER BY column)", Seq("data"), Nil)((_, _) => call)

  /** What every call may say of its table, where its own clauses do not. */
  private val OfTable = Seq("by", "order_by", "keep", "per")

  private def function(name: String, usage: String, positional: Seq[String], options: Seq[String])(
      call: (SparkSession, SqlArguments) => MapCall
  ): TableFunction = {
    def build(expressions: Seq[Expression]): LogicalPlan =
      NumpyMapException.wrapping(try {
        val session = SparkSession.active
        val arguments = new SqlArguments(session, name, positional, OfTable ++ options, expressions)
        val rows = new SqlTable(session, arguments)
        rows.map(call(session, arguments))
      } catch {
        case e: BeringiaException if e.getErrorCode == ErrorCode.ARGUMENT =>
          throw SparkInternals.analysisException(s"$name: ${e.getMessage}")
      })
    TableFunction(name, s"$name$usage - Runs a NumPy function on each group of a table.", build)
  }
}
