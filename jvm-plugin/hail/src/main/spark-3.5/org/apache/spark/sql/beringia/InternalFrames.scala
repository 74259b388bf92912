// What Spark keeps to its own packages: a DataFrame of rows in their internal form.
package org.apache.spark.sql.beringia

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.{DataFrame, SparkSession}

object InternalFrames {
  def of(rows: RDD[InternalRow], schema: StructType): DataFrame =
    SparkSession.active.internalCreateDataFrame(rows, schema)
}
