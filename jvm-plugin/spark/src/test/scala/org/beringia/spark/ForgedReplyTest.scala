package org.beringia.spark

import java.nio.charset.StandardCharsets
import java.nio.file.{Files, Paths}
import java.nio.file.attribute.PosixFilePermissions

import scala.util.{Failure, Success, Try}

import org.apache.spark.sql.functions._
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.bridge.NativeLibrary
import org.beringia.spark.TestSession.spark
import org.junit.{BeforeClass, Test}
import org.junit.Assert._
import org.junit.Assume.assumeTrue

/** Workers that lie (forger.py), and Spark's own functions on what of their replies is accepted. */
class ForgedReplyTest {
  import ForgedReplyTest._

  /** Whether the replies of the forger of this seed were accepted. */
  private def accepted(seed: Int): Boolean = {
    val returned = Front.grouped(
      spark.range(0, 60, 1, 2).selectExpr("cast(id % 20 as int) k", "cast(id as double) x").groupBy("k"),
      "forger:f",
      Front.fields("total double, label string, ends array<double>"),
      Seq("x" -> col("x")),
      interpreter = forger(seed)
    )
    // What reads and writes by the lengths of UTF-8 characters.
    val read = returned.select(
      col("total"),
      reverse(col("label")),
      upper(col("label")),
      substring(col("label"), 2, 3),
      length(col("label")),
      size(col("ends")),
      array_max(col("ends"))
    )
    Try(read.collect()) match {
      case Success(rows) =>
        assertEquals(20, rows.length)
        rows.foreach(_.toString)
        true
      case Failure(e) =>
        val cause = Iterator.iterate[Throwable](e)(_.getCause).takeWhile(_ != null).collectFirst {
          case ours: BeringiaException => ours
        }
        val code = cause.getOrElse(throw e).getErrorCode
        assertTrue(s"seed $seed: $e", code == ErrorCode.PROTOCOL || code == ErrorCode.WORKER_DIED)
        false
    }
  }

  @Test def forgedRepliesAreRefusedOrSafeToRead(): Unit = {
    val seeds = 0 until Integer.getInteger("beringia.forgers", 40)
    val (taken, refused) = seeds.partition(accepted)
    assertTrue(s"accepted $taken, refused $refused", taken.nonEmpty && refused.nonEmpty)
  }
}

object ForgedReplyTest {
  private lazy val directory = Files.createTempDirectory("beringia-forgers")

  /** An executable by the name of its seed. */
  private def forger(seed: Int): String = {
    val in = getClass.getResourceAsStream("/forger.py")
    val source =
      try new String(in.readAllBytes(), StandardCharsets.UTF_8)
      finally in.close()
    val file = directory.resolve(s"forger-$seed")
    Files.write(
      file,
      s"#!${Front.python}\n$source".getBytes(
        StandardCharsets.UTF_8
      )
    )
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"))
    file.toString
  }

  @BeforeClass def libraryExists(): Unit = {
    val path = System.getProperty(NativeLibrary.PATH_PROPERTY)
    assumeTrue(s"no native library at $path", path != null && Files.exists(Paths.get(path)))
  }
}
