// What Beringia needs of Spark SQL beyond its public interface, and nothing else. It lives in Spark's package to reach
// what is private to it. What differs between the lines of Spark is in LineInternals, of which each has its own
// (src/main/spark-<line>).
package org.apache.spark.sql.beringia

import org.apache.spark.sql._
import org.apache.spark.sql.catalyst.analysis.Resolver
import org.apache.spark.sql.catalyst.encoders.{encoderFor, ExpressionEncoder}
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.execution.SparkStrategy
import org.apache.spark.sql.types.DataType

object SparkInternals extends LineInternals {

  /** The plan resolved as far as it goes, without Spark's check that it can run. */
  def resolved(session: SparkSession, plan: LogicalPlan): LogicalPlan = state(session).analyzer.execute(plan)

  /** Whether two names are one. */
  def resolver(session: SparkSession): Resolver = state(session).conf.resolver

  /** The strategies by which this session plans, in their order. */
  def strategies(session: SparkSession): Seq[SparkStrategy] = state(session).planner.strategies

  def analyzed(data: DataFrame): LogicalPlan = query(data).analyzed

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

  /** The same type with nulls allowed at every depth. */
  def nullable(dataType: DataType): DataType = dataType.asNullable

  /** What an object keeps to itself. */
  private def hidden[T](owner: AnyRef, name: String): T = {
    val field = owner.getClass.getDeclaredField(name)
    field.setAccessible(true)
    field.get(owner).asInstanceOf[T]
  }
}
