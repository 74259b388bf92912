// What the Python package calls over py4j. A lazy table comes back: the number of its IR in Hail's cache, and
// its type. Nothing of the query runs here.
package org.beringia.hail

import java.lang.reflect.{InvocationTargetException, Method}

import is.hail.backend.ExecuteContext
import is.hail.backend.driver.Py4JQueryDriver
import is.hail.expr.ir.{BaseIR, IRParser, TableIR, TableToTableApply}
import org.beringia.hail.exchange.{ImportPlan, TableExport, TableImport}
import org.beringia.hail.grouping.KeyCodec
import org.beringia.hail.spark.SparkRows
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.FunctionBytes
import org.apache.spark.sql.DataFrame
import org.json4s.jackson.JsonMethods

import scala.collection.JavaConverters._

object HailFront {

  /**
   * A function over groups of the rows of a table.
   *
   * @param driver Hail's
   * @param child IR of the table
   * @param plan JSON (see [[MapPlan]])
   * @param function the pickled function, then its constants
   * @return the number of the result's IR, a space, and its type as JSON
   */
  def numpyMap(driver: Py4JQueryDriver, child: String, plan: String, function: FunctionBytes): String = {
    val parsed = MapPlan.parse(plan)
    inContext(driver) { ctx =>
      val rows = IRParser.parse_table_ir(ctx, child)
      cached(driver, ctx, NumpyMapFunction.over(ctx, rows, parsed, function.bytes))
    }
  }

  /**
   * The rows of a table, to be brought to the driver's Python. What comes before them, such as a shuffle, runs now.
   *
   * @param child IR of the table
   */
  def exportTable(driver: Py4JQueryDriver, child: String): TableExport =
    inContext(driver)(ctx => new TableExport(CompiledRows.of(ctx, IRParser.parse_table_ir(ctx, child)).rvd))

  /**
   * A table of rows that Python has written to a file.
   *
   * @param child IR of any table: a node needs one, and its rows are not read
   * @param plan JSON (see [[ImportPlan]])
   * @return as [[numpyMap]]
   */
  def importTable(driver: Py4JQueryDriver, child: String, plan: String): String = inContext(driver) { ctx =>
    val rows = new TableImport(ImportPlan.parse(plan))
    cached(driver, ctx, TableToTableApply(IRParser.parse_table_ir(ctx, child), rows))
  }

  /**
   * The rows of a table as a DataFrame.
   *
   * @param child IR of the table, whose types Spark has
   */
  def toSpark(driver: Py4JQueryDriver, child: String): DataFrame =
    inContext(driver)(ctx => SparkRows.frame(CompiledRows.of(ctx, IRParser.parse_table_ir(ctx, child))))

  /**
   * A table of the rows of a DataFrame.
   *
   * @return as [[numpyMap]]
   */
  def fromSpark(driver: Py4JQueryDriver, frame: DataFrame, key: java.util.List[String]): String =
    inContext(driver)(ctx => cached(driver, ctx, SparkRows.table(ctx, frame, key.asScala.toIndexedSeq)))

  /** Whether rows can be brought together, and ordered, by values of this type; else that is left to Hail. */
  def canGroupBy(keyType: String): Boolean = KeyCodec.isKnown(IRParser.parseType(keyType))

  /** Whether this Hail has what [[numpyMap]] needs; otherwise says what is missing. */
  def probe(driver: Py4JQueryDriver): String =
    try {
      withExecuteContext(driver)
      adder(driver)
      inContext(driver)(ctx => ctx.stateManager.hashCode): Unit
      ""
    } catch {
      case e: BeringiaException => e.getMessage
      case e: LinkageError => e.toString
    }

  // Hail's methods for this are private; the first one is compiled to a public one with a long name. It takes
  // a lock of Hail's own: we take none.
  private def withExecuteContext(driver: Py4JQueryDriver): Method = driver.getClass.getMethods
    .find(m => m.getName.endsWith("$$withExecuteContext") && m.getParameterCount == 3)
    .getOrElse(throw unsupported("withExecuteContext"))

  private def adder(driver: Py4JQueryDriver): Method = {
    val found = driver.getClass.getDeclaredMethods
      .find(m => m.getName.endsWith("addJavaIR") && m.getParameterCount == 2)
      .getOrElse(throw unsupported("addJavaIR"))
    found.setAccessible(true)
    found
  }

  private def inContext[T](driver: Py4JQueryDriver)(action: ExecuteContext => T): T = {
    val method = withExecuteContext(driver)
    // Temporary files must outlive this call: the query runs later.
    val selfContained = java.lang.Boolean.FALSE
    invoke(method, driver, selfContained, action, sourcecode.Enclosing("org.beringia.hail.HailFront")) match {
      case (result, _) => result.asInstanceOf[T] // with timings, in some versions
      case result => result.asInstanceOf[T]
    }
  }

  private def cached(driver: Py4JQueryDriver, ctx: ExecuteContext, made: TableIR): String =
    s"${addJavaIR(driver, ctx, made)} ${JsonMethods.compact(made.typ.toJSON)}"

  private def addJavaIR(driver: Py4JQueryDriver, ctx: ExecuteContext, ir: BaseIR): Int =
    invoke(adder(driver), driver, ctx, ir).asInstanceOf[Int]

  private def invoke(method: Method, target: AnyRef, arguments: AnyRef*): Any =
    try method.invoke(target, arguments: _*)
    catch {
      case e: InvocationTargetException => throw e.getCause
    }

  private def unsupported(what: String) =
    new BeringiaException(ErrorCode.CONFIG, s"this version of Hail has no $what")
}
