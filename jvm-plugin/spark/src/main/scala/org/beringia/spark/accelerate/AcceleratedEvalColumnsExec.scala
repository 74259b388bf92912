// Scalar functions of PySpark on our workers where the child has columns: all go to shared memory, where the functions find
// what they are given; the results come to stand behind the columns, which stay where they are.
package org.beringia.spark.accelerate

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.expressions.{Alias, Attribute, AttributeSet}
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.spark.{Portion, TaskTerms}

/**
 * What the planner must know is as in Spark's EvalPythonExec.
 *
 * @param columns the child's, each once, and constants: what the functions are given comes first
 * @param results of the functions
 * @param takesBatches whether functions are given the child's batches as they are
 */
final case class AcceleratedEvalColumnsExec(
    kind: Kind,
    columns: Seq[Attribute],
    constants: Seq[Alias],
    function: AcceleratedFunction,
    results: Seq[Attribute],
    takesBatches: Boolean,
    child: SparkPlan
) extends UnaryExecNode
    with AcceleratedExec {

  override def takesColumns: Boolean = true

  override def output: Seq[Attribute] = child.output ++ results

  override def producedAttributes: AttributeSet = AttributeSet(results ++ constants.map(_.toAttribute))

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val schema = child.output ++ constants.map(_.toAttribute)
    val task = new PortionedTask(
      Nil,
      columns.zipWithIndex.map { case (column, i) =>
        inputColumn(schema, column).copy(name = s"_$i") // as Spark calls the series
      },
      output.map(field => (field.name, field.dataType)),
      if (takesBatches) Portion.AsTheyCome else Portion.Rows(conf.arrowMaxRecordsPerBatch),
      schema,
      function.ship(sparkContext),
      TaskTerms.of(conf.getAllConfs, metrics)
    )
    val beside = ConstantColumns(constants, child.output)
    mapInput(child)(input =>
      new AcceleratedBatches(task.run(beside(input), AcceleratedBatches.thrown), hidden = 0)
    )
  }

  override protected def withNewChildInternal(newChild: SparkPlan): AcceleratedEvalColumnsExec =
    copy(child = newChild)
}
