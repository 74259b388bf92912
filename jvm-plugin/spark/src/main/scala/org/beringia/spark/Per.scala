// What one call of the function gets.
package org.beringia.spark

import org.beringia.{BeringiaException, ErrorCode}

/** @param lists whether a call gets many rows, so that its columns are lists in the batch */
sealed abstract class Per(val name: String, val lists: Boolean) extends Serializable {
  override def toString: String = name
}

object Per {

  /** The rows with one key; with no key, all rows. */
  case object Group extends Per("group", lists = true)

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
