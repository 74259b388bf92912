// The classes of Spark that the first job of an application wants. They are some thousands, and to load them takes a
// quarter of the job: a thread does so while the session still starts, and while the program prepares its query.
package org.beringia.spark

import java.util.concurrent.atomic.AtomicBoolean

import scala.io.{Codec, Source}

import org.apache.spark.SparkContext
import org.slf4j.LoggerFactory

private[spark] object FirstJobClasses {
  private[this] val log = LoggerFactory.getLogger(getClass)

  /** In the order in which the job wants them: the build runs one, with FirstJob, and writes them down. */
  def names: Seq[String] = {
    val list = Source.fromInputStream(getClass.getResourceAsStream("first-job-classes"))(Codec.UTF8)
    try list.getLines().toVector
    finally list.close()
  }

  /** Whether a thread has begun to load them: a JVM needs that once. */
  val begun = new AtomicBoolean

  def loadAhead(): Unit = if (begun.compareAndSet(false, true)) {
    val thread = new Thread(() => load(names): Unit, "beringia-first-job-classes")
    thread.setDaemon(true)
    thread.start()
  }

  /** How many of `names` are there. Another version of the same line of Spark may lack some: the job finds that out. */
  def load(names: Seq[String]): Int = {
    val start = System.nanoTime()
    val found = names.count(isThere)
    log.debug(
      s"Loaded $found of ${names.size} classes of a first job in ${(System.nanoTime() - start) / 1000000} ms"
    )
    found
  }

  /** Loads the class if it can, and runs nothing of it. */
  private def isThere(name: String): Boolean =
    try {
      Class.forName(name, false, classOf[SparkContext].getClassLoader)
      true
    } catch {
      case _: ClassNotFoundException | _: LinkageError => false
    }
}
