// What nodes for functions of PySpark have in common.
package org.beringia.spark.accelerate

import org.beringia.spark.ColumnarNode

/** A node that stands in the place of one of Spark's. */
trait AcceleratedExec extends ColumnarNode {

  def kind: Kind

  override def nodeName: String = kind.node

  // What is put beside rows that stay behind, or merged with others, is taken from rows.
  override def takesColumns: Boolean = false
}
