// The Spark session of the tests: the plugin on, two local threads. Without the native library the plugin
// keeps that failure to itself, and whatever does not run a task can be tested all the same.
package org.beringia.spark

import org.apache.spark.sql.SparkSession
import org.beringia.BeringiaException
import org.junit.Assert.assertThrows

object TestSession {
  lazy val spark: SparkSession = SparkSession.builder()
    .master("local[2]")
    .appName("beringia-tests")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "3")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.sql.warehouse.dir", "spark-warehouse")
    .config("spark.plugins", classOf[BeringiaPlugin].getName)
    .config(Interpreter.Setting, System.getProperty("beringia.python", "python3"))
    .getOrCreate()

  /** Runs `action` with a setting of the session, and then without. */
  def withSetting[T](name: String, value: String)(action: => T): T = {
    val before = spark.conf.getOption(name)
    spark.conf.set(name, value)
    try action
    finally before.fold(spark.conf.unset(name))(spark.conf.set(name, _))
  }

  /** Beringia's exception, out of what `action` throws. */
  def failure(action: => Any): BeringiaException = {
    val thrown = assertThrows(classOf[Exception], () => action: Unit)
    Iterator.iterate[Throwable](thrown)(_.getCause).takeWhile(_ != null).collectFirst {
      case e: BeringiaException => e
    }.getOrElse(throw thrown)
  }
}
