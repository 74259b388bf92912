// What a client of Spark Connect asks for: a numpy_map, or a name for a function in SQL.
package org.beringia.spark.connect

import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.connect.planner.SparkConnectPlanner
import org.beringia.spark.{MapFront, NumpyMapException}
import org.beringia.spark.sql.TableFunctions

/** Refusals are [[NumpyMapException]]s, which reach the client whole. */
object ConnectFront {

  /** The types that the extensions name. */
  val MapUrl = "beringia.org/numpy_map"
  val RegisterUrl = "beringia.org/register"

  /** The plan of a call, analysed. */
  def map(message: Array[Byte], planner: SparkConnectPlanner): LogicalPlan = NumpyMapException.wrapping {
    val sent = new ConnectCall(message, planner)
    val call = sent.mapCall
    SparkInternals.plan(
      if (sent.isGrouped) MapFront.keyed(sent.data, sent.keys, sent.text("per"), call)
      else MapFront.rows(sent.data, sent.text("per"), call)
    )
  }

  /** Gives a function a name in the SQL of the client's session. */
  def register(message: Array[Byte], planner: SparkConnectPlanner): Unit = NumpyMapException.wrapping {
    val sent = new ConnectCall(message, planner)
    sent.text("name").foreach { name =>
      SparkInternals.addTableFunction(sent.session, TableFunctions.named(name, sent.mapCall))
    }
  }
}
