// On what terms the tasks of a node run: what the session says, and what counts what they do.
package org.beringia.spark

import org.apache.spark.sql.execution.metric.SQLMetric
import org.beringia.executor.Settings
import org.beringia.executor.memory.BatchLimits

final case class TaskTerms(settings: Map[String, String], limits: BatchLimits, metrics: JobMetrics)

object TaskTerms {

  /** @param metrics what [[JobMetrics.created]] gave */
  def of(conf: Map[String, String], metrics: Map[String, SQLMetric]): TaskTerms = {
    val settings = Settings.ours(conf)
    TaskTerms(settings, Settings.limits(settings), new JobMetrics(metrics))
  }
}
