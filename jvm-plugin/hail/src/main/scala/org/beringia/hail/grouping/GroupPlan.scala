// What the Python front says about a grouping, in JSON.
package org.beringia.hail.grouping

import com.fasterxml.jackson.databind.JsonNode
import org.beringia.hail.windows.WindowPlan

import scala.collection.JavaConverters._

/**
 * @param keys fields of the rows that make the groups, with the names that they get
 * @param order fields by which the rows of a group are ordered, each with whether it descends
 * @param keyed whether `keys` are the table's own, or the start of them: then its rows lie in their order
 * @param window what makes the groups instead, if they are windows
 */
final case class GroupPlan(
    keys: IndexedSeq[(String, String)],
    order: IndexedSeq[(String, Boolean)],
    keyed: Boolean,
    window: Option[WindowPlan]
) {

  /** The fields of the rows by which they are brought together. */
  def fields: IndexedSeq[String] = window.fold(keys.map(_._1) ++ order.map(_._1))(_.order)
}

object GroupPlan {
  def parse(node: JsonNode): GroupPlan = {
    def each[T](name: String)(part: JsonNode => T): IndexedSeq[T] =
      node.path(name).elements.asScala.map(part).toIndexedSeq
    GroupPlan(
      each("keys")(key => key.get(0).asText -> key.get(1).asText),
      each("order")(field => field.get(0).asText -> field.get(1).asBoolean),
      node.path("keyed").asBoolean,
      Option(node.get("window")).filterNot(_.isNull).map(WindowPlan.parse)
    )
  }
}
