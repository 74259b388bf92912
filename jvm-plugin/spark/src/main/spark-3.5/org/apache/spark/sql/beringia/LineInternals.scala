// The part of SparkInternals that is written for each line of Spark: here for 3.5.
package org.apache.spark.sql.beringia

import org.apache.spark.sql._
import org.apache.spark.sql.catalyst.expressions.{Expression, FunctionTableSubqueryArgumentExpression}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.plans.physical.ClusteredDistribution
import org.apache.spark.sql.execution.QueryExecution

private[beringia] trait LineInternals {

  /** Analyses a plan into a DataFrame. */
  def frame(session: SparkSession, plan: LogicalPlan): DataFrame = Dataset.ofRows(session, plan)

  def plan(data: DataFrame): LogicalPlan = data.logicalPlan

  def query(grouped: KeyValueGroupedDataset[_, _]): QueryExecution = grouped.queryExecution

  def expression(column: Column): Expression = column.expr

  /** The name that Spark gives the column of an expression. */
  def columnName(expression: Expression): String = catalyst.util.toPrettySQL(expression)

  def data(grouped: RelationalGroupedDataset): DataFrame = grouped.df

  def groupingExpressions(grouped: RelationalGroupedDataset): Seq[Expression] = grouped.groupingExprs

  protected def GroupByType: AnyRef = RelationalGroupedDataset.GroupByType

  /** What a typed group calls the encoder of its keys. */
  protected val KeyEncoder = "kExprEnc"

  /** Rows with equal keys in one partition. */
  def clustered(keys: Seq[Expression]): ClusteredDistribution = ClusteredDistribution(keys)

  /** The table that an argument of a table function is, if it is one. */
  def tableArgument(argument: Expression): Option[TableArgument] = argument match {
    case table: FunctionTableSubqueryArgumentExpression =>
      Some(TableArgument(table.plan, partitionBy = Nil, singlePartition = false, orderBy = Nil))
    case _ => None
  }

  /** What the analysis of a query ends with. */
  def analysisException(message: String): AnalysisException = new AnalysisException(message) {}

  /** What clients have brought to a session: needs Spark 4. */
  def artifacts(session: SparkSession): Option[Artifacts] = None

  /** The settings by which a server of Spark Connect finds classes of ours, if it can use any, and these. */
  val ConnectClasses: Seq[(String, String)] = Nil
}
