// What Spark keeps to its own packages: a DataFrame of rows in their internal form. In Spark 4, `classic` makes them.
package org.apache.spark.sql.beringia

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.DataFrame
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.classic.SparkSession
import org.apache.spark.sql.types.StructType

object InternalFrames {
  def of(rows: RDD[InternalRow], schema: StructType): DataFrame =
    SparkSession.active.internalCreateDataFrame(rows, schema)
}
