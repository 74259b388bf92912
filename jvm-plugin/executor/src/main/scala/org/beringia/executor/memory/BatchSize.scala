// How large batches and groups become: where a batch ends, and where a group is refused. What is written to a batch
// tells it when a group begins, grows and ends.
package org.beringia.executor.memory

import org.beringia.{BeringiaException, ErrorCode}

/**
 * How large batches and groups may be, in bytes: a batch is closed at the end of the group that reaches
 * its limit, which starts at `first` and doubles up to `full`; a group beyond `group` is refused.
 */
final case class BatchLimits(full: Long, group: Long) {
  def first: Long = math.max(1L, full / BatchLimits.FirstShare)
}

object BatchLimits {
  val GroupSetting = "spark.beringia.maxGroupBytes"
  private val FirstShare = 16
}

final class BatchSize(limits: BatchLimits, source: SegmentSource) {

  /** The memory of the batch. */
  val arena = new Arena(bytes => allocate(bytes))

  private[this] var limit = 0L
  private[this] var groupStart = 0L
  private[this] var groups = 1 // that are written together
  private[this] var rows = 0L
  private[this] var describe = BatchSize.NoGroup

  arena.beforeGrowth = more => check(arena.used + more - groupStart)

  /** Whether what was written fills the batch. */
  def isFull: Boolean = arena.used >= limit

  /** Bytes that are left until the batch is full. */
  def room: Long = limit - arena.used

  /** Opens the buffers of a batch. What belongs to no group is written next; then `opened` is called. */
  def begin(): Unit = {
    val last = arena.used
    val scale =
      if (limit == 0) 1.0
      else {
        limit = math.min(2 * limit, limits.full)
        // After a batch with an oversized group: half of it, not all the way back, as such groups come in rows.
        math.max(limit.toDouble / math.max(1L, last), if (last > limit) 0.5 else 0.0)
      }
    if (limit == 0) limit = limits.first
    startGroup(BatchSize.NoGroup, 0)
    arena.begin(scale)
  }

  /** The batch is ready for its first group. */
  def opened(): Unit = groupStart = arena.used

  /** A group begins; `key` says which, in messages. */
  def startGroup(key: () => String): Unit = startGroup(key, groupStart)

  /** The same of a group that has what is written behind the first `start` bytes. */
  def startGroup(key: () => String, start: Long): Unit = {
    describe = key
    groupStart = start
    groups = 1
    rows = 0
  }

  /** So many groups begin that are written together: no more is known of each than what they take on average. */
  def startGroups(count: Int): Unit = {
    startGroup(BatchSize.NoGroup)
    groups = count
  }

  /** The group gets rows. Where groups come whole, nothing says so. */
  def addRows(count: Int): Unit = rows += count

  /** The group is whole; true if it fills the batch. */
  def endGroup(): Boolean = {
    val used = arena.used
    check(used - groupStart)
    groupStart = used
    used >= limit
  }

  /** A segment; that there is none for a group names the group. */
  private def allocate(bytes: Long): Long =
    try source.allocate(bytes)
    catch {
      case e: BeringiaException if e.getGroup == null && describe().nonEmpty =>
        val key = describe()
        val message = s"${e.getMessage}\nGroup: $key, with ${arena.used - groupStart} bytes$afterRows"
        throw new BeringiaException(e.getCode, message, key, null, null)
    }

  private def check(size: Long): Unit = if (size / groups > limits.group) {
    val key = describe()
    val which = if (key.isEmpty) "a group" else s"group $key"
    throw new BeringiaException(
      ErrorCode.TOO_LARGE.number,
      s"$which takes $size bytes$afterRows; ${BatchLimits.GroupSetting} allows ${limits.group}. " +
        "Raise it (memory of the executor outside the heap must suffice), or group more finely.",
      if (key.isEmpty) null else key,
      null,
      null
    )
  }

  private def afterRows: String = if (rows > 0) s" after $rows rows" else ""
}

object BatchSize {
  private val NoGroup: () => String = () => ""
}
