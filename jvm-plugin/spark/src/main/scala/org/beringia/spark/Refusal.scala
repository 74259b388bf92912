// What is thrown of a call that makes no sense.
package org.beringia.spark

import org.beringia.{BeringiaException, ErrorCode}

object Refusal {
  def apply(message: String, cause: Throwable = null): BeringiaException =
    new BeringiaException(ErrorCode.ARGUMENT, message, cause)
}
