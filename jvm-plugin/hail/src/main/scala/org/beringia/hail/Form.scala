// What rows are compiled from, without what Hail numbers anew in each query: names of variables, and the ids by which
// it finds the expression that an error comes from. Queries that are written alike have the same form.
package org.beringia.hail

import is.hail.backend.ExecuteContext
import is.hail.expr.ir._
import is.hail.expr.ir.defs._
import is.hail.types.physical.PType
import is.hail.utils.StackSafe._

/** @param arguments types of what `body` takes */
final case class Form private (arguments: Seq[PType], body: IR)

object Form {
  def of(ctx: ExecuteContext, arguments: Seq[PType], body: IR): Form =
    Form(arguments, NormalizeNames()(ctx, anonymous(body).run().asInstanceOf[IR]))

  // An id that no expression has: compiled code that is kept would name one of another query. Not Hail's own for none,
  // with which its errors come with the whole trace of the JVM.
  private val Nowhere = -2

  private def anonymous(ir: BaseIR): StackFrame[BaseIR] = ir.mapChildrenStackSafe(anonymous).map {
    case x: Apply => x.copy(errorID = Nowhere)
    case x: ApplyIR => x.copy(errorID = Nowhere)
    case x: ApplySpecial => x.copy(errorID = Nowhere)
    case x: ArrayRef => x.copy(errorID = Nowhere)
    case x: ArraySlice => x.copy(errorID = Nowhere)
    case x: Die => x.copy(errorID = Nowhere)
    case x: MakeNDArray => x.copy(errorID = Nowhere)
    case x: NDArrayEigh => x.copy(errorID = Nowhere)
    case x: NDArrayInv => x.copy(errorID = Nowhere)
    case x: NDArrayMap2 => x.copy(errorID = Nowhere)
    case x: NDArrayMatMul => x.copy(errorID = Nowhere)
    case x: NDArrayQR => x.copy(errorID = Nowhere)
    case x: NDArrayRef => x.copy(errorID = Nowhere)
    case x: NDArrayReshape => x.copy(errorID = Nowhere)
    case x: NDArraySVD => x.copy(errorID = Nowhere)
    case x: StreamRange => x.copy(errorID = Nowhere)
    case x: StreamZip => x.copy(errorID = Nowhere)
    case other => other
  }
}
