// The relation that Beringia adds to Spark Connect, which a server makes as spark.connect.extensions.relation.classes
// names it.
package org.beringia.spark.connect

import java.util.Optional

import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.connect.planner.SparkConnectPlanner
import org.apache.spark.sql.connect.plugin.RelationPlugin
import org.sparkproject.connect.protobuf.{Any => Extension}

final class NumpyMapRelation extends RelationPlugin {
  override def transform(message: Array[Byte], planner: SparkConnectPlanner): Optional[LogicalPlan] = {
    val extension = Extension.parseFrom(message)
    if (extension.getTypeUrl != ConnectFront.MapUrl) Optional.empty()
    else Optional.of(ConnectFront.map(extension.getValue.toByteArray, planner))
  }
}
