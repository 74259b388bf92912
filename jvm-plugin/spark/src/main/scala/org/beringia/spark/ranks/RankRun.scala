// One function as several ranks, each a task of a barrier stage (python/beringia/spark/ranks.py). The driver's Python is where
// they meet: it takes their questions, and has answers for them, by `exchange`. What they have for each other stays here.
package org.beringia.spark.ranks

import java.util.{List => JavaList}

import scala.collection.JavaConverters._

import org.apache.spark.TaskContext
import org.apache.spark.beringia.{DriverQuestions, QuestionLine, TaskSlots}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions.AttributeReference
import org.apache.spark.sql.types.BinaryType
import org.beringia.executor.{ArgumentColumn, FunctionBytes, JobSpec, NumpyFunction}
import org.beringia.spark.{JobMetrics, NumpyMapTask, Per, TaskTerms}
import org.beringia.spark.columns.InputColumn

final class RankRun(session: SparkSession) extends AutoCloseable {
  private[this] val context = session.sparkContext
  private[this] val questions = new DriverQuestions(context)
  private[this] val parts = new Parts

  /** How many ranks can run at once. */
  def slots: Int = TaskSlots.of(context)

  /** Whether that may become more by itself. */
  def mayGrow: Boolean = !context.isLocal

  /** Answers, then waits so long for questions; both as [[Parts]] has them. */
  def exchange(answers: Array[Byte], timeoutMillis: Long): Array[Byte] = {
    parts.answers(answers).foreach { case (attempt, rank, answer) => questions.answer(attempt, rank, answer) }
    parts.questions(questions.take(timeoutMillis))
  }

  /** Runs the stage; what each rank returned, in their order. */
  def run(function: FunctionBytes, spec: String, size: Int): JavaList[Array[Byte]] = {
    val task = new NumpyMapTask(
      Nil,
      Seq(InputColumn("answer", BinaryType, 0)),
      Seq(("question", BinaryType)),
      Per.Row,
      Seq(AttributeReference("answer", BinaryType)()),
      new NumpyFunction(function.bytes, RankRun.bound(spec), "ranks").ship(context),
      TaskTerms.of(session.conf.getAll, JobMetrics.created(context))
    )
    val name = questions.name
    val ranks = context.parallelize(0 until size, size).barrier().mapPartitions { _ =>
      val own = TaskContext.get()
      Iterator(new RankBatches(task, new QuestionLine(name, own), own).run())
    }
    try ranks.collect().toSeq.asJava
    finally questions.wake()
  }

  override def close(): Unit = questions.close()
}

object RankRun {

  /** The job of a rank: it is at one worker from its beginning to its end. */
  private def bound(json: String): String = {
    val spec = JobSpec.parse(json)
    spec.put("spread", false)
    JobSpec.part(spec, "policy").put("retries", 0)
    JobSpec.bound(spec, 0, Seq(ArgumentColumn(0, "binary", None)), Nil, Nil, many = false)
  }
}
