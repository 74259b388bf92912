// Tables as DataFrames and DataFrames as tables: the schemas and values of Hail's own `toDF` and `fromDF`, without an object
// for each value in between.
package org.beringia.hail.spark

import is.hail.asm4s.HailClassLoader
import is.hail.backend.ExecuteContext
import is.hail.expr.SparkAnnotationImpex
import is.hail.expr.ir.{TableLiteral, TableIR, TableValue}
import is.hail.rvd.RVDContext
import is.hail.sparkextras.ContextRDD
import is.hail.types.physical.{PCanonicalStruct, PStruct}
import org.apache.spark.sql.DataFrame
import org.apache.spark.sql.beringia.InternalFrames
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.sql.catalyst.expressions.codegen.UnsafeRowWriter
import org.apache.spark.sql.types.StructType

object SparkRows {

  /** The rows of a table whose types Spark has. */
  def frame(table: TableValue): DataFrame = {
    val rows = table.rvd.crdd.cmapPartitions[InternalRow](toSpark(table.rvd.rowPType)).run[InternalRow]
    InternalFrames.of(rows, table.typ.rowType.schema.asInstanceOf[StructType])
  }

  /** The table of a DataFrame's rows. */
  def table(ctx: ExecuteContext, frame: DataFrame, key: IndexedSeq[String]): TableIR = {
    val row = SparkAnnotationImpex.importType(frame.schema).setRequired(true).asInstanceOf[PCanonicalStruct]
    val rows = ContextRDD.weaken(frame.queryExecution.toRdd).cmapPartitions[Long](toHail(row))
    TableLiteral(TableValue(ctx, row, key, rows), ctx.theHailClassLoader)
  }

  // The closures of tasks, which must not hold the context of a query.

  private def toSpark(row: PStruct): (HailClassLoader, RVDContext, Iterator[Long]) => Iterator[UnsafeRow] =
    (_, _, rows) => {
      val writer = new UnsafeRowWriter(row.size)
      val fields = new UnsafeFields(writer, row)
      rows.map { address =>
        writer.reset()
        writer.zeroOutNullBytes()
        fields.write(address)
        writer.getRow
      }
    }

  private def toHail(
      row: PCanonicalStruct
  ): (HailClassLoader, RVDContext, Iterator[InternalRow]) => Iterator[Long] =
    (_, consumer, rows) => {
      val fields = new RegionStruct(row)
      rows.map { values =>
        val address = row.allocate(consumer.region)
        fields.store(values, consumer.region, address)
        address
      }
    }
}
