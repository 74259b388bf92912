// What the Python package calls over py4j. A lazy table comes back: the number of its IR in Hail's cache, and
// its type. Nothing of the query runs here.
package org.beringia.hail

import java.lang.reflect.{InvocationTargetException, Method}

import is.hail.backend.ExecuteContext
import is.hail.backend.driver.Py4JQueryDriver
import is.hail.expr.ir.{BaseIR, IRParser, TableIR, TableToTableApply}
import org.beringia.hail.grouping.{KeyCodec, KeysAlone}
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.FunctionBytes
import org.json4s.jackson.JsonMethods

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
      val keys = parsed.keysAlone.flatMap(ir => KeysAlone.of(ctx, IRParser.parse_table_ir(ctx, ir), rows))
      val node: TableIR = TableToTableApply(rows, new NumpyMapFunction(parsed, function.bytes, keys))
      val id = addJavaIR(driver, ctx, node)
      s"$id ${JsonMethods.compact(node.typ.toJSON)}"
    }
  }

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
