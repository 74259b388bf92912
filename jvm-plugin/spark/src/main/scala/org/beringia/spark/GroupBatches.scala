// The child's groups as batches.
package org.beringia.spark

import org.apache.spark.TaskContext

final class GroupBatches(task: NumpyMapTask, groups: Groups, context: TaskContext)
    extends TaskBatches(task, context) {

  override def hasGroup: Boolean = groups.start()

  override def writeGroup(): Boolean = groups.write(writer)
}
