// Scalar functions of PySpark on our workers: what they are given crosses to them; the rows that it is of stay here, and the
// results come to stand behind them.
package org.beringia.spark.accelerate

import org.apache.spark.TaskContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.metric.SQLMetric
import org.apache.spark.sql.execution.python.beringia.KeptRows
import org.beringia.spark.{Input, JobMetrics, Portion, TaskTerms}
import org.beringia.spark.columns.InputColumn

/**
 * What the planner must know is as in Spark's EvalPythonExec.
 *
 * @param arguments what the functions are given, each once
 * @param results of the functions
 */
final case class AcceleratedEvalExec(
    kind: Kind,
    arguments: Seq[Expression],
    function: AcceleratedFunction,
    results: Seq[Attribute],
    child: SparkPlan
) extends UnaryExecNode {

  override def nodeName: String = kind.node

  override def output: Seq[Attribute] = child.output ++ results

  override def producedAttributes: AttributeSet = AttributeSet(results)

  override lazy val metrics: Map[String, SQLMetric] = JobMetrics.created(sparkContext)

  override protected def doExecute(): RDD[InternalRow] = {
    val columns = child.output
    val ordinals = arguments.map(argument => columns.indexWhere(column => argument.semanticEquals(column)))
    val computed = if (ordinals.forall(_ >= 0)) Nil else arguments // nothing where they are the row's own
    val inputs = arguments.zip(ordinals).zipWithIndex.map { case ((argument, ordinal), i) =>
      InputColumn(
        s"_$i",
        argument.dataType,
        if (computed.isEmpty) ordinal else i
      ) // as Spark calls the series
    }
    val schema = if (computed.isEmpty) columns else arguments.map(AcceleratedEvalExec.column)
    val fields = results
    val outputs = fields.map(field => (field.name, field.dataType))
    val batchRows = conf.arrowMaxRecordsPerBatch
    val terms = TaskTerms.of(conf.getAllConfs, metrics)
    val task =
      if (kind.pulls) {
        val shipped = function.shipAlone(sparkContext)
        new PullingTask(None, inputs, outputs, batchRows, schema, shipped, terms)
      } else {
        val shipped = function.ship(sparkContext)
        new PortionedTask(Nil, inputs, outputs, Portion.Rows(batchRows), schema, shipped, terms)
      }
    val hidden = if (kind.pulls) 1 else 0
    child.execute().mapPartitions { rows =>
      val kept = new KeptRows(rows, columns, computed, TaskContext.get())
      kept.joined(
        new AcceleratedBatches(task.run(Input.Rows(kept), AcceleratedBatches.thrown), hidden, task.shown),
        fields
      )
    }
  }

  override protected def withNewChildInternal(newChild: SparkPlan): AcceleratedEvalExec =
    copy(child = newChild)
}

object AcceleratedEvalExec {

  /** An argument as a column. */
  def column(argument: Expression): Attribute = argument match {
    case attribute: Attribute => attribute
    case expression => AttributeReference("argument", expression.dataType, expression.nullable)()
  }
}
