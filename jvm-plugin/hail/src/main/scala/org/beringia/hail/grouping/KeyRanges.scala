// What one pass over the rows says of their keys: whether they lie in order already, and if not, which range of keys
// each partition shall get, so that all get about as many rows.
package org.beringia.hail.grouping

import is.hail.asm4s.HailClassLoader
import is.hail.backend.HailStateManager
import is.hail.rvd.{RVDContext, RVDPartitioner}
import is.hail.sparkextras.ContextRDD
import is.hail.sparkextras.ContextRDD.Element
import is.hail.types.virtual.TStruct
import is.hail.utils.Interval
import org.apache.spark.{InterruptibleIterator, TaskContext}
import org.apache.spark.sql.Row
import org.beringia.{BeringiaException, ErrorCode}

import scala.collection.mutable

/**
 * The keys of a partition that has rows.
 *
 * @param grouped whether its rows are in the order of their groups' keys
 * @param sorted whether they are in the order of their sort keys
 * @param first,last the sort keys of its first and last row
 * @param least,greatest its groups' keys are between these
 * @param sample some of its keys, each with the same chance
 */
final case class PartitionKeys(
    index: Int,
    rows: Long,
    grouped: Boolean,
    sorted: Boolean,
    first: Array[Byte],
    last: Array[Byte],
    least: Array[Byte],
    greatest: Array[Byte],
    sample: Array[Array[Byte]]
)

/**
 * Partitions of rows in the order of their keys, each made of some of those that there were.
 *
 * @param ends their greatest keys
 * @param partitions those that there were, in their order
 * @param from,to which of these each is made of; the first and the last may have rows of its neighbours, too
 */
final case class KeyBlocks(
    ends: Array[Array[Byte]],
    partitions: IndexedSeq[PartitionKeys],
    from: Array[Int],
    to: Array[Int]
) {

  /** What tasks need of it. */
  def keys: BlockKeys =
    BlockKeys(ends, from, partitions.map(_.least).toArray, partitions.map(_.greatest).toArray)
}

/** @param least,greatest the groups' keys of the partitions that there were are between these */
final case class BlockKeys(
    ends: Array[Array[Byte]],
    from: Array[Int],
    least: Array[Array[Byte]],
    greatest: Array[Array[Byte]]
)

final class KeyRanges(layout: RecordLayout, partitions: IndexedSeq[PartitionKeys], count: Int) {
  import KeyRanges._
  private[this] val ordering = KeyBytes.ordering

  def isEmpty: Boolean = partitions.isEmpty

  private[this] val ordered = partitions.sortBy(_.greatest)(ordering).sortBy(_.least)(ordering)

  /** No group's key is before it. */
  def least: Array[Byte] = partitions.map(_.least).min(ordering)

  private def eachPair(isRight: (PartitionKeys, PartitionKeys) => Boolean): Boolean =
    ordered.zip(ordered.drop(1)).forall(isRight.tupled)

  /**
   * The ranges that the partitions have already, if their rows need not move but for a key that some share. If many share
   * it, they had better move: else one task would do the work of all of these.
   */
  def inOrder: Option[KeyBlocks] = {
    val apart = eachPair((left, right) => ordering.lteq(left.greatest, right.least))
    val boundsArePlain = ordered.init.forall(partition => isPlain(layout.key(partition.greatest)))
    if (apart && boundsArePlain && partitions.forall(_.grouped)) {
      val lasts = ordered.indices.filter { i =>
        i == ordered.indices.last || ordering.gt(ordered(i + 1).greatest, ordered(i).greatest)
      }
      val ends = lasts.map(ordered(_).greatest).toArray
      val from = 0 +: lasts.init.map(_ + 1)
      val to = lasts.zip(ends).map { case (last, end) =>
        val beyond = ordered.indexWhere(partition => ordering.gt(partition.least, end), last + 1)
        (if (beyond < 0) ordered.length else beyond) - 1
      }
      if (from.zip(to).forall { case (first, last) => last - first < MostTogether })
        Some(KeyBlocks(ends, ordered, from.toArray, to.toArray))
      else None
    } else None
  }

  /** Whether the rows of these partitions, one after the other, are in the order of their sort keys. */
  def isSorted: Boolean =
    partitions.forall(_.sorted) && eachPair((left, right) => ordering.lteq(left.last, right.first))

