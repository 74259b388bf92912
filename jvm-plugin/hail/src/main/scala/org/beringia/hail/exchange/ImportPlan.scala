// What Python says about rows that it has written to a file: their type, and where the columns of each batch are.
package org.beringia.hail.exchange

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import is.hail.expr.ir.IRParser
import is.hail.types.virtual.TStruct

import scala.collection.JavaConverters._

/**
 * @param rowType the fields, as they are stored (see `ArrowForms.returned`)
 * @param path the file
 * @param inode which file that is, if it is one of this machine, which all tasks run on; else Hail's file system opens it
 * @param index name of a field that numbers the rows, from 0 on, if there is to be one: it is the key
 * @param rowNumber the same that is no key, if Hail needs one
 */
final class ImportPlan(
    val rowType: TStruct,
    val path: String,
    val inode: Option[Long],
    val partitions: IndexedSeq[IndexedSeq[StoredBatch]],
    val index: Option[String],
    val rowNumber: Option[String]
) {

  /** Names of the fields that number the rows. */
  def numbers: IndexedSeq[String] = (index ++ rowNumber).toIndexedSeq
}

/**
 * Rows that are together in the file.
 *
 * @param offset where their bytes begin
 * @param first the first one's number
 * @param columns JSON: of each field its number of values and of missing ones, and where within the bytes its buffers are
 */
final case class StoredBatch(offset: Long, bytes: Long, first: Long, rows: Long, columns: String)

object ImportPlan {
  private val mapper = new ObjectMapper

  def parse(json: String): ImportPlan = {
    val node = mapper.readTree(json)
    def name(field: String) = Option(node.get(field)).filterNot(_.isNull).map(_.asText)
    val batches = node.path("partitions").elements.asScala.map(_.elements.asScala.map(batch).toIndexedSeq)
    new ImportPlan(
      IRParser.parseType(node.path("type").asText).asInstanceOf[TStruct],
      node.path("path").asText,
      Option(node.get("inode")).filterNot(_.isNull).map(_.asLong),
      batches.toIndexedSeq,
      name("index"),
      name("rowNumber")
    )
  }

  private def batch(node: JsonNode): StoredBatch = {
    def number(name: String) = node.path(name).asLong
    StoredBatch(
      number("offset"),
      number("bytes"),
      number("first"),
      number("rows"),
      node.path("columns").toString
    )
  }
}
