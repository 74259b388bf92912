// Plans the logical node, and is the mark by which a session shows that it knows Beringia.
package org.beringia.spark

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.execution.{SparkPlan, SparkStrategy}
import org.beringia.{BeringiaException, ErrorCode}

object NumpyMapStrategy extends SparkStrategy {

  override def apply(plan: LogicalPlan): Seq[SparkPlan] = plan match {
    case NumpyMap(keys, block, arguments, orderBy, fields, function, per, batchBytes, child) =>
      NumpyMapExec(
        keys,
        block,
        arguments,
        orderBy,
        fields,
        function,
        per,
        batchBytes,
        planLater(child)
      ) :: Nil
    case _ => Nil
  }

  /** Refuses a session that could not plan the node. */
  def require(session: SparkSession): Unit =
    if (!SparkInternals.strategies(session).contains(this)) {
      throw new BeringiaException(
        ErrorCode.CONFIG,
        "this Spark session was started without Beringia. Build it with " +
          "SparkSession.builder.config(map=beringia.spark.conf()), before any other session, " +
          "or add Beringia to the running one with beringia.spark.attach(spark)."
      )
    }
}
