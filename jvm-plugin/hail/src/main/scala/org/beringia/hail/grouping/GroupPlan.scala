// What the Python front says about a grouping, in JSON.
package org.beringia.hail.grouping

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

import scala.collection.JavaConverters._

/**
 * @param keys fields of the rows that make the groups, with the names that they get
 * @param order fields by which the rows of a group are ordered, each with whether it descends
 * @param columns fields that become arrays
 * @param keyed whether `keys` are the table's own, or the start of them: then its rows lie in their order
 */
final case class GroupPlan(
    keys: IndexedSeq[(String, String)],
    order: IndexedSeq[(String, Boolean)],
    columns: IndexedSeq[String],
    keyed: Boolean
)

object GroupPlan {
  private val mapper = new ObjectMapper

  def parse(json: String): GroupPlan = {
    val node = mapper.readTree(json)
    def each[T](name: String)(part: JsonNode => T): IndexedSeq[T] =
      node.path(name).elements.asScala.map(part).toIndexedSeq
    GroupPlan(
      each("keys")(key => key.get(0).asText -> key.get(1).asText),
      each("order")(field => field.get(0).asText -> field.get(1).asBoolean),
      each("columns")(_.asText),
      node.path("keyed").asBoolean
    )
  }
}
