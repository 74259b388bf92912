// A whole number made of a value within Spark's plans, by a function of ours. Generated code calls it by an interface of
// Java's: it finds no class of ours by name, whichever loader has the plugin.
package org.beringia.spark.windows

import java.util.function.{Function => JavaFunction}

import org.apache.spark.sql.catalyst.expressions.{Expression, UnaryExpression}
import org.apache.spark.sql.catalyst.expressions.codegen.{CodeGenerator, CodegenContext, ExprCode}
import org.apache.spark.sql.types.{DataType, LongType}

/** Gives a Long or null of what a row has, boxed. */
abstract class WholeFunction(name: String) extends JavaFunction[Any, Any] with Serializable {
  override def toString: String = name
}

/** @param child null where it is null */
final case class WholeOf(child: Expression, function: WholeFunction) extends UnaryExpression {
  override def dataType: DataType = LongType
  override def nullable: Boolean = true
  override def toString: String = s"$function($child)"

  override protected def nullSafeEval(value: Any): Any = function(value)

  override protected def doGenCode(ctx: CodegenContext, ev: ExprCode): ExprCode = {
    val reference = ctx.addReferenceObj("function", function, classOf[JavaFunction[_, _]].getName)
    val found = ctx.freshName("found")
    val boxed = CodeGenerator.boxedType(child.dataType)
    nullSafeCodeGen(
      ctx,
      ev,
      value =>
        s"""
           |Object $found = $reference.apply($boxed.valueOf($value));
           |${ev.isNull} = $found == null;
           |if (!${ev.isNull}) ${ev.value} = ((Long) $found).longValue();
         """.stripMargin
    )
  }

  override protected def withNewChildInternal(newChild: Expression): WholeOf = copy(child = newChild)
}
