// Functions of PySpark over the groups of two children on our workers: the rows that Spark's own node would get, as groups in
// shared memory.
package org.beringia.spark.accelerate

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.expressions.{Ascending, Attribute, AttributeSet, SortOrder}
import org.apache.spark.sql.catalyst.plans.physical.{Distribution, Partitioning}
import org.apache.spark.sql.execution.{BinaryExecNode, SparkPlan}
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.spark.TaskTerms

/** The columns of one child: of its key, and those that the function is given, each once. */
final case class SideColumns(grouping: Seq[Attribute], columns: Seq[Attribute])

/** What the planner must know is as in Spark's FlatMapCoGroupsInPandasExec. */
final case class AcceleratedCogroupsExec(
    kind: Kind,
    leftColumns: SideColumns,
    rightColumns: SideColumns,
    function: AcceleratedFunction,
    override val output: Seq[Attribute],
    left: SparkPlan,
    right: SparkPlan
) extends BinaryExecNode
    with AcceleratedExec {

  private def sides = Seq(leftColumns, rightColumns)

  override def producedAttributes: AttributeSet = AttributeSet(output)

  override def requiredChildDistribution: Seq[Distribution] = sides.map(side => gathered(side.grouping))

  override def requiredChildOrdering: Seq[Seq[SortOrder]] =
    sides.map(_.grouping.map(SortOrder(_, Ascending)))

  override def outputPartitioning: Partitioning = left.outputPartitioning

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val hidden = leftColumns.grouping.length
    val task = new CogroupTask(
      side(left, leftColumns),
      side(right, rightColumns),
      output.map(field => (field.name, field.dataType)),
      function.ship(sparkContext),
      TaskTerms.of(conf.getAllConfs, metrics)
    )
    rowsOf(left).zipPartitions(rowsOf(right)) { (leftRows, rightRows) =>
      new AcceleratedBatches(task.run(leftRows, rightRows), hidden)
    }
  }

  private def side(input: SparkPlan, side: SideColumns) = CogroupSide(
    side.grouping.map(inputColumn(input.output, _)),
    side.columns.map(inputColumn(input.output, _)),
    input.output
  )

  override protected def withNewChildrenInternal(
      newLeft: SparkPlan,
      newRight: SparkPlan
  ): AcceleratedCogroupsExec = copy(left = newLeft, right = newRight)
}
