// What Beringia needs of Spark SQL 3.5 beyond its public interface, and nothing else: the file to write anew for
// another line of Spark, with its sibling ExecutorInternals of the executor module. It lives in Spark's package to
// reach what is private to it.
package org.apache.spark.sql.beringia

import org.apache.spark.sql._
import org.apache.spark.sql.catalyst.encoders.{encoderFor, ExpressionEncoder}
import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression}
import org.apache.spark.sql.catalyst.optimizer.NormalizeFloatingNumbers
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.types.DataType

object SparkInternals {

  /** Analyses a plan into a DataFrame. */
  def frame(session: SparkSession, plan: LogicalPlan): DataFrame = Dataset.ofRows(session, plan)

  def plan(data: DataFrame): LogicalPlan = data.logicalPlan

  /** The plan resolved as far as it goes, without Spark's check that it can run. */
  def resolved(session: SparkSession, plan: LogicalPlan): LogicalPlan =
    session.sessionState.analyzer.execute(plan)

  def analyzed(data: DataFrame): LogicalPlan = data.queryExecution.analyzed

  def expression(column: Column): Expression = column.expr

  def data(grouped: RelationalGroupedDataset): DataFrame = grouped.df

  def groupingExpressions(grouped: RelationalGroupedDataset): Seq[Expression] = grouped.groupingExprs

  /** Whether `groupBy` made it, not `rollup`, `cube`, `groupingSets` or `pivot`. */
  def isGroupBy(grouped: RelationalGroupedDataset): Boolean = {
    val groupTypes = classOf[RelationalGroupedDataset].getDeclaredFields
      .filter(field => classOf[RelationalGroupedDataset.GroupType].isAssignableFrom(field.getType))
    groupTypes.forall { field =>
      field.setAccessible(true)
      field.get(grouped) == RelationalGroupedDataset.GroupByType
    }
  }

  /** The columns of the values of `groupByKey`. */
  def valueColumns(grouped: KeyValueGroupedDataset[_, _]): Seq[Attribute] = hidden(grouped, "dataAttributes")

  /** The columns of the keys of `groupByKey`. */
  def keyColumns(grouped: KeyValueGroupedDataset[_, _]): Seq[Attribute] =
    hidden(grouped, "groupingAttributes")

  def keyEncoder[K](grouped: KeyValueGroupedDataset[K, _]): ExpressionEncoder[K] = hidden(grouped, "kExprEnc")

  def expressionEncoder[T](encoder: Encoder[T]): ExpressionEncoder[T] = encoderFor(encoder)

  private def hidden[T](grouped: KeyValueGroupedDataset[_, _], name: String): T = {
    val field = classOf[KeyValueGroupedDataset[_, _]].getDeclaredField(name)
    field.setAccessible(true)
    field.get(grouped).asInstanceOf[T]
  }

  /** An expression whose floats are equal where their bits are, nested ones too: -0.0 as 0.0, and one NaN. */
  def normalizedFloats(expression: Expression): Expression = NormalizeFloatingNumbers.normalize(expression)

  /** The same type with nulls allowed at every depth. */
  def nullable(dataType: DataType): DataType = dataType.asNullable

  /** The strategies by which this session plans, in their order. */
  def strategies(session: SparkSession): Seq[Strategy] = session.sessionState.planner.strategies
}
