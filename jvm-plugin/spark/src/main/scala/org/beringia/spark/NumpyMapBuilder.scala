// Builds the plan of a numpy_map from the user's columns: analyses them, tells grouping columns from the
// others, refuses what cannot work, and puts the node between its two projections. Nothing runs.
package org.beringia.spark

import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.spark.sql.{AnalysisException, DataFrame, SparkSession}
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.catalyst.analysis.{Star, UnresolvedAlias, UnresolvedAttribute, UnresolvedFunction}
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical.{Aggregate, Expand, Filter, Generate, LogicalPlan, Project}
import org.apache.spark.sql.types.{StringType, StructType}
import org.beringia.executor.{ArgumentColumn, ExecutorRuntime, JobSpec, NumpyFunction}
import org.beringia.spark.columns.ArrowTypes
import org.beringia.spark.windows.{WindowInput, Windows}

/**
 * What the user asks for, beside the data.
 *
 * @param function the function's bytes, and its constants'
 * @param spec the job's spec, as the front writes it (docs/jvm-boundary.md)
 * @param args a column for each of the spec's arguments
 * @param keep columns that the output carries through
 * @param orderBy order of the rows within a group
 * @param returns the fields that the function returns
 * @param many whether it returns any number of rows per call
 * @param batchBytes bytes of a batch, where it is not the session's
 * @param windows what makes the groups of the rows with one key, if they are windows
 */
final case class MapCall(
    function: Array[Byte],
    spec: ObjectNode,
    args: Seq[Expression],
    keep: Seq[Expression],
    orderBy: Seq[Expression],
    returns: StructType,
    many: Boolean,
    batchBytes: Option[Long],
    windows: Option[Windows] = None
)

/** @param grouping the grouping expressions: with none, all rows are one group, or as `per` says */
final class NumpyMapBuilder(data: DataFrame, grouping: Seq[Expression], per: Per, call: MapCall) {
  import NumpyMapBuilder._

  private val session: SparkSession = data.sparkSession
  private val same = SparkInternals.resolver(session)
  private val returns =
    if (JobSpec.reportsErrors(call.spec)) call.returns.add(ErrorField, StringType) else call.returns

  def build(): DataFrame = {
    NumpyMapStrategy.require(session)
    requireSense()
    val keyExpressions = grouping.map(named)
    val grouped = project(keyExpressions)
    val windowed = call.windows.map(windowInput)
    val keyNames = grouped.projectList.map(_.name) ++ windowed.map(_.key.name)

    val keyOfArgument = call.args.map(keyNamed(_, keyNames))
    val otherArguments = call.args.zip(keyOfArgument).collect { case (arg, None) => named(arg) }
    val keepExpressions = call.keep.map(named)
    val orders = (call.orderBy ++ call.windows.map(_.column)).map {
      case order: SortOrder => order
      case expression => SortOrder(expression, Ascending)
    }

    // All in one analysis: every reference is resolved against the same plan.
    val all = project(
      keyExpressions ++ otherArguments ++ keepExpressions ++ orders.map(order => named(order.child))
    )
    if (timeWindows(all) > timeWindows(grouped)) {
      throw Refusal(
        "a time window leaves out rows, or repeats them: group by it, or add it to the DataFrame before numpy_map"
      )
    }
    val (keyColumns, rest) = all.projectList.splitAt(keyExpressions.length)
    val (argumentColumns, others) = rest.splitAt(otherArguments.length)
    val (keptColumns, orderColumns) = others.splitAt(keepExpressions.length)
    val outputNames = keyNames ++ keptColumns.map(_.name) ++ returns.fieldNames
    refuseTwice(outputNames)
    keyColumns.zip(keyNames).foreach { case (key, name) => ArrowTypes.requireKey(name, key.dataType) }
    val inputs = new Inputs
    val keys = keyColumns.map(inputs.key)
    val called = keys ++ windowed.map(_.key) // the keys that calls get
    val values = argumentColumns.map(inputs.attribute).iterator
    val passed = keyOfArgument.map {
      case Some(key) => called(key)
      case None => values.next()
    }
    val kept = keptColumns.map(inputs.unchanged)
    // A key that is kept under another name is an argument too: as a list, one value for each row.
    val arguments = (passed.filterNot(isAmong(called)) ++ kept).foldLeft(Seq.empty[Attribute]) {
      (distinct, argument) => if (isAmong(distinct)(argument)) distinct else distinct :+ argument
    }
    val sorted = orderColumns.map(column => inputs.attribute(windowed.fold(column)(_.position(column))))

    passed.filterNot(isAmong(called)).foreach(a => ArrowTypes.requireArgument(a.name, a.dataType))
    kept.foreach(column => ArrowTypes.requireKept(column.name, column.dataType))
    returns.foreach(field => ArrowTypes.requireResult(field.name, field.dataType))

    val columns = passed.map { argument =>
      ArgumentColumn(
        (called ++ arguments).indexWhere(_.exprId == argument.exprId),
        ArrowTypes.typeName(argument.dataType),
        ArrowTypes.udt(argument.dataType)
      )
    }
    val vectors = returns.indices.filter(i => ArrowTypes.udt(returns(i).dataType).isDefined)
    val keptIndices = kept.map(column => called.length + arguments.indexWhere(_.exprId == column.exprId))
    val input = Project(inputs.expressions, all.child)
    val rows =
      if (windowed.isDefined) windowedRows(input, keys)
      else if (per == Per.Group && GatheredGroups.areNeeded(keys, input)) {
        GatheredGroups.of(keys, arguments ++ sorted, input)
      } else GroupedRows(input)
    val (plan, block) = windowed.fold((rows.plan, Option.empty[Attribute]))(_.spread(rows.plan, sorted.last))
    val sortOrders = orders.zip(sorted).map { case (order, column) =>
      SortOrder(rows(column), order.direction, order.nullOrdering, Nil)
    }
    val fields = windowed.map(_.key).toSeq ++ kept.zip(keptColumns).map { case (column, named) =>
      AttributeReference(named.name, column.dataType, column.nullable, rows.metadata(named))()
    } ++ returns.map { field =>
      AttributeReference(field.name, SparkInternals.nullable(field.dataType), nullable = true)()
    }
    val function = new NumpyFunction(
      call.function,
      JobSpec.bound(call.spec, called.length, columns, keptIndices, vectors, call.many),
      JobSpec.name(call.spec),
      returns.fieldNames.toList
    )
    expect(function)
    val node = NumpyMap(
      keys,
      block,
      arguments.map(rows(_)),
      sortOrders,
      fields,
      function,
      windowed.fold(per)(_.per),
      call.batchBytes,
      plan
    )
    val output = node.output.zip(outputNames).map { case (column, name) => Alias(column, name)() }
    SparkInternals.frame(session, Project(inPlace(output, keys.length), node))
  }

