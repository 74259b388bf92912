// Beringia for a session that runs already, started without the plugin: the strategy and the function of SQL are added to
// the session, and the first task opens the runtime. The jar must be on the class path of driver and executors by then.
package org.beringia.spark

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.beringia.SparkInternals
import org.beringia.spark.sql.TableFunctions

object Attach {

  /** Adds the strategy to this session, unless it is there. */
  def attach(session: SparkSession): Unit = {
    val present = session.experimental.extraStrategies
    if (!present.contains(NumpyMapStrategy)) {
      session.experimental.extraStrategies = present :+ NumpyMapStrategy
      SparkInternals.addTableFunction(session, TableFunctions.numpyMap)
    }
  }

  /** Says which Python the driver is, for its SQL. */
  def nameDriver(session: SparkSession, python: String): Unit =
    SparkInternals.setDefault(session, Interpreter.DriverSetting, python)

  /** Whether the session can plan `numpy_map`, by the plugin or by [[attach]]. */
  def isAttached(session: SparkSession): Boolean =
    SparkInternals.strategies(session).contains(NumpyMapStrategy)
}
