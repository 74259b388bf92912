// Functions of PySpark as Spark's plans hold them. It lives in Spark's package to reach what is private to it.
package org.apache.spark.sql.execution.python.beringia

import java.nio.charset.StandardCharsets.UTF_8

import scala.collection.JavaConverters._

import org.apache.spark.JobArtifactSet
import org.apache.spark.api.python.PythonFunction
import org.apache.spark.sql.catalyst.expressions.{Expression, PythonFuncExpression}
import org.apache.spark.sql.execution.python.ArrowPythonRunner
import org.apache.spark.sql.internal.SQLConf
import org.beringia.spark.accelerate.{PickledFunction, PythonArgument, PythonCommand}

object PythonCommands {

  /** A function behind those whose result it is given, in the order in which they are called. */
  def chain(function: PythonFuncExpression): Seq[PythonFuncExpression] = function.children match {
    case Seq(inner: PythonFuncExpression) => chain(inner) :+ function
    case _ => Seq(function)
  }

  /** The command of functions, each with its arguments; or why there is none. */
  def of(
      functions: Seq[(Expression, Seq[PythonArgument])],
      conf: SQLConf
  ): Either[String, PythonCommand] = {
    val known = functions.collect { case (function: PythonFuncExpression, given) => function -> given }
    val all = known.flatMap { case (function, _) => chain(function) }.map(_.func)
    PythonLine.refusal
      .orElse(if (known.length < functions.length) Some("it is no function of Python") else None)
      .orElse(all.flatMap(refusal(_)).headOption)
      .orElse(if (all.map(process).distinct.length > 1) Some("its functions want different processes")
      else None)
      .toLeft(command(known, conf))
  }

  /** What only a process of its own can give a function. */
  private def process(function: PythonFunction) =
    (function.envVars, function.pythonIncludes, function.pythonExec, function.pythonVer)

  private def refusal(function: PythonFunction): Option[String] = {
    // Classes and functions of modules are pickled by their names.
    val pickled = new String(function.command.toArray, UTF_8)
    if (!pickled.contains("pyspark.sql.types")) Some("the pickled function takes more than 1 MB")
    else if (JobArtifactSet.getCurrentJobArtifactState.isDefined) Some("the session has files of its own")
    else None
  }

  private def command(
      functions: Seq[(PythonFuncExpression, Seq[PythonArgument])],
      conf: SQLConf
  ): PythonCommand = {
    val first = functions.head._1
    val function = first.func
    val all = functions.flatMap { case (udf, _) => chain(udf) }
    val broadcasts = all.flatMap(_.func.broadcastVars.asScala).groupBy(_.id).values.map(_.head)
    PythonCommand(
      all.map(_.name).distinct.mkString(", "),
      first.evalType,
      functions.map { case (udf, given) =>
        PickledFunction(chain(udf).map(_.func.command.toArray), given)
      },
      ArrowPythonRunner.getPythonRunnerConfMap(conf),
      conf.pysparkWorkerPythonExecutable.getOrElse(function.pythonExec),
      function.pythonVer,
      function.envVars.asScala.toMap ++ tracebacks(conf),
      new PythonTask(
        function.pythonIncludes.asScala.toList,
        broadcasts.toList,
        Option(function.accumulator)
      )
    )
  }

  /** What Spark's own runner adds to the environment: how much of tracebacks is shown. */
  private def tracebacks(conf: SQLConf): Map[String, String] = Map(
    "SPARK_SIMPLIFIED_TRACEBACK" -> conf.pysparkSimplifiedTraceback,
    "SPARK_HIDE_TRACEBACK" -> (conf.getConfString(HideTraceback, "false") == "true") // of Spark 4
  ).collect { case (variable, true) => variable -> "1" }

  private val HideTraceback = "spark.sql.execution.pyspark.udf.hideTraceback.enabled"
}