  /** Where tasks run in this JVM, their workers start while Spark plans the job. */
  private def expect(function: NumpyFunction): Unit = {
    val context = session.sparkContext
    if (context.isLocal) ExecutorRuntime.expect(function.spec, context.getConf.getInt("spark.task.cpus", 1))
  }

  /** The output with the key of windows, which is behind the others, where the user has it. */
  private def inPlace(output: Seq[NamedExpression], others: Int): Seq[NamedExpression] =
    call.windows.fold(output) { windows =>
      val (before, behind) = output.splitAt(others)
      val (left, right) = before.splitAt(windows.place)
      left ++ behind.take(1) ++ right ++ behind.drop(1)
    }

  private def windowInput(windows: Windows): WindowInput = {
    val column =
      try project(Seq(named(windows.column))).projectList.head
      catch {
        case e: AnalysisException =>
          throw Refusal(
            s"by: column '${SparkInternals.columnName(windows.column)}' of a window cannot be found or computed: " +
              s"${e.getSimpleMessage.split(";\n").head}\nThe columns are " +
              SparkInternals.plan(data).output.map(_.name).mkString(", ")
          )
      }
    new WindowInput(windows, column.name, column.dataType)
  }

  /** Refuses rows of which windows are never whole. */
  private def windowedRows(input: LogicalPlan, keys: Seq[Attribute]): GroupedRows =
    if (input.isStreaming) {
      throw Refusal(
        "beringia.window makes windows of rows that are all there, and a stream's are not: group by F.window of a " +
          "column that has a watermark, which Spark keeps until event time has passed it, or call numpy_map on each " +
          "micro-batch, in a function for df.writeStream.foreachBatch(…)"
      )
    } else if (GatheredGroups.areNeeded(keys, input)) {
      throw Refusal("group by a session window or by beringia.window, and not by both")
    } else GroupedRows(input)

  /** Refuses what does not go together, whatever the columns. */
  private def requireSense(): Unit = {
    val parameters = JobSpec.parameters(call.spec)
    if (parameters.length != call.args.length) {
      throw Refusal(
        s"the spec names ${parameters.length} arguments, and there are ${call.args.length} columns"
      )
    }
    if (per == Per.Batch && !call.many) {
      throw Refusal(
        "per='batch' gives a call any rows of a partition, and how many such batches there are means nothing: " +
          "returns must be an array of struct, 'array<struct<name: type, …>>'"
      )
    }
    if (call.orderBy.nonEmpty && (per == Per.Row || per == Per.Batch)) {
      throw Refusal(s"order_by is the order within a group: it says nothing of a ${per}")
    }
    if (call.keep.nonEmpty && per.lists && !call.many) {
      throw Refusal(
        s"keep carries every row of a ${per} through, and the function returns one for each: returns must " +
          "be an array of struct, 'array<struct<name: type, …>>'"
      )
    }
    if (call.keep.nonEmpty && !per.lists && call.many) {
      throw Refusal("keep goes with one result row for each row: returns must be a struct")
    }
  }

