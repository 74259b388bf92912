// Beringia's exception as Spark knows exceptions: with a condition and parameters, which is what a Spark Connect server
// sends to its clients of each exception along a chain of causes (python/beringia/spark/connect/failures.py).
package org.beringia.spark

import java.util.{HashMap => JavaHashMap, Map => JavaMap}

import org.apache.spark.SparkThrowable
import org.beringia.BeringiaException

final class NumpyMapException(failure: BeringiaException)
    extends RuntimeException(failure.getMessage, failure)
    with SparkThrowable {

  /** `BERINGIA_` and the name of the code. */
  def getCondition: String = s"BERINGIA_${failure.getErrorCode}"

  /** What Spark 3.5 calls a condition. */
  override def getErrorClass: String = getCondition

  /** SQL's own state for what goes wrong in an external routine. */
  override def getSqlState: String = "38000"

  override def getMessageParameters: JavaMap[String, String] = {
    val parameters = new JavaHashMap[String, String]
    Seq(
      "code" -> failure.getCode.toString,
      "message" -> failure.getMessage,
      "group" -> failure.getGroup,
      "traceback" -> failure.getTraceback,
      "function" -> failure.getFunction
    ).foreach { case (name, value) => if (value != null) parameters.put(name, value) }
    parameters
  }

  /** One line: logs print the cause behind it, with all that it says. */
  override def toString: String = s"${getClass.getName}: [$getCondition]"
}

object NumpyMapException {

  /** Does `action`; what it throws of Beringia's is thrown as Spark knows it. */
  def wrapping[T](action: => T): T =
    try action
    catch { case failure: BeringiaException => throw new NumpyMapException(failure) }
}
