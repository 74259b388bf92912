// What Beringia needs of Spark 3.5 beyond its public interface, and nothing else: the file to write anew for
// another line of Spark. It lives in Spark's package to reach what is private to it.
package org.apache.spark.sql.beringia

import scala.util.Try

import org.apache.spark.{SparkEnv, TaskContext}
import org.apache.spark.internal.config
import org.apache.spark.memory.TaskMemoryManager
import org.apache.spark.sql._
import org.apache.spark.sql.catalyst.encoders.{encoderFor, ExpressionEncoder}
import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.types.DataType
import org.apache.spark.util.ShutdownHookManager
import org.apache.spark.util.collection.unsafe.sort.{PrefixComparator, RecordComparator, UnsafeExternalSorter}

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

  /** The same type with nulls allowed at every depth. */
  def nullable(dataType: DataType): DataType = dataType.asNullable

  /** The strategies by which this session plans, in their order. */
  def strategies(session: SparkSession): Seq[Strategy] = session.sessionState.planner.strategies

  /** The memory of the task, if there is a task. */
  def memory(context: TaskContext): Option[TaskMemoryManager] =
    Option(context).flatMap(context => Option(context.taskMemoryManager()))

  /**
   * A sorter of records that are bytes, in the task's share of memory, and on disk where that does not suffice. Its
   * task's end frees it.
   *
   * @param radix whether prefixes say all of the order: then memory is sorted by them alone
   */
  def sorter(
      context: TaskContext,
      comparator: RecordComparator,
      prefixes: PrefixComparator,
      radix: Boolean
  ): UnsafeExternalSorter = {
    val env = SparkEnv.get
    val memory = context.taskMemoryManager()
    UnsafeExternalSorter.create(
      memory,
      env.blockManager,
      env.serializerManager,
      context,
      () => comparator,
      prefixes,
      env.conf.get(config.SHUFFLE_SORT_INIT_BUFFER_SIZE).toInt,
      memory.pageSizeBytes,
      env.conf.get(config.SHUFFLE_SPILL_NUM_ELEMENTS_FORCE_SPILL_THRESHOLD),
      radix
    )
  }

  /** Runs `action` when the JVM shuts down, after Spark has stopped its contexts. */
  def onShutdown(action: () => Unit): Unit = {
    val afterContexts = ShutdownHookManager.SPARK_CONTEXT_SHUTDOWN_PRIORITY - 10
    // While the JVM shuts down no hook can be added, and none is needed.
    Try(ShutdownHookManager.addShutdownHook(afterContexts)(action)): Unit
  }
}
