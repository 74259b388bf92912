// The job's JSON of a function of PySpark (docs/jvm-boundary.md): what is called is PySpark's own way to call it, in
// beringia.spark.udf.
package org.beringia.spark.accelerate

import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types.{StructField, StructType}
import org.beringia.executor.{JobSpec, NumpyFunction, Settings}

object PythonJob {

  /**
   * @param columns that it is given, behind the keys
   * @param kept which columns of the input are put before the results
   */
  def of(
      kind: Kind,
      command: PythonCommand,
      keys: Int,
      columns: Seq[Attribute],
      conf: SQLConf,
      kept: Seq[Int] = Nil
  ): AcceleratedFunction = {
    val result = spec(kind, command, keys, columns, environment(command), conf)
    JobSpec.keep(result, kept)
    accelerated(result, command)
  }

  /**
   * The job of a function that pulls its input. It keeps its worker for all of a task, between its calls too: others of the
   * task have workers of their own.
   *
   * @param columns that it is given, behind the keys
   * @param below how many such functions there are in what gives them
   */
  def pulling(
      kind: Kind,
      command: PythonCommand,
      keys: Int,
      columns: Seq[Attribute],
      below: Int,
      conf: SQLConf
  ): AcceleratedFunction = {
    val result = spec(kind, command, keys, columns, s"${environment(command)} pulling $below", conf)
    // Another worker would not know where it was.
    JobSpec.part(result, "policy").put("retries", 0)
    accelerated(result, command)
  }

  private def accelerated(spec: ObjectNode, command: PythonCommand) =
    new AcceleratedFunction(new NumpyFunction(command.pickled, spec.toString, command.name), command.task)

  private def spec(
      kind: Kind,
      command: PythonCommand,
      keys: Int,
      columns: Seq[Attribute],
      environment: String,
      conf: SQLConf
  ) = {
    val spec = JobSpec.parse("{}")
    JobSpec
      .part(spec, "program")
      .put("name", command.name)
      .put("convention", "arrow")
      .put("function", kind.caller)
      .put("interpreter", command.interpreter)
      .put("pythonVersion", command.version)
      .put("environment", environment)
    JobSpec.shape(spec, keys, many = !kind.aggregates)
    // What a function keeps from one group to the next, PySpark's workers keep within a task.
    spec.put("spread", false)
    Settings.groupTimeout(conf.getAllConfs).foreach(JobSpec.part(spec, "policy").put("timeout", _))
    val options = JobSpec.part(spec, "options")
    options
      .put("evalType", kind.evalType)
      .put("keys", keys)
      .put("timeZone", conf.sessionLocalTimeZone)
      .put("batchRows", conf.arrowMaxRecordsPerBatch)
      .put("largeTypes", conf.arrowUseLargeVarTypes)
    val fields = columns.map(column => StructField(column.name, column.dataType, column.nullable))
    options.set[ObjectNode]("columns", JobSpec.parse(StructType(fields).json)): Unit
    val functions = options.putArray("functions")
    command.functions.foreach { function =>
      val node = functions.addObject()
      val bytes = node.putArray("bytes")
      function.pickled.foreach(one => bytes.add(one.length))
      val offsets = node.putArray("offsets")
      val named = node.putObject("named")
      function.arguments.foreach {
        case PythonArgument(offset, None) => offsets.add(offset)
        case PythonArgument(offset, Some(name)) => named.put(name, offset)
      }
    }
    fill(options.putObject("settings"), command.settings)
    fill(options.putObject("environment"), command.environment)
    spec
  }

  private def fill(node: ObjectNode, values: Map[String, String]): Unit =
    values.toSeq.sorted.foreach { case (name, value) => node.put(name, value) }

  /** PySpark changes its process, and its functions the variables of its environment: they have workers of their own. */
  private def environment(command: PythonCommand): String =
    command.environment.toSeq.sorted.map { case (name, value) => s"$name=$value" }
      .mkString("pyspark ", " ", "")
}
