// The sort key of a row, written again for each: the group's key, then what orders the rows of a group.
package org.beringia.hail.grouping

import java.util.Arrays

final class SortKey {
  val sink = new ByteSink(64)

  /** How many of the first bytes are the group's key. */
  var groupLength = 0

  def group: Array[Byte] = Arrays.copyOf(sink.bytes, groupLength)

  def compare(other: SortKey): Int =
    KeyBytes.compare(sink.bytes, sink.length, other.sink.bytes, other.sink.length)

  /** Compares the groups' keys. */
  def compareGroup(other: SortKey): Int =
    KeyBytes.compare(sink.bytes, groupLength, other.sink.bytes, other.groupLength)

  /** Compares the group's key with another one. */
  def compareGroup(other: Array[Byte]): Int = KeyBytes.compare(sink.bytes, groupLength, other, other.length)
}
