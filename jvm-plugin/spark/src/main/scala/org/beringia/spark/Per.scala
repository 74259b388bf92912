// What one call of the function gets.
package org.beringia.spark

import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.windows.Extent

/**
 * @param lists whether a call gets many rows, so that its columns are lists in the batch
 * @param gathers whether these are brought together by keys
 * @param overlap whether calls may have rows in common
 */
sealed abstract class Per(
    val name: String,
    val lists: Boolean,
    val gathers: Boolean = false,
    val overlap: Boolean = false
) extends Serializable {
  override def toString: String = name
}

object Per {

  /** The rows with one key; with no key, all rows. */
  case object Group extends Per("group", lists = true, gathers = true)

  /**
   * The rows of one window, of those with one key.
   *
   * @param perBlock windows in each of the blocks by which rows are brought together
   */
  final case class Windows(extent: Extent, perBlock: Long)
      extends Per("window", lists = true, gathers = true, overlap = true) {

    /** The first window of a block; numbers that there are not are none of it. */
    def least(block: Long): Long =
      if (block < Long.MinValue / perBlock) Long.MinValue else block * perBlock

    /** The last window of a block. */
    def greatest(block: Long): Long =
      if (block >= Long.MaxValue / perBlock) Long.MaxValue else block * perBlock + perBlock - 1

    override def toString: String = s"$name of ${extent.size} every ${extent.step}"
  }

  case object Row extends Per("row", lists = false)

  /** Any rows of one partition, as many as fill a batch. */
  case object Batch extends Per("batch", lists = true)

  case object Partition extends Per("partition", lists = true)

  /** What a user may ask for where there are no groups. */
  def of(name: String): Per =
    Seq(Row, Batch, Partition).find(_.name == name).getOrElse {
      throw new BeringiaException(
        ErrorCode.ARGUMENT,
        s"per is one of 'row', 'batch', 'partition', got '$name'"
      )
    }
}
