// How the elements of a Hail ndarray lie: an axis' elements are a stride of bytes apart, by rows, by columns, or neither.
package org.beringia.hail.grouping

import is.hail.types.physical.PCanonicalNDArray

final class NDArrayLayout(array: PCanonicalNDArray) extends Serializable {
  private[this] val width = array.elementType.byteSize

  /** How many elements the array at `address` has. */
  def count(address: Long): Long = {
    var n = 1L
    var axis = 0
    while (axis < array.nDims) {
      n *= array.loadShape(address, axis)
      axis += 1
    }
    n
  }

  /** Where its first element is. */
  def first(address: Long): Long = array.unstagedDataFirstElementPointer(address)

  /** Whether its elements lie one behind the other, those of the last axis next to each other. */
  def isBlock(address: Long): Boolean = {
    var expected = width
    var axis = array.nDims - 1
    while (axis >= 0) {
      val size = array.loadShape(address, axis)
      if (size != 1 && array.loadStride(address, axis) != expected) return false
      expected *= size
      axis -= 1
    }
    true
  }

  /** Calls `visit` with the address of each element, in the order of the last axis, then the one before it. */
  def foreach(address: Long)(visit: Long => Unit): Unit = if (count(address) > 0) {
    val index = new Array[Long](array.nDims)
    var at = first(address)
    var axis = 0
    while (axis >= 0) {
      visit(at)
      // The last axis that has a next one; those after it begin again.
      axis = array.nDims - 1
      while (axis >= 0 && index(axis) + 1 == array.loadShape(address, axis)) {
        at -= index(axis) * array.loadStride(address, axis)
        index(axis) = 0
        axis -= 1
      }
      if (axis >= 0) {
        index(axis) += 1
        at += array.loadStride(address, axis)
      }
    }
  }
}
