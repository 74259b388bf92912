// What tasks ask of the driver's program, over Spark's own RPC. A question is answered when the program has an answer: nobody
// polls, and what Spark's barriers cost, a second each, is not paid. It lives in Spark's package as its RPC is private to it.
package org.apache.spark.beringia

import java.util.UUID
import java.util.concurrent.{ConcurrentHashMap, LinkedBlockingQueue, TimeUnit, TimeoutException}

import scala.collection.JavaConverters._
import scala.collection.mutable
import scala.concurrent.Await
import scala.concurrent.duration._

import org.apache.spark.{SparkContext, SparkEnv, SparkException, TaskContext}
import org.apache.spark.rpc.{RpcCallContext, RpcEnv, RpcTimeout, ThreadSafeRpcEndpoint}
import org.apache.spark.util.RpcUtils

/**
 * @param attempt of the stage: all tasks of a later one begin anew
 * @param from the task's partition
 */
final case class Question(attempt: Int, from: Int, bytes: Array[Byte])

/** The driver's end. A task has one question at a time. */
final class DriverQuestions(context: SparkContext) extends AutoCloseable {

  /** By which tasks find it. */
  val name = s"beringia-questions-${UUID.randomUUID}"

  private[this] val asked = new LinkedBlockingQueue[Question]
  private[this] val waiting = new ConcurrentHashMap[(Int, Int), RpcCallContext] // by attempt and partition

  private[this] val endpoint = context.env.rpcEnv.setupEndpoint(
    name,
    new ThreadSafeRpcEndpoint {
      override val rpcEnv: RpcEnv = context.env.rpcEnv

      override def receiveAndReply(caller: RpcCallContext): PartialFunction[Any, Unit] = {
        case (attempt: Int, from: Int, bytes: Array[Byte]) =>
          waiting.put((attempt, from), caller)
          asked.put(Question(attempt, from, bytes))
      }
    }
  )

  /** All questions that there are, waiting so long for the first. */
  def take(timeoutMillis: Long): Seq[Question] = {
    val questions = mutable.ArrayBuffer.empty[Question]
    Option(asked.poll(timeoutMillis, TimeUnit.MILLISECONDS)).foreach { first =>
      questions += first
      asked.drainTo(questions.asJava)
    }
    questions.filter(_ ne DriverQuestions.Nothing).toSeq
  }

  /** Has [[take]] return, now or when it is next called. */
  def wake(): Unit = asked.put(DriverQuestions.Nothing)

  /** Answers the task of a partition `to`, of that attempt. */
  def answer(attempt: Int, to: Int, bytes: Array[Byte]): Unit =
    Option(waiting.remove((attempt, to))).foreach(_.reply(bytes))

  override def close(): Unit = {
    context.env.rpcEnv.stop(endpoint)
    waiting.values.asScala.foreach(_.sendFailure(new SparkException("the driver answers no more questions")))
  }
}

object DriverQuestions {
  private val Nothing = Question(0, 0, Array.emptyByteArray)
}

/** A task's end. */
final class QuestionLine(name: String, context: TaskContext) {
  private[this] val driver = RpcUtils.makeDriverRef(name, SparkEnv.get.conf, SparkEnv.get.rpcEnv)

  /** Waits for the answer, as long as the task lives. */
  def ask(bytes: Array[Byte]): Array[Byte] = {
    val question = (context.stageAttemptNumber(), context.partitionId(), bytes)
    val answer = driver.ask[Array[Byte]](question, QuestionLine.Forever)
    while (!answer.isCompleted) {
      try Await.ready(answer, QuestionLine.Step)
      catch { case _: TimeoutException => () }
      context.killTaskIfInterrupted()
    }
    Await.result(answer, Duration.Zero)
  }
}

object QuestionLine {
  private val Step = 100.millis
  private val Forever = new RpcTimeout(365.days, "beringia's questions")
}

object TaskSlots {

  /** How many tasks of this application can run at once, as it stands. */
  def of(context: SparkContext): Int =
    context.maxNumConcurrentTasks(context.resourceProfileManager.defaultResourceProfile)
}
