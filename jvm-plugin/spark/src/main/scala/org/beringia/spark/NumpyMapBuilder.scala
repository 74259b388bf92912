// Builds the plan of a numpy_map from the user's columns: analyses them, tells grouping columns from the
// others, refuses what cannot work, and puts the node between its two projections. Nothing runs.
package org.beringia.spark

import org.apache.spark.sql.{Column, DataFrame, SparkSession}
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.catalyst.analysis.{Star, UnresolvedAttribute}
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical.{Aggregate, Generate, LogicalPlan, Project}
import org.apache.spark.sql.catalyst.util.toPrettySQL
import org.apache.spark.sql.types.StructType
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.spark.columns.ArrowTypes

/**
 * @param grouping the grouping expressions (none: one group of all rows); None where every row is a group
 * @param function the pickled function
 * @param specJson the job's spec, as the front writes it
 * @param args a column for each of the spec's arguments
 * @param orderBy order of the rows within a group
 * @param returns the fields that the function returns
 * @param many whether it returns any number of rows per group
 */
final class NumpyMapBuilder(
    data: DataFrame,
    grouping: Option[Seq[Expression]],
    function: Array[Byte],
    specJson: String,
    args: Seq[Column],
    orderBy: Seq[Column],
    returns: StructType,
    many: Boolean
) {
  import NumpyMapBuilder._

  private val session: SparkSession = data.sparkSession
  private val same = session.sessionState.conf.resolver
  private val spec = JobSpec.parse(specJson)

  def build(): DataFrame = {
    NumpyMapStrategy.require(session)
    val parameters = JobSpec.parameters(spec)
    if (parameters.length != args.length) {
      throw refusal(s"the spec names ${parameters.length} arguments, and there are ${args.length} columns")
    }
    val keyExpressions = grouping.getOrElse(Nil).map(named)
    val keyNames = project(keyExpressions).projectList.map(_.name)
    refuseTwice(keyNames ++ returns.fieldNames)

    val keyOfArgument = args.map(keyNamed(_, keyNames))
    val otherArguments = args.zip(keyOfArgument).collect { case (arg, None) =>
      named(SparkInternals.expression(arg))
    }
    val orders = orderBy.map(SparkInternals.expression).map {
      case order: SortOrder => order
      case expression => SortOrder(expression, Ascending)
    }

    // All in one analysis: every reference is resolved against the same plan.
    val all = project(keyExpressions ++ otherArguments ++ orders.map(order => named(order.child)))
    val (keyColumns, rest) = all.projectList.splitAt(keyExpressions.length)
    val (argumentColumns, orderColumns) = rest.splitAt(otherArguments.length)
    val inputs = new Inputs
    val keys = keyColumns.map(inputs.attribute)
    val others = argumentColumns.map(inputs.attribute).iterator
    val passed = keyOfArgument.map {
      case Some(key) => keys(key)
      case None => others.next()
    }
    val arguments = passed.filterNot(isAmong(keys)).foldLeft(Seq.empty[Attribute]) { (distinct, argument) =>
      if (isAmong(distinct)(argument)) distinct else distinct :+ argument
    }
    val sortOrders = orders.zip(orderColumns).map { case (order, column) =>
      SortOrder(inputs.attribute(column), order.direction, order.nullOrdering, Nil)
    }

    keys.zip(keyNames).foreach { case (key, name) => ArrowTypes.requireKey(name, key.dataType) }
    arguments.foreach(argument => ArrowTypes.requireArgument(argument.name, argument.dataType))
    returns.foreach(field => ArrowTypes.requireResult(field.name, field.dataType))

    val columns = passed.map { argument =>
      ((keys ++ arguments).indexWhere(_.exprId == argument.exprId), argument.dataType)
    }
    val node = NumpyMap(
      keys,
      arguments,
      sortOrders,
      returns.map(f => AttributeReference(f.name, SparkInternals.nullable(f.dataType), nullable = true)()),
      new NumpyFunction(function, JobSpec.bound(spec, keys.length, columns, many), JobSpec.name(spec)),
      grouping.isDefined,
      Project(inputs.expressions, all.child)
    )
    val output = node.output.zip(keyNames ++ returns.fieldNames).map { case (column, name) =>
      Alias(column, name)()
    }
    SparkInternals.frame(session, Project(output, node))
  }

  /** The expressions over the data, analysed; refuses those that would change its rows. */
  private def project(expressions: Seq[NamedExpression]): Project = {
    val input = SparkInternals.plan(data)
    val wanted = Project(expressions, input)
    SparkInternals.resolved(session, wanted) match {
      case _: Aggregate =>
        throw refusal("an aggregate cannot be passed to numpy_map, which gets the rows of a group themselves")
      case _ => ()
    }
    SparkInternals.analyzed(SparkInternals.frame(session, wanted)) match {
      case project: Project if project.projectList.length != expressions.length =>
        throw refusal("an expression of numpy_map stands for several columns: name each")
      case project: Project if generators(project) > generators(input) =>
        throw refusal(
          "explode and its kin make several rows of one: call them on the DataFrame, before numpy_map"
        )
      case project: Project => project
      case other =>
        throw refusal(s"numpy_map cannot take these expressions: ${other.nodeName} is in their plan")
    }
  }

  /** The grouping column that an argument calls by its output name. */
  private def keyNamed(arg: Column, keyNames: Seq[String]): Option[Int] =
    SparkInternals.expression(arg) match {
      case UnresolvedAttribute(Seq(name)) => Some(keyNames.indexWhere(same(_, name))).filter(_ >= 0)
      case _ => None
    }

  private def refuseTwice(names: Seq[String]): Unit =
    names.indices.find(i => names.take(i).exists(same(_, names(i)))).foreach { i =>
      throw refusal(
        s"the output has two columns named '${names(i)}': the grouping columns come first, then the fields of returns"
      )
    }
}

object NumpyMapBuilder {

  /** What the projection below the node computes: each expression once, however often it is asked for. */
  private final class Inputs {
    private[this] var columns = Vector.empty[NamedExpression]

    def expressions: Seq[NamedExpression] = columns

    def attribute(column: NamedExpression): Attribute = {
      val expression = value(column)
      columns
        .find(c => expression.deterministic && value(c).semanticEquals(expression))
        .getOrElse {
          val added = column match {
            // A name of its own: the user may pass one alias of rand() twice, and wants two.
            case Alias(child, name) => Alias(child, name)()
            case attribute => attribute
          }
          columns :+= added
          added
        }
        .toAttribute
    }

    private def value(column: NamedExpression): Expression = column match {
      case Alias(child, _) => child
      case attribute => attribute
    }
  }

  private def named(expression: Expression): NamedExpression = expression match {
    case _: Star => throw refusal("numpy_map takes columns one by one, not '*'")
    case named: NamedExpression => named
    case other => Alias(other, toPrettySQL(other))()
  }

  private def isAmong(attributes: Seq[Attribute])(attribute: Attribute): Boolean =
    attributes.exists(_.exprId == attribute.exprId)

  private def generators(plan: LogicalPlan): Int = plan.collect { case generate: Generate => generate }.length

  private def refusal(message: String) = new BeringiaException(ErrorCode.ARGUMENT, message)
}
