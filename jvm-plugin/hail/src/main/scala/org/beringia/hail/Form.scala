// What rows are compiled from, without what Hail numbers anew in each query: names of variables, and the ids by which
// it finds the expression that an error comes from, which are kept beside it. Queries that are written alike have the
// same form.
package org.beringia.hail

import is.hail.backend.ExecuteContext
import is.hail.expr.ir._
import is.hail.expr.ir.defs._
import is.hail.types.physical.PType
import is.hail.utils.HailException
import is.hail.utils.StackSafe._

import scala.collection.mutable.ArrayBuffer

/** @param arguments types of what `body` takes */
final case class Form private (arguments: Seq[PType], body: IR)

object Form {

  /** The form, and the ids that its query has where the form has numbers. */
  def of(ctx: ExecuteContext, arguments: Seq[PType], body: IR): (Form, ErrorIds) = {
    val ids = ArrayBuffer.empty[Int]
    val numbered = new Numbered(ids)(body).run().asInstanceOf[IR]
    (Form(arguments, NormalizeNames()(ctx, numbered)), new ErrorIds(ids.toArray))
  }
}

/** The ids of a query's expressions, by their numbers in its form. */
final class ErrorIds(ids: Array[Int]) extends Serializable {

  /** Does what was compiled from a form: an error names the expression of this query, not the one of another. */
  def naming[T](work: => T): T =
    try work
    catch {
      case e: HailException if ids.isDefinedAt(e.errorId) =>
        val named = new HailException(e.msg, e.logMsg, e.getCause, ids(e.errorId))
        named.setStackTrace(e.getStackTrace)
        throw named
    }
}

/** Gives expressions numbers in the order in which they stand. */
final private class Numbered(ids: ArrayBuffer[Int]) {
  private def number(id: Int): Int = {
    ids += id
    ids.length - 1
  }

  def apply(ir: BaseIR): StackFrame[BaseIR] = ir.mapChildrenStackSafe(apply).map {
    case x: Apply => x.copy(errorID = number(x.errorID))
    case x: ApplyIR => x.copy(errorID = number(x.errorID))
    case x: ApplySpecial => x.copy(errorID = number(x.errorID))
    case x: ArrayRef => x.copy(errorID = number(x.errorID))
    case x: ArraySlice => x.copy(errorID = number(x.errorID))
    case x: Die => x.copy(errorID = number(x.errorID))
    case x: MakeNDArray => x.copy(errorID = number(x.errorID))
    case x: NDArrayEigh => x.copy(errorID = number(x.errorID))
    case x: NDArrayInv => x.copy(errorID = number(x.errorID))
    case x: NDArrayMap2 => x.copy(errorID = number(x.errorID))
    case x: NDArrayMatMul => x.copy(errorID = number(x.errorID))
    case x: NDArrayQR => x.copy(errorID = number(x.errorID))
    case x: NDArrayRef => x.copy(errorID = number(x.errorID))
    case x: NDArrayReshape => x.copy(errorID = number(x.errorID))
    case x: NDArraySVD => x.copy(errorID = number(x.errorID))
    case x: StreamRange => x.copy(errorID = number(x.errorID))
    case x: StreamZip => x.copy(errorID = number(x.errorID))
    case other => other
  }
}
