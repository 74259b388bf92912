// What ranks have for each other, on its way through the driver. Python, which says who gets what, sees numbers in its
// place: py4j would make text of it.
//
// A rank asks: a byte that says what it is, the length of the head, the head; then for each part how many will get it,
// its length, its bytes. It is answered: the length of the head, the head; then for each part its length, its bytes.
// Python gets of a question: attempt, rank, the number of its first part, the length of that byte and the head, these;
// and gives of an answer: attempt, rank, the length of the head, the head, how many parts there are, the number of
// each.
package org.beringia.spark.ranks

import java.nio.ByteBuffer

import scala.collection.mutable

import org.apache.spark.beringia.Question

private final class Parts {
  import Parts._

  private[this] val parts = mutable.Map.empty[Long, Part]
  private[this] var count = 0L

  /** Questions, for Python. */
  def questions(asked: Seq[Question]): Array[Byte] = {
    val taken = asked.map { question =>
      val first = count
      (question, first, keep(ByteBuffer.wrap(question.bytes)))
    }
    val buffer = ByteBuffer.allocate(taken.map { case (_, _, head) => HeadBytes + head.length }.sum)
    taken.foreach { case (question, first, head) =>
      buffer.putInt(question.attempt).putInt(question.from).putLong(first).putInt(head.length).put(head)
    }
    buffer.array
  }

  /** Python's answers, each with the attempt and the rank that it is for. */
  def answers(bytes: Array[Byte]): Seq[(Int, Int, Array[Byte])] = {
    val buffer = ByteBuffer.wrap(bytes)
    val answers = mutable.ArrayBuffer.empty[(Int, Int, Array[Byte])]
    while (buffer.hasRemaining) {
      val attempt = buffer.getInt
      val rank = buffer.getInt
      val head = take(buffer, buffer.getInt)
      val theirs = Array.fill(buffer.getInt)(part(buffer.getLong))
      val answer = ByteBuffer.allocate(4 + head.length + theirs.map(4 + _.length).sum)
      answer.putInt(head.length).put(head)
      theirs.foreach(bytes => answer.putInt(bytes.length).put(bytes))
      answers += ((attempt, rank, answer.array))
    }
    answers.toSeq
  }

  /** Keeps the parts of a question; what is before them. */
  private def keep(question: ByteBuffer): Array[Byte] = {
    val kind = question.get()
    if (kind != RankBatches.Asks) question.array
    else {
      val head = kind +: take(question, question.getInt)
      while (question.hasRemaining) {
        val uses = question.getInt
        parts(count) = new Part(take(question, question.getInt), uses)
        count += 1
      }
      head
    }
  }

  /** A part for one of those that get it; after the last it is gone. */
  private def part(number: Long): Array[Byte] = {
    val part = parts(number)
    part.uses -= 1
    if (part.uses <= 0) parts -= number
    part.bytes
  }

  private def take(buffer: ByteBuffer, length: Int): Array[Byte] = {
    val bytes = new Array[Byte](length)
    buffer.get(bytes): Unit
    bytes
  }
}

private object Parts {

  /** Bytes before those of a question's head. */
  private val HeadBytes = 20

  final class Part(val bytes: Array[Byte], var uses: Int)
}
