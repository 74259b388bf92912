// The part of SparkInternals that is written for each line of Spark: here for 4, whose public classes have two
// implementations: `classic` is the one with plans.
package org.apache.spark.sql.beringia

import java.nio.file.Path

import org.apache.spark.sql._
import org.apache.spark.sql.catalyst.expressions.{Expression, FunctionTableSubqueryArgumentExpression}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.plans.physical.ClusteredDistribution
import org.apache.spark.sql.classic.ClassicConversions._
import org.apache.spark.sql.execution.QueryExecution

private[beringia] trait LineInternals {

  /** Analyses a plan into a DataFrame. */
  def frame(session: SparkSession, plan: LogicalPlan): DataFrame = classic.Dataset.ofRows(session, plan)

  def plan(data: DataFrame): LogicalPlan = castToImpl(data).logicalPlan

  def query(grouped: KeyValueGroupedDataset[_, _]): QueryExecution =
    grouped.asInstanceOf[classic.KeyValueGroupedDataset[_, _]].queryExecution

  def expression(column: Column): Expression = classic.ColumnConversions.expression(column)

  /** The name that Spark gives the column of an expression. */
  def columnName(expression: Expression): String = prettySql(expression).asInstanceOf[String]

  def data(grouped: RelationalGroupedDataset): DataFrame = castToImpl(grouped).df

  def groupingExpressions(grouped: RelationalGroupedDataset): Seq[Expression] =
    castToImpl(grouped).groupingExprs

  protected def GroupByType: AnyRef = classic.RelationalGroupedDataset.GroupByType

  /** What a typed group calls the encoder of its keys. */
  protected val KeyEncoder = "kEncoder"

  /** Rows with equal keys in one partition. */
  def clustered(keys: Seq[Expression]): ClusteredDistribution =
    clusteredDistribution(keys).asInstanceOf[ClusteredDistribution]

  /** The table that an argument of a table function is, if it is one. */
  def tableArgument(argument: Expression): Option[TableArgument] = argument match {
    case table: FunctionTableSubqueryArgumentExpression =>
      Some(TableArgument(
        table.plan,
        table.partitionByExpressions,
        table.withSinglePartition,
        table.orderByExpressions
      ))
    case _ => None
  }

  /** What the analysis of a query ends with: without a condition that it knows, PySpark cannot show the message. */
  def analysisException(message: String): AnalysisException =
    new AnalysisException("TABLE_VALUED_FUNCTION_FAILED_TO_ANALYZE_IN_PYTHON", Map("msg" -> message))

  /** What clients of Spark Connect have brought to a session, if anything. */
  def artifacts(session: SparkSession): Option[Artifacts] = {
    val manager = castToImpl(session).artifactManager
    for {
      state <- Option(manager.state)
      files <- session.sparkContext.addedFiles.get(state.uuid) if files.nonEmpty
    } yield {
      // Public in Java alone.
      val path = manager.getClass.getMethod("artifactPath").invoke(manager).asInstanceOf[Path]
      Artifacts(state.uuid, files.keys.toSeq, path.resolve("pyfiles"))
    }
  }

  /** The settings by which a server of Spark Connect finds classes of ours, and these. */
  val ConnectClasses: Seq[(String, String)] = Seq(
    "spark.connect.extensions.relation.classes" -> "org.beringia.spark.connect.NumpyMapRelation",
    "spark.connect.extensions.command.classes" -> "org.beringia.spark.connect.RegisterCommand"
  )

  // Both have one parameter more in a later 4, and are called by what they have.
  private lazy val clusteredDistribution = new Defaults(ClusteredDistribution, "apply")
  private lazy val prettySql = new Defaults(catalyst.util.`package`, "toPrettySQL")
}

/** A method with default arguments, of which all but the first parameter take theirs, however many there are. */
private final class Defaults(owner: AnyRef, name: String) {
  private[this] val method = owner.getClass.getMethods.filter(_.getName == name).maxBy(_.getParameterCount)
  private[this] val rest =
    (2 to method.getParameterCount).map(i => owner.getClass.getMethod(s"$name$$default$$$i"))

  def apply(first: AnyRef): AnyRef = method.invoke(owner, first +: rest.map(_.invoke(owner)): _*)
}
