// The job's JSON: what the front wrote, completed by what only the JVM knows (docs/jvm-boundary.md).
package org.beringia.executor

import scala.collection.JavaConverters._

import com.fasterxml.jackson.core.JsonProcessingException
import com.fasterxml.jackson.core.json.JsonWriteFeature
import com.fasterxml.jackson.databind.json.JsonMapper
import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import org.apache.spark.TaskContext
import org.beringia.{BeringiaException, ErrorCode}

/**
 * The column that an argument gets.
 *
 * @param index the child's of the input
 * @param typeName what messages call its type
 * @param udt `vector` or `matrix` where its values are Spark ML's
 */
final case class ArgumentColumn(index: Int, typeName: String, udt: Option[String])

object JobSpec {
  // NaN is a number in Python's JSON.
  private val mapper = JsonMapper.builder().disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS).build()

  def parse(json: String): ObjectNode =
    try
      mapper.readTree(json) match {
        case spec: ObjectNode => spec
        case _ =>
          throw new BeringiaException(ErrorCode.ARGUMENT, s"the function's spec is no JSON object: $json")
      }
    catch {
      case e: JsonProcessingException =>
        throw new BeringiaException(ErrorCode.ARGUMENT, s"the function's spec is no JSON: $json", e)
    }

  /** The function's name for messages. */
  def name(spec: ObjectNode): String = spec.path("program").path("name").asText("numpy_map")

  /** Names of the parameters that columns are passed to. */
  def parameters(spec: ObjectNode): Seq[String] = arguments(spec).map(_.path("name").asText(""))

  /** Whether the output has a column for what went wrong with a group. */
  def reportsErrors(spec: ObjectNode): Boolean =
    spec.path("policy").path("onError").asText("raise") == "column"

  /**
   * `spec` with the number of key columns, every argument's column of the input and its type, the columns
   * of the input that are kept, and which fields of the result are vectors.
   */
  def bound(
      spec: ObjectNode,
      keys: Int,
      columns: Seq[ArgumentColumn],
      kept: Seq[Int],
      vectors: Seq[Int],
      many: Boolean
  ): String = {
    val result = spec.deepCopy()
    shape(result, keys, many)
    arguments(result).zip(columns).foreach { case (argument, column) =>
      argument.put("column", column.index).put("type", column.typeName)
      column.udt.foreach(argument.put("udt", _))
    }
    keep(result, kept)
    putIndices(part(result, "options"), "vectors", vectors)
    mapper.writeValueAsString(result)
  }

  /** Says in `spec` how many columns are keys, and whether a group has any number of rows, and not just one. */
  def shape(spec: ObjectNode, keys: Int, many: Boolean): Unit =
    part(spec, "shape").put("keys", keys).put("rows", if (many) "many" else "one"): Unit

  /** Says in `spec` which columns of the input are put before the fields of results, one row for each of theirs. */
  def keep(spec: ObjectNode, columns: Seq[Int]): Unit = putIndices(part(spec, "shape"), "keep", columns)

  /** The object called `name`, which is made if it is not there. */
  def part(spec: ObjectNode, name: String): ObjectNode = spec.path(name) match {
    case there: ObjectNode => there
    case _ => spec.putObject(name)
  }

  /** `spec` with the task that runs it, and its `details`. */
  def ofTask(spec: String, context: TaskContext, details: Option[TaskDetails]): String = {
    val result = parse(spec)
    details.foreach(_.add(result, context))
    result
      .putObject("task")
      .put("id", context.taskAttemptId())
      .put("stage", context.stageId())
      .put("partition", context.partitionId())
      .put("cpus", context.cpus())
    mapper.writeValueAsString(result)
  }

  /** `spec` as long as no task runs it; each will have so many cores. */
  def expected(spec: String, cpus: Int): String = {
    val result = parse(spec)
    result.putObject("task").put("id", 0).put("cpus", cpus)
    mapper.writeValueAsString(result)
  }

  /** What a runtime is opened with: settings, and how their names are written. */
  def runtime(settings: Map[String, String]): String =
    json(Map("spelling" -> Map("prefix" -> Settings.Prefix).asJava, "settings" -> settings.asJava).asJava)

  /** The JSON of Java's strings, numbers, lists and maps. */
  def json(value: Any): String = mapper.writeValueAsString(value)

  private def putIndices(node: ObjectNode, name: String, indices: Seq[Int]): Unit =
    if (indices.nonEmpty) {
      val list = node.putArray(name)
      indices.foreach(index => list.add(index))
    }

  private def arguments(spec: ObjectNode): Seq[ObjectNode] = spec.path("options").path("arguments") match {
    case list: ArrayNode => list.elements.asScala.collect { case argument: ObjectNode => argument }.toSeq
    case _ => Nil
  }
}
