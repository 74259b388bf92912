// What PySpark's worker knows of its task: what TaskContext.get(), SparkFiles.get and broadcast variables answer in a
// function. It lives in Spark's package to reach what is private to it.
package org.apache.spark.sql.execution.python.beringia

import java.io.File
import java.nio.file.Paths

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.spark.{SparkFiles, TaskContext}
import org.apache.spark.api.python.{PythonBroadcast, PythonUtils}
import org.apache.spark.broadcast.Broadcast
import org.apache.spark.util.CollectionAccumulator
import org.beringia.executor.{Asides, JobSpec, TaskDetails}

/**
 * @param includes names of archives of modules, among Spark's files
 * @param broadcasts variables that the function refers to
 * @param accumulator what takes what the function adds to PySpark's accumulators, of all of them; within a task its own
 */
final class PythonTask(
    includes: Seq[String],
    broadcasts: Seq[Broadcast[PythonBroadcast]],
    accumulator: Option[CollectionAccumulator[Array[Byte]]]
) extends TaskDetails {

  override def asides: Option[Asides] = accumulator.map(new AccumulatorUpdates(_))

  def hasBroadcasts: Boolean = broadcasts.nonEmpty

  override def add(spec: ObjectNode, context: TaskContext): Unit = {
    val paths = JobSpec.part(spec, "program").putArray("paths")
    PythonTask.paths.foreach(path => paths.add(path))
    val task = JobSpec.part(spec, "options").putObject("task")
    task
      .put("stage", context.stageId())
      .put("partition", context.partitionId())
      .put("attemptNumber", context.attemptNumber())
      .put("attemptId", context.taskAttemptId())
      .put("cpus", context.cpus())
      .put("files", SparkFiles.getRootDirectory())
    val names = task.putArray("includes")
    includes.foreach(name => names.add(name))
    val properties = task.putObject("localProperties")
    val local = context.getLocalProperties
    local.stringPropertyNames.asScala.foreach(name => properties.put(name, local.getProperty(name)))
    val resources = task.putObject("resources")
    context.resources().foreach { case (key, resource) =>
      val named = resources.putObject(key).put("name", resource.name).putArray("addresses")
      resource.addresses.foreach(address => named.add(address))
    }
    val files = task.putObject("broadcasts")
    broadcasts.foreach(broadcast => files.put(broadcast.id.toString, broadcast.value.path))
  }
}

object PythonTask {

  /** Where a worker on this machine finds modules as PySpark's own does: its working directory, then PySpark. */
  def paths: Seq[String] =
    Paths.get("").toAbsolutePath.toString +: sparkPath.split(File.pathSeparatorChar).toSeq.filter(_.nonEmpty)

  def sparkPath: String = PythonUtils.sparkPythonPath
}
