// Functions of PySpark on Spark 4, whose worker reads other bytes in each version: none is accelerated.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.internal.SQLConf
import org.beringia.spark.accelerate.PythonCommand

object PythonCommands {

  /** The command of `function` with arguments at `offsets`; or why there is none. */
  def of(function: Expression, offsets: Array[Int], conf: SQLConf): Either[String, PythonCommand] =
    Left("functions of PySpark are accelerated on Spark 3.5 only")
}
