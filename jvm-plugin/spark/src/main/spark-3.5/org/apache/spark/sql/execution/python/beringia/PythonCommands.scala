// Functions of PySpark on Spark 3.5, in the bytes that its own worker reads. It lives in Spark's package to reach what is
// private to it; and as PySpark takes for its own only what is thrown there.
package org.apache.spark.sql.execution.python.beringia

import java.io.{ByteArrayOutputStream, DataOutputStream}
import java.nio.charset.StandardCharsets.UTF_8

import scala.collection.JavaConverters._

import org.apache.spark.api.python.{ChainedPythonFunctions, PythonException, PythonFunction, PythonRDD}
import org.apache.spark.sql.catalyst.expressions.{Expression, PythonUDF}
import org.apache.spark.sql.execution.python.{ArrowPythonRunner, PythonUDFRunner}
import org.apache.spark.sql.internal.SQLConf
import org.beringia.spark.accelerate.PythonCommand

object PythonCommands {

  /** The command of `function` with arguments at `offsets`; or why there is none. */
  def of(function: Expression, offsets: Array[Int], conf: SQLConf): Either[String, PythonCommand] =
    function match {
      case udf: PythonUDF => refusal(udf.func).toLeft(command(udf, offsets, conf))
      case other => Left(s"$other is no function of Python")
    }

  private def refusal(function: PythonFunction): Option[String] = {
    // Classes and functions of modules are pickled by their names.
    val pickled = new String(function.command.toArray, UTF_8)
    if (pickled.contains("_deserialize_accumulator")) Some("the function refers to an accumulator")
    else if (!pickled.contains("StructType")) Some("the pickled function takes more than 1 MB")
    else None
  }

  private def command(udf: PythonUDF, offsets: Array[Int], conf: SQLConf): PythonCommand = {
    val function = udf.func
    PythonCommand(
      udf.name,
      udf.evalType,
      payload(function, offsets, conf),
      conf.pysparkWorkerPythonExecutable.getOrElse(function.pythonExec),
      function.pythonVer,
      // As Spark's own runner adds it: whether tracebacks begin with the user's own code.
      function.envVars.asScala.toMap ++ (if (conf.pysparkSimplifiedTraceback) Simplified else Nil),
      new PythonTask(function.pythonIncludes.asScala.toList, function.broadcastVars.asScala.toList),
      traceback => new PythonException(traceback, null)
    )
  }

  private val Simplified = Seq("SPARK_SIMPLIFIED_TRACEBACK" -> "1")

  private def payload(function: PythonFunction, offsets: Array[Int], conf: SQLConf): Array[Byte] = {
    val bytes = new ByteArrayOutputStream
    val out = new DataOutputStream(bytes)
    val settings = ArrowPythonRunner.getPythonRunnerConfMap(conf)
    out.writeInt(settings.size)
    settings.foreach { case (key, value) =>
      PythonRDD.writeUTF(key, out)
      PythonRDD.writeUTF(value, out)
    }
    PythonUDFRunner.writeUDFs(out, Seq(ChainedPythonFunctions(Seq(function))), Array(offsets))
    out.flush()
    bytes.toByteArray
  }
}
