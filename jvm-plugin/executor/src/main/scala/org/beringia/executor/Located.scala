// Errors that are of a machine, and not of a function or its data, say which: on a cluster it is what has to be mended.
package org.beringia.executor

import org.apache.spark.beringia.ExecutorInternals
import org.beringia.{BeringiaException, ErrorCode}

object Located {
  private val OfMachines =
    Set(
      ErrorCode.WORKER_DIED,
      ErrorCode.RESOURCE,
      ErrorCode.CONFIG,
      ErrorCode.INTERPRETER,
      ErrorCode.PROTOCOL
    )

  /**
   * `error`, with host and executor in front if it is of a machine and this is an executor of a cluster. Once: it passes
   * each node that pulls from the one where it happened.
   */
  def apply(error: BeringiaException): BeringiaException = {
    val place = ExecutorInternals.place.fold("")(place => s"on $place: ")
    if (!OfMachines(error.getErrorCode) || error.getMessage.startsWith(place)) error
    else {
      val message = place + error.getMessage
      val located =
        new BeringiaException(error.getCode, message, error.getGroup, error.getTraceback, error.getFunction)
      located.initCause(error)
      located
    }
  }
}
