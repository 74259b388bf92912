// The command that Beringia adds to Spark Connect, which a server makes as spark.connect.extensions.command.classes names
// it.
package org.beringia.spark.connect

import org.apache.spark.sql.connect.planner.SparkConnectPlanner
import org.apache.spark.sql.connect.plugin.CommandPlugin
import org.sparkproject.connect.protobuf.{Any => Extension}

final class RegisterCommand extends CommandPlugin {
  override def process(message: Array[Byte], planner: SparkConnectPlanner): Boolean = {
    val extension = Extension.parseFrom(message)
    val ours = extension.getTypeUrl == ConnectFront.RegisterUrl
    if (ours) ConnectFront.register(extension.getValue.toByteArray, planner)
    ours
  }
}
