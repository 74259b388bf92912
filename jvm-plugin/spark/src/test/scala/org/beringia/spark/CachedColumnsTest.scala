package org.beringia.spark

import org.apache.spark.sql.execution.adaptive.TableCacheQueryStageExec
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec
import org.beringia.spark.TestSession.{spark, withSetting}
import org.junit.Assert._
import org.junit.Test

/** The batches of a cached table are all read, and none outlives the next one. */
class CachedColumnsTest {
  private def scan: InMemoryTableScanExec = withSetting("spark.sql.adaptive.enabled", "false") {
    val table = spark.range(0, 25000, 1, 1).toDF().cache()
    table.queryExecution.executedPlan.collectFirst { case scan: InMemoryTableScanExec => scan }.get
  }

  @Test def aBatchIsFreedWhenTheNextOneIsAskedFor(): Unit = {
    val read = scan.executeColumnar().mapPartitions { batches =>
      val all = new CachedColumns(batches).map(batch =>
        (batch, (0 until batch.numRows).map(batch.column(0).getLong(_)).sum)
      ).toVector
      val freed = all.map { case (batch, _) =>
        try {
          batch.column(0).getLong(0): Unit
          false
        } catch { case _: NullPointerException => true } // its array is gone
      }
      Iterator.single((all.map(_._2).sum, freed))
    }
    assertEquals((25000L * 24999 / 2, Vector(true, true, false)), read.collect().head)
  }

  @Test def theyAreKnownByTheNodeThatGivesThem(): Unit = {
    assertTrue(CachedColumns.has(scan))
    assertTrue(CachedColumns.has(TableCacheQueryStageExec(0, scan)))
    assertFalse(CachedColumns.has(spark.range(3).queryExecution.sparkPlan))
  }
}
