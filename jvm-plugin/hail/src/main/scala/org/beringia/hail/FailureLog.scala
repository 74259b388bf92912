// The typed errors of failed tasks, kept on the driver. Hail hands Python nothing but the text of an exception;
// the front asks here for the exception itself.
package org.beringia.hail

import java.util.concurrent.ConcurrentLinkedDeque

import org.apache.spark.{ExceptionFailure, SparkContext}
import org.apache.spark.scheduler.{SparkListener, SparkListenerTaskEnd}
import org.beringia.BeringiaException

import scala.annotation.tailrec
import scala.collection.JavaConverters._

object FailureLog {
  private val Kept = 64
  private val WaitMillis = 3000L
  private val StepMillis = 20L

  private val failures = new ConcurrentLinkedDeque[BeringiaException]
  private var watched: SparkContext = _

  /** Starts to keep the failures of a context's tasks. Doing it twice is doing it once. */
  def watch(context: SparkContext): Unit = synchronized {
    if (watched ne context) {
      watched = context
      failures.clear()
      context.addSparkListener(new Listener)
    }
  }

  /** The error whose message is part of `text`, what Hail said about a failure; null if there is none. */
  def find(text: String): BeringiaException = {
    // Listeners hear of a task's end a little after the query does.
    val end = System.currentTimeMillis + WaitMillis
    @tailrec
    def search(): BeringiaException =
      failures.asScala.find(e => text.contains(e.getMessage)) match {
        case Some(found) => found
        case None if System.currentTimeMillis < end =>
          Thread.sleep(StepMillis)
          search()
        case None => null
      }
    search()
  }

  final private class Listener extends SparkListener {
    override def onTaskEnd(event: SparkListenerTaskEnd): Unit = event.reason match {
      case failure: ExceptionFailure => failure.exception.flatMap(ours(_)).foreach(keep)
      case _ => ()
    }
  }

  @tailrec
  private def ours(e: Throwable, depth: Int = 0): Option[BeringiaException] = e match {
    case found: BeringiaException => Some(found)
    case null => None
    case _ => if (depth < 50) ours(e.getCause, depth + 1) else None
  }

  private def keep(e: BeringiaException): Unit = {
    failures.addFirst(e)
    while (failures.size > Kept) failures.pollLast(): Unit
  }
}
