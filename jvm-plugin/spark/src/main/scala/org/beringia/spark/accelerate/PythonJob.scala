// The job's JSON of a function of PySpark (docs/jvm-boundary.md): what is called is PySpark's own way to call it, in
// beringia.spark.udf.
package org.beringia.spark.accelerate

import org.apache.spark.sql.internal.SQLConf
import org.beringia.executor.{JobSpec, NumpyFunction, Settings}

object PythonJob {
  private val GroupedMap = "beringia.spark.udf.groups:GroupedMap"

  /** @param offsets of the columns that are the key, and of those that are the frame, as Spark counts them */
  def of(command: PythonCommand, offsets: Array[Int], conf: SQLConf): AcceleratedFunction = {
    val keys = offsets(1)
    val (keyColumns, valueColumns) = offsets.drop(2).splitAt(keys)
    val spec = JobSpec.parse("{}")
    JobSpec
      .part(spec, "program")
      .put("name", command.name)
      .put("convention", "arrow")
      .put("function", GroupedMap)
      .put("interpreter", command.interpreter)
      .put("pythonVersion", command.version)
      .put("environment", environment(command))
    JobSpec.shape(spec, keys, many = true)
    Settings.groupTimeout(conf.getAllConfs).foreach(JobSpec.part(spec, "policy").put("timeout", _))
    val options = JobSpec.part(spec, "options")
    options
      .put("evalType", command.evalType)
      .put("keys", keys)
      .put("timeZone", conf.sessionLocalTimeZone)
    keyColumns.foldLeft(options.putArray("keyColumns"))(_.add(_))
    valueColumns.foldLeft(options.putArray("valueColumns"))(_.add(_))
    val variables = options.putObject("environment")
    command.environment.foreach { case (name, value) => variables.put(name, value) }
    val function = new NumpyFunction(command.payload, spec.toString, command.name)
    new AcceleratedFunction(function, command.task, command.raised)
  }

  /** PySpark changes its process, and its functions the variables of its environment: they have workers of their own. */
  private def environment(command: PythonCommand): String =
    command.environment.toSeq.sorted.map { case (name, value) => s"$name=$value" }
      .mkString("pyspark ", " ", "")
}
