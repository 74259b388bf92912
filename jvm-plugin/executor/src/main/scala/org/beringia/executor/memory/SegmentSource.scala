// Where shared segments come from: the native job, or a stand-in under test.
package org.beringia.executor.memory

trait SegmentSource {

  /** Address of a segment of at least `bytes` bytes, 64-byte aligned, ours until the batch is handed over. */
  def allocate(bytes: Long): Long
}
