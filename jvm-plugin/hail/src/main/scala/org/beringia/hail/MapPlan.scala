// What the Python front says about a node, in JSON, and what of it the JVM completes when a query runs.
package org.beringia.hail

import java.nio.charset.StandardCharsets

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import com.fasterxml.jackson.databind.node.ObjectNode
import is.hail.annotations.BroadcastRow
import is.hail.expr.ir.IRParser
import is.hail.types.physical.PStruct
import is.hail.types.virtual.TStruct
import org.beringia.executor.{JobSpec, NumpyFunction, Settings}
import org.beringia.executor.memory.BatchLimits
import org.beringia.hail.grouping.GroupPlan
import org.beringia.hail.windows.WindowPlan

import scala.collection.JavaConverters._

/**
 * @param name the function's, for messages
 * @param grouping how rows are brought together; None if each is a group already, with arrays of what its rows held
 * @param largeRows whether it may be worth while to have what `grouping` needs of the rows without the rest
 * @param keyColumns fields of the row that the function gets as scalars, values of the key
 * @param valueColumns fields of the row that it gets as arrays, one value for each row of the group
 * @param entryColumns those of them that are entry-indexed: a value is an array with an element for each column
 * @param globals fields of the globals that it gets, all in one block that the workers of a machine share
 * @param returns the fields that it returns
 * @param many any number of rows per group, or just one
 * @param rowNumber name of a field that numbers the rows of the result, if Hail needs one
 */
final class MapPlan(
    val name: String,
    val grouping: Option[GroupPlan],
    val largeRows: Boolean,
    val keyColumns: Seq[String],
    val valueColumns: Seq[String],
    entryColumns: Set[String],
    globals: Seq[String],
    val returns: TStruct,
    val many: Boolean,
    val rowNumber: Option[String],
    batchBytes: Option[Long],
    spec: ObjectNode
) {

  /** What makes the groups, if they are windows. */
  def window: Option[WindowPlan] = grouping.flatMap(_.window)

  /** What crosses of a group of these rows, whose key has fields of these types. */
  def columns(row: PStruct, keys: GroupKeys): GroupColumns = {
    def typed(names: Seq[String]) = names.map(name => name -> row.fieldType(name))
    if (grouping.isEmpty) GroupColumns(typed(keyColumns ++ valueColumns), Seq.empty, entryColumns)
    else if (window.isEmpty) GroupColumns(typed(keyColumns), typed(valueColumns), entryColumns)
    else {
      val made = keyColumns.map(name => name -> keys.field(name).physical)
      GroupColumns(made, typed(valueColumns), entryColumns, overlap = true)
    }
  }

  def limits(settings: Map[String, String]): BatchLimits = {
    val limits = Settings.limits(settings)
    batchBytes.fold(limits)(bytes => limits.copy(full = bytes))
  }

  /** The function's bytes and the job's spec, with the values of the globals. */
  def payload(function: Array[Byte], values: BroadcastRow): NumpyFunction = {
    val complete = spec.deepCopy()
    JobSpec.shape(complete, 1 + keyColumns.length, many)
    if (globals.isEmpty) new NumpyFunction(function, complete.toString, name)
    else {
      val program = JobSpec.part(complete, "program")
      val length = program.path("functionBytes").asInt(function.length)
      program.put("functionBytes", length)
      // The block begins at the first multiple of 64 after the function, and these after the constants in it.
      val start = MapPlan.aligned(function.length)
      val places = JobSpec.part(complete, "options").putArray("shared")
      val offset = start - MapPlan.aligned(length)
      val columns = SharedColumns.write(values.t, values.value.offset, globals, offset, places)
      complete.put("block", complete.path("block").asText("") + SharedColumns.digest(columns))
      new NumpyFunction(java.util.Arrays.copyOf(function, start) ++ columns, complete.toString, name)
    }
  }
}

object MapPlan {
  private val mapper = new ObjectMapper

  def parse(json: String): MapPlan = {
    val node = mapper.readTree(json.getBytes(StandardCharsets.UTF_8))
    def given(field: String): Option[JsonNode] = Option(node.get(field)).filterNot(_.isNull)
    def names(field: String): Seq[String] = node.path(field).elements.asScala.map(_.asText).toIndexedSeq
    new MapPlan(
      JobSpec.name(node.path("spec").asInstanceOf[ObjectNode]),
      given("grouping").map(GroupPlan.parse),
      node.path("largeRows").asBoolean,
      names("keyColumns"),
      names("valueColumns"),
      names("entryColumns").toSet,
      names("globals"),
      IRParser.parseType(node.path("returns").asText).asInstanceOf[TStruct],
      node.path("many").asBoolean,
      given("rowNumber").map(_.asText),
      given("batchBytes").map(_.asLong),
      node.path("spec").asInstanceOf[ObjectNode]
    )
  }

  private def aligned(bytes: Int): Int = (bytes + 63) & -64
}
