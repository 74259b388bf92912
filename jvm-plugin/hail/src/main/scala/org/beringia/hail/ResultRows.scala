// The rows of one result, written one by one: the key that each one's number stands for, then what the function gave.
package org.beringia.hail

import is.hail.annotations.Region
import org.beringia.bridge.{ArrowArrayStruct, JobResult}

/** @param keys those of the batch that this is the result of */
final class ResultRows(task: HailTask, val result: JobResult, val keys: BatchKeys) {
  private[this] val array = result.array
  private[this] val length = ArrowArrayStruct.length(array)
  private[this] val offset = ArrowArrayStruct.offset(array)
  task.checkResult(array)
  private[this] val numbers = ValueReader.of(HailTask.NumberType, ArrowArrayStruct.child(array, 0), offset)
  private[this] val readers = task.fieldTypes.zipWithIndex.map { case (physical, i) =>
    ValueReader.of(physical, ArrowArrayStruct.child(array, task.carried + i), offset)
  }.toArray
  private[this] val output = task.output
  private[this] val offsets = FieldOffsets.of(output)
  private[this] var row = 0L

  def hasNext: Boolean = row < length

  /** Writes the next row into `target`; returns its address. */
  def write(target: Region, rowNumber: Long): Long = {
    val address = output.allocate(target)
    output.initialize(address)
    task.keys.write(keys(group), output, address, target)
    var i = 0
    var field = task.keys.types.length
    while (i < readers.length) {
      if (readers(i).isMissing(row)) output.setFieldMissing(address, field)
      else readers(i).store(row, target, address + offsets(field))
      i += 1
      field += 1
    }
    if (task.numbered) Region.storeLong(address + offsets(field), rowNumber)
    row += 1
    address
  }

  private def group: Long = numbers match {
    case fixed: FixedReader => fixed.long(row)
    case encoded: DictionaryReader => encoded.long(row)
  }
}
