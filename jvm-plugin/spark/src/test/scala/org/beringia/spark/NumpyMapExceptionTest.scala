// What Spark Connect sends of Beringia's exception: everything that a client makes its own error of.
package org.beringia.spark

import scala.collection.JavaConverters._

import org.apache.spark.SparkThrowable
import org.beringia.BeringiaException
import org.junit.Assert._
import org.junit.Test

class NumpyMapExceptionTest {
  private val failure = new BeringiaException(1, "it raised\nTraceback …", "id=1", "Traceback …", null)

  @Test def itsParametersAreTheFieldsThatThereAre(): Unit = {
    val known: SparkThrowable = new NumpyMapException(failure)
    assertEquals(
      Map("code" -> "1", "message" -> failure.getMessage, "group" -> "id=1", "traceback" -> "Traceback …"),
      known.getMessageParameters.asScala.toMap
    )
    assertEquals("38000", known.getSqlState)
  }

  @Test def logsHaveItsCauseAndOneLine(): Unit = {
    val thrown = assertThrows(classOf[NumpyMapException], () => NumpyMapException.wrapping(throw failure))
    assertSame(failure, thrown.getCause)
    assertEquals(failure.getMessage, thrown.getMessage)
    assertEquals("org.beringia.spark.NumpyMapException: [BERINGIA_FUNCTION_RAISED]", thrown.toString)
  }

  @Test def whatIsNotOursStaysAsItIs(): Unit =
    assertThrows(
      classOf[IllegalStateException],
      () => NumpyMapException.wrapping(throw new IllegalStateException)
    ): Unit
}
