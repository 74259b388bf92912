// Constants among the arguments of functions, as columns behind those of the child.
package org.beringia.spark.accelerate

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Alias, Attribute, UnsafeProjection}
import org.apache.spark.sql.execution.vectorized.{ColumnVectorUtils, ConstantColumnVector}
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}
import org.beringia.spark.Input

/** @param columns the child's */
final case class ConstantColumns(constants: Seq[Alias], columns: Seq[Attribute]) {

  /** What the child gives, with the constants behind it. */
  def apply(input: Input): Input = input match {
    case _ if constants.isEmpty => input
    case Input.Columns(batches) => Input.Columns(batches.map(behind))
    case Input.Rows(rows) => Input.Rows(rows.map(UnsafeProjection.create(columns ++ constants, columns)))
  }

  private def behind(batch: ColumnarBatch): ColumnarBatch = {
    val rows = batch.numRows
    val vectors = (0 until batch.numCols).map(batch.column(_): ColumnVector) ++ constants.map { constant =>
      val vector = new ConstantColumnVector(rows, constant.dataType)
      ColumnVectorUtils.populate(vector, InternalRow(constant.child.eval()), 0)
      vector
    }
    new ColumnarBatch(vectors.toArray, rows)
  }
}
