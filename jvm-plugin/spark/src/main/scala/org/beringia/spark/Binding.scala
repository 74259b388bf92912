// A function's parameters matched with columns. Only Python can read a signature, so the driver asks the
// interpreter that its workers will run (python/beringia/binding.py): the rules and the words of refusals are
// those of a driver that is Python.
package org.beringia.spark

import java.io.IOException
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.spark.sql.{Column, SparkSession}
import org.apache.spark.sql.functions.col
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.JobSpec

/**
 * @param spec the job's spec, without constants and what [[JobSpec]] fills in
 * @param columns one for each of the spec's arguments
 * @param batchBytes bytes of a batch, where it is not the session's
 */
final case class Binding(spec: ObjectNode, columns: Seq[Column], batchBytes: Option[Long])

object Binding {
  private val mapper = new ObjectMapper

  /** Binds `function`; throws a refusal, or what keeps the interpreter from answering. */
  def of(session: SparkSession, function: PythonFunction, args: Args, options: NumpyOptions): Binding = {
    val python = Interpreter.resolve(session)
    val request = Map[String, Any](
      "function" -> function.kind,
      "paths" -> Interpreter.pathsOnDriver(session).asJava,
      "byPosition" -> args.byPosition,
      "args" -> args.columns.map(_._1).asJava,
      "consts" -> options.consts.keys.toSeq.asJava,
      "missing" -> options.missing.policy.fold(identity, _.asJava),
      "nanAsNull" -> options.nanAsNull,
      "onError" -> options.onError,
      "writable" -> options.writable,
      "timeout" -> options.timeout.map(Double.box).orNull,
      "batchBytes" -> options.batchBytes.orNull,
      "window" -> options.window.map { window =>
        Map("size" -> window.size, "step" -> window.step, "unit" -> window.unit.name).asJava
      }.orNull,
      "kept" -> options.keep.nonEmpty,
      "ordered" -> options.orderBy.nonEmpty
    )
    val answer = ask(python, Interpreter.directory(session.sparkContext), request, function.bytes)
    if (answer.has("error")) throw refusal(answer.get("error"))
    val spec = answer.get("spec").asInstanceOf[ObjectNode]
    Interpreter.locate(spec, session)
    val columns = answer.get("columns").elements.asScala.map { column =>
      if (column.isInt) args.columns(column.asInt)._2 else col(column.asText)
    }
    val batchBytes = Some(answer.get("batchBytes")).filter(_.isNumber).map(_.asLong)
    Binding(spec, columns.toList, batchBytes)
  }

  /** Runs the interpreter: a line of JSON and the function in, JSON out. */
  private def ask(
      python: String,
      directory: Path,
      request: Map[String, Any],
      function: Array[Byte]
  ): JsonNode = {
    val complaints = Files.createTempFile("beringia-binding", ".log")
    try {
      val builder = new ProcessBuilder(python, "-m", "beringia.binding")
        .directory(directory.toFile)
        .redirectError(complaints.toFile)
      builder.environment.put("PYTHONSAFEPATH", "1")
      val process = builder.start()
      try {
        val input = process.getOutputStream
        input.write(JobSpec.json(request.asJava).getBytes(UTF_8))
        input.write('\n')
        input.write(function)
        input.close()
        mapper.readTree(process.getInputStream) match {
          case answer: ObjectNode => answer
          case _ => throw new IOException(s"it ended with exit code ${process.waitFor()}")
        }
      } finally process.destroy()
    } catch {
      case e: IOException =>
        val said = new String(Files.readAllBytes(complaints), UTF_8).trim.split('\n').last
        throw new BeringiaException(
          ErrorCode.INTERPRETER,
          s"the parameters of a function cannot be read, as '$python' does not run on the driver: ${e.getMessage}" +
            s"${if (said.isEmpty) "" else s" ($said)"}. It needs NumPy and beringia, as on the executors: name " +
            s"another Python in ${Interpreter.Setting}",
          e
        )
    } finally Files.delete(complaints)
  }

  private def refusal(error: JsonNode) = new BeringiaException(
    error.get("code").asInt,
    error.get("message").asText,
    null,
    if (error.hasNonNull("traceback")) error.get("traceback").asText else null,
    null
  )
}
