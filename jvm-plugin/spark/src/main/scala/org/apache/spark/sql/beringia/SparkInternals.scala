// What Beringia needs of Spark SQL beyond its public interface, and nothing else. It lives in Spark's package to reach
// what is private to it. What differs between the lines of Spark is in LineInternals, of which each has its own
// (src/main/spark-<line>).
package org.apache.spark.sql.beringia

import org.apache.spark.sql._
import org.apache.spark.sql.catalyst.analysis.Resolver
import org.apache.spark.sql.catalyst.encoders.{encoderFor, ExpressionEncoder}
import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression, SortOrder}
import org.apache.spark.sql.catalyst.optimizer.NormalizeFloatingNumbers
import org.apache.spark.sql.catalyst.plans.logical.{LogicalPlan, Sort}
import org.apache.spark.sql.execution.SparkStrategy
import org.apache.spark.sql.types.DataType

object SparkInternals extends LineInternals {

  /** The plan resolved as far as it goes, without Spark's check that it can run. */
  def resolved(session: SparkSession, plan: LogicalPlan): LogicalPlan =
    session.sessionState.analyzer.execute(plan)

  /** Whether two names are one. */
  def resolver(session: SparkSession): Resolver = session.sessionState.conf.resolver

  /** The strategies by which this session plans, in their order. */
  def strategies(session: SparkSession): Seq[SparkStrategy] = session.sessionState.planner.strategies

  def analyzed(data: DataFrame): LogicalPlan = data.queryExecution.analyzed

  /** Whether `groupBy` made it, not `rollup`, `cube`, `groupingSets` or `pivot`. */
  def isGroupBy(grouped: RelationalGroupedDataset): Boolean =
    hidden[AnyRef](grouped, "groupType") == GroupByType

  /** The columns of the values of `groupByKey`. */
  def valueColumns(grouped: KeyValueGroupedDataset[_, _]): Seq[Attribute] =
    hidden[Seq[Attribute]](grouped, "dataAttributes")

  /** The columns of the keys of `groupByKey`. */
  def keyColumns(grouped: KeyValueGroupedDataset[_, _]): Seq[Attribute] =
    hidden[Seq[Attribute]](grouped, "groupingAttributes")

  def keyEncoder[K](grouped: KeyValueGroupedDataset[K, _]): ExpressionEncoder[K] =
    encoderFor(hidden[Encoder[K]](grouped, KeyEncoder))

  def expressionEncoder[T](encoder: Encoder[T]): ExpressionEncoder[T] = encoderFor(encoder)

  /** An expression whose floats are equal where their bits are, nested ones too: -0.0 as 0.0, and one NaN. */
  def normalizedFloats(expression: Expression): Expression = NormalizeFloatingNumbers.normalize(expression)

  /** The same type with nulls allowed at every depth. */
  def nullable(dataType: DataType): DataType = dataType.asNullable

  /** The expression of a text of SQL. */
  def parseExpression(session: SparkSession, text: String): Expression =
    session.sessionState.sqlParser.parseExpression(text)

  /** What a text of SQL says after ORDER BY. */
  def parseOrder(session: SparkSession, text: String): Seq[SortOrder] =
    session.sessionState.sqlParser.parsePlan(s"SELECT 1 ORDER BY $text") match {
      case sort: Sort => sort.order
      case _ => throw analysisException(s"'$text' is no order")
    }

  /** Gives a table function to the session, as one that is temporary. */
  def addTableFunction(session: SparkSession, function: TableFunction): Unit =
    session.sessionState.tableFunctionRegistry.createOrReplaceTempFunction(
      function.name,
      function.build,
      "scala_udf"
    )

  /** Makes a setting of the session that its users cannot, unless it is made. */
  def setDefault(session: SparkSession, name: String, value: String): Unit = {
    val conf = session.sessionState.conf
    if (!conf.contains(name)) conf.setConfString(name, value)
  }

  /** What an object keeps to itself. */
  private def hidden[T](owner: AnyRef, name: String): T = {
    val field = owner.getClass.getDeclaredField(name)
    field.setAccessible(true)
    field.get(owner).asInstanceOf[T]
  }
}
