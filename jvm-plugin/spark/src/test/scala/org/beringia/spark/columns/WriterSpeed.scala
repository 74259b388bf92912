// How long a value takes to be written. A program to run by hand, not a test:
//   java -cp <test class path> org.beringia.spark.columns.WriterSpeed
package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.sql.types._
import org.beringia.executor.memory.{FakeSegments, SegmentSource}

object WriterSpeed {
  private val Rows = 2000000

  def main(args: Array[String]): Unit = Seq(
    (
      "four doubles",
      Seq(IntegerType, DoubleType, DoubleType, DoubleType, DoubleType),
      4,
      (i: Int) => BatchFixture.row(i / 20, i * 0.5, i * 0.25, 1.0, 2.0)
    ),
    (
      "four doubles, some null",
      Seq(IntegerType, DoubleType, DoubleType, DoubleType, DoubleType),
      4,
      (i: Int) => BatchFixture.row(i / 20, if (i % 5 == 0) null else 1.0, i * 0.25, 1.0, 2.0)
    ),
    (
      "mixed",
      Seq(IntegerType, BooleanType, IntegerType, FloatType, LongType),
      4,
      (i: Int) => BatchFixture.row(i / 20, i % 3 == 0, i, 1f, 2L)
    ),
    ("short strings", Seq(IntegerType, StringType), 1, (i: Int) => BatchFixture.row(i / 20, "abcdefghijkl")),
    (
      "arrays of 100 doubles, each of them",
      Seq(IntegerType, ArrayType(DoubleType)),
      100,
      (i: Int) => BatchFixture.row(i / 20, Seq.fill(100)(i * 0.5))
    )
  ).foreach { case (name, types, values, make) =>
    (1 to 6).foreach { round =>
      val nanos = measure(types, make)
      if (round == 6) println(f"$name%-40s ${nanos.toDouble / Rows / values}%6.1f ns per value")
    }
  }

  private def measure(types: Seq[DataType], make: Int => Seq[Any]): Long = {
    val sample = BatchFixture.rows(types, (0 until 1000).map(make)).toArray.map(_.copy())
    val columns = types.indices.map(BatchFixture.column(types))
    val segments = new FakeSegments
    // The same memory again and again, as recycled segments are.
    var block = 0L
    var size = 0L
    val source = new SegmentSource {
      override def allocate(bytes: Long): Long = {
        if (bytes > size) {
          block = segments.allocate(bytes)
          size = bytes
        }
        block
      }
    }
    val writer =
      new BatchWriter(columns.take(1), columns.drop(1), grouped = true, BatchFixture.Limits, source)
    val start = System.nanoTime
    write(writer, sample)
    val nanos = System.nanoTime - start
    writer.close()
    segments.close()
    nanos
  }

  private def write(writer: BatchWriter, sample: Array[UnsafeRow]): Unit = {
    val describe = () => ""
    var i = 0
    writer.begin()
    while (i < Rows) {
      writer.startGroup(sample(i % sample.length), describe)
      val end = i + 20
      while (i < end) {
        writer.append(sample(i % sample.length))
        i += 1
      }
      if (writer.endGroup()) {
        writer.finish()
        writer.begin()
      }
    }
  }
}
