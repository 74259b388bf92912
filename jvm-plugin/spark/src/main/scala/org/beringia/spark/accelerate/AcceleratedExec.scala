// What nodes for functions of PySpark have in common.
package org.beringia.spark.accelerate

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.metric.SQLMetric
import org.beringia.spark.JobMetrics
import org.beringia.spark.columns.{InputColumn, ResultVector}

/** A node that stands in the place of one of Spark's, and gives columns. */
trait AcceleratedExec extends SparkPlan {

  def kind: Kind

  override def nodeName: String = kind.node

  override lazy val metrics: Map[String, SQLMetric] = JobMetrics.create(sparkContext)

  override def supportsColumnar: Boolean = true

  override def supportsRowBased: Boolean = false

  override def vectorTypes: Option[Seq[String]] = Some(output.map(_ => classOf[ResultVector].getName))

  override protected def doExecute(): RDD[InternalRow] =
    throw new UnsupportedOperationException(s"$nodeName gives columns")

  /** Where `attribute` is in rows of `columns`. */
  protected def inputColumn(columns: Seq[Attribute], attribute: Attribute): InputColumn =
    InputColumn(attribute.name, attribute.dataType, columns.indexWhere(_.exprId == attribute.exprId))
}
