package org.apache.spark.beringia

import scala.concurrent.Await
import scala.concurrent.duration._

import org.apache.spark.SparkEnv
import org.apache.spark.util.RpcUtils
import org.beringia.spark.TestSession
import org.junit.Assert._
import org.junit.Test

class DriverQuestionsTest {

  @Test def aTaskOfAnEarlierAttemptGetsNoAnswerOfALaterOnes(): Unit = {
    val questions = new DriverQuestions(TestSession.spark.sparkContext)
    try {
      val driver = RpcUtils.makeDriverRef(questions.name, SparkEnv.get.conf, SparkEnv.get.rpcEnv)
      def ask(attempt: Int) = driver.ask[Array[Byte]]((attempt, 0, Array.emptyByteArray))
      val later = ask(1)
      val earlier = ask(0)
      val asked = Iterator.continually(questions.take(10000)).flatten.take(2).map(_.attempt).toList
      assertEquals(List(1, 0), asked)
      questions.answer(1, 0, Array[Byte](7))
      assertArrayEquals(Array[Byte](7), Await.result(later, 10.seconds))
      assertFalse(earlier.isCompleted)
    } finally questions.close()
  }
}
