// The columns of a grouped function of PySpark, as Spark's own nodes resolve them. It lives in Spark's package to reach
// what is private to it.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.execution.python.PandasGroupUtils

object PythonColumns {

  /** The columns that a function is given, each once; and as PySpark's worker reads it, which are its key and its frame. */
  def resolve(input: Seq[Attribute], grouping: Seq[Attribute]): (Seq[Attribute], Array[Int]) =
    PandasGroupUtils.resolveArgOffsets(input, grouping)
}