  /** The expressions over the data, analysed; refuses those that would change its rows. */
  private def project(expressions: Seq[NamedExpression]): Project = {
    val input = SparkInternals.plan(data)
    val wanted = Project(expressions, input)
    SparkInternals.resolved(session, wanted) match {
      case _: Aggregate =>
        throw Refusal("an aggregate cannot be passed to numpy_map, which gets the rows of a group themselves")
      case _ => ()
    }
    SparkInternals.analyzed(SparkInternals.frame(session, wanted)) match {
      case project: Project if project.projectList.length != expressions.length =>
        throw Refusal("an expression of numpy_map stands for several columns: name each")
      case project: Project if generators(project) > generators(input) =>
        throw Refusal(
          "explode and its kin make several rows of one: call them on the DataFrame, before numpy_map"
        )
      case project: Project => project
      case other =>
        throw Refusal(s"numpy_map cannot take these expressions: ${other.nodeName} is in their plan")
    }
  }

  /** The grouping column that an argument calls by its output name. */
  private def keyNamed(arg: Expression, keyNames: Seq[String]): Option[Int] = arg match {
    case UnresolvedAttribute(parts) =>
      Some(keyNames.indexWhere(same(_, parts.mkString(".")))).filter(_ >= 0)
    case _ => None
  }

  private def refuseTwice(names: Seq[String]): Unit =
    names.indices.find(i => names.take(i).exists(same(_, names(i)))).foreach { i =>
      throw Refusal(
        s"the output has two columns named '${names(i)}': first come the grouping columns, then " +
          "those of keep, then the fields of returns"
      )
    }
}

object NumpyMapBuilder {

  /** The column that says what went wrong, with `on_error="column"`. */
  private val ErrorField = "error"

  /** What the projection below the node computes: each expression once, however often it is asked for. */
  private final class Inputs {
    // What was asked for, and the column that stands for it.
    private[this] var columns = Vector.empty[(Expression, NamedExpression)]

    def expressions: Seq[NamedExpression] = columns.map(_._2)

    /** A column; of a key the same as the key, a scalar for a group. */
    def attribute(column: NamedExpression): Attribute = find(column, _ => true).getOrElse(add(column, column))

    /** A column with the values that its rows have. */
    def unchanged(column: NamedExpression): Attribute =
      find(column, { case (asked, made) => value(made) eq asked }).getOrElse(add(column, column))

    /** A column of a key: equal floats are the same value, as in Spark's own groups. */
    def key(column: NamedExpression): Attribute = find(column, _ => true).getOrElse {
      val normalized = SparkInternals.normalizedFloats(value(column))
      if (normalized eq value(column)) add(column, column)
      else add(column, Alias(normalized, column.name)(explicitMetadata = Some(column.metadata)))
    }

    private def find(column: NamedExpression, fits: ((Expression, NamedExpression)) => Boolean) = {
      val expression = value(column)
      columns
        .find(known => expression.deterministic && known._1.semanticEquals(expression) && fits(known))
        .map(_._2.toAttribute)
    }

    private def add(asked: NamedExpression, made: NamedExpression): Attribute = {
      val added = made match {
        // A name of its own: the user may pass one alias of rand() twice, and wants two.
        case alias @ Alias(child, name) => Alias(child, name)(explicitMetadata = Some(alias.metadata))
        case attribute => attribute
      }
      columns :+= ((value(asked), added))
      added.toAttribute
    }

    private def value(column: NamedExpression): Expression = column match {
      case Alias(child, _) => child
      case attribute => attribute
    }
  }

  private def named(expression: Expression): NamedExpression = expression match {
    case _: Star => throw Refusal("numpy_map takes columns one by one, not '*'")
    case named: NamedExpression => named
    // Its name is what it resolves to: `window` of a time window.
    case function: UnresolvedFunction => UnresolvedAlias(function)
    case other => Alias(other, SparkInternals.columnName(other))()
  }

  private def isAmong(attributes: Seq[Attribute])(attribute: Attribute): Boolean =
    attributes.exists(_.exprId == attribute.exprId)

  private def generators(plan: LogicalPlan): Int = plan.collect { case generate: Generate => generate }.length

  /** Of a time window Spark makes these: rows without a time go, those of several windows come several times. */
  private def timeWindows(plan: LogicalPlan): Int =
    plan.collect { case node @ (_: Filter | _: Expand) => node }.length
}