  /** The greatest keys of partitions that all have about as many rows, if rows are sent to them; at most `count`. */
  def balanced: Array[Array[Byte]] = {
    val weighted = for {
      partition <- partitions
      key <- partition.sample
    } yield (key, partition.rows.toDouble / partition.sample.length)
    val share = weighted.map(_._2).sum / count
    val found = mutable.ArrayBuffer.empty[Array[Byte]]
    val greatest = partitions.map(_.greatest).max(ordering)
    var reached = 0.0
    weighted.sortBy(_._1)(ordering).foreach { case (key, weight) =>
      reached += weight
      val isDue = found.length < count - 1 && reached >= share * (found.length + 1)
      val isNew = found.isEmpty || ordering.gt(key, found.last)
      if (isDue && isNew && ordering.lt(key, greatest) && isPlain(layout.key(key))) found += key
    }
    (found += greatest).toArray
  }

  /** The partitioner of partitions with these greatest keys. */
  def partitioner(ends: Array[Array[Byte]], keyType: TStruct, state: HailStateManager): RVDPartitioner = {
    val inner = ends.init.map(layout.key)
    val starts = below(layout.key(least)) +: inner
    val stops = inner :+ above(layout.key(ends.last))
    val intervals = ends.indices.map { i =>
      Interval(starts(i), stops(i), includesStart = i == 0, includesEnd = true)
    }
    new RVDPartitioner(state, keyType, intervals)
  }
}

object KeyRanges {

  /** The error of a row whose key is not where one pass over the rows found it to be: some would be lost. */
  def changed: BeringiaException = new BeringiaException(
    ErrorCode.ARGUMENT,
    "numpy_map: the rows came in another order than a moment ago, so the table is not the same each time that it is " +
      "computed. Write it once with checkpoint(…), and group what that returns."
  )

  private val MostTogether = 4 // partitions that one task reads
  private val SampleSize = 100 // of a partition
  private val AllSamples = 1000000

  // Hail orders rows by the bytes of their strings, and the bounds of partitions by UTF-16: the two differ where one
  // string has a surrogate and the other what comes after those. Bounds without either are the same in both orders.
  private def plain(text: String): String = text.takeWhile(_ < Character.MIN_SURROGATE)

  private def isPlain(key: Row): Boolean = key.toSeq.forall {
    case text: String => plain(text).length == text.length
    case _ => true
  }

  /** A key before which none is in either order, if none is before `key` in one. */
  private def below(key: Row): Row = Row.fromSeq(key.toSeq.map {
    case text: String => plain(text)
    case value => value
  })

  /** A key after which none is in either order, if none is after `key` in one: what is missing comes last. */
  private def above(key: Row): Row = Row.fromSeq(key.toSeq.map {
    case text: String if plain(text).length < text.length => null
    case value => value
  })

  /** Goes over the rows once. */
  def of(rows: ContextRDD[Long], layout: RecordLayout): KeyRanges = {
    val samples = math.max(1, math.min(SampleSize, AllSamples / math.max(1, rows.getNumPartitions)))
    val survey: (Int, HailClassLoader, RVDContext, Iterator[Element[Long]]) => Iterator[PartitionKeys] =
      (index, loader, consumer, parts) => {
        val producer = consumer.freshContext()
        val cancellable = new InterruptibleIterator(TaskContext.get(), parts.flatMap(_(loader, producer)))
        keysOf(index, layout, samples, cancellable, () => producer.region.clear()).iterator
      }
    val found = rows.cmapPartitionsAndContextWithIndex[PartitionKeys](survey, false)
    new KeyRanges(layout, found.run.collect().toIndexedSeq, rows.getNumPartitions)
  }

  private def keysOf(
      index: Int,
      layout: RecordLayout,
      samples: Int,
      rows: Iterator[Long],
      clear: () => Unit
  ): Option[PartitionKeys] = {
    val random = new java.util.SplittableRandom(index.toLong)
    val sample = mutable.ArrayBuffer.empty[Array[Byte]]
    val least, greatest = new SortKey
    var key, previous = new SortKey
    var first: Array[Byte] = null
    var count = 0L
    var grouped, sorted = true
    while (rows.hasNext) {
      layout.writeKey(rows.next(), key)
      clear()
      if (count == 0) {
        first = key.sink.copy
        least.copyGroup(key)
        greatest.copyGroup(key)
      } else {
        if (sorted && previous.compare(key) > 0) sorted = false
        val step = previous.compareGroup(key)
        if (step > 0) grouped = false
        if (step != 0) {
          if (key.compareGroup(least) < 0) least.copyGroup(key)
          if (key.compareGroup(greatest) > 0) greatest.copyGroup(key)
        }
      }
      if (sample.length < samples) sample += key.group
      else {
        val place = random.nextLong(count + 1)
        if (place < samples) sample(place.toInt) = key.group
      }
      count += 1
      val last = previous
      previous = key
      key = last
    }
    if (count == 0) None
    else {
      val last = previous.sink.copy
      val keys = PartitionKeys(
        index,
        count,
        grouped,
        sorted,
        first,
        last,
        least.group,
        greatest.group,
        sample.toArray
      )
      Some(keys)
    }
  }
}
