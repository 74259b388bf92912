// The part of SparkInternals that is written for each line of Spark: here for 3.5.
package org.apache.spark.sql.beringia

import org.apache.spark.sql._
import org.apache.spark.sql.catalyst.expressions.Expression
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

  /** The class that a server of Spark Connect reads relations of ours with, if the line has one. */
  val ConnectRelation: Option[String] = None
}
