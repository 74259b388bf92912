// A call as a client of Spark Connect sends it (python/beringia/spark/connect): in an extension's bytes, Connect's own
// message of an aggregate, whose "aggregates" are two literals, the function and the call in JSON, and then the columns.
// So Connect itself reads data, keys and columns, with their references, and there is no protocol of ours.
package org.beringia.spark.connect

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.spark.connect.proto
import org.apache.spark.sql.DataFrame
import org.apache.spark.sql.beringia.{CachedArtifacts, SparkInternals}
import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.classic.SparkSession
import org.apache.spark.sql.connect.planner.SparkConnectPlanner
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.JobSpec
import org.beringia.spark.{Interpreter, MapCall, MapFront}
import org.beringia.spark.windows.Windows

/** Refuses by itself what cannot be read, and what a client of another version says. */
final class ConnectCall(message: Array[Byte], planner: SparkConnectPlanner) {
  private val aggregate = {
    val relation = proto.Relation.parseFrom(message)
    if (!relation.hasAggregate) {
      throw refusal(
        ErrorCode.ARGUMENT,
        "numpy_map takes no subquery among its columns: join it to the data"
      )
    }
    relation.getAggregate
  }
  private val call = JobSpec.parse(aggregate.getAggregateExpressions(1).getLiteral.getString)
  requireVersion()
  if (aggregate.getGroupType != proto.Aggregate.GroupType.GROUP_TYPE_GROUPBY) throw MapFront.otherGrouping

  val session: SparkSession = planner.sessionHolder.session

  def data: DataFrame = SparkInternals.frame(session, planner.transformRelation(aggregate.getInput))

  def isGrouped: Boolean = call.path("grouped").asBoolean

  def keys: Seq[Expression] =
    aggregate.getGroupingExpressionsList.asScala.toList.map(planner.transformExpression)

  /** What the JSON has under a name, if it is there. */
  def text(name: String): Option[String] =
    Option(call.get(name)).filter(!_.isNull).map((value: JsonNode) => value.asText)

  def mapCall: MapCall = {
    val (fields, many) = MapFront.fields(MapFront.parse(call.path("returns").asText))
    val spec = call.path("spec").asInstanceOf[ObjectNode]
    // Of the server's machine, and so the server's to say.
    Interpreter.locate(spec, session)
    val columns =
      aggregate.getAggregateExpressionsList.asScala.iterator.drop(2).map(planner.transformExpression)
    def next(count: String): Seq[Expression] = Seq.fill(call.path(count).asInt)(columns.next())
    MapCall(
      function,
      spec,
      args = next("args"),
      keep = next("keep"),
      orderBy = next("orderBy"),
      fields,
      many,
      text("batchBytes").map(_.toLong),
      Option(call.get("windows")).filter(!_.isNull).map(Windows.parse(columns.next(), _))
    )
  }

  /** A large one is an artifact, and the literal its name. */
  private def function: Array[Byte] = {
    val literal = aggregate.getAggregateExpressions(0).getLiteral
    if (literal.hasBinary) literal.getBinary.toByteArray
    else CachedArtifacts.bytes(session, literal.getString)
  }

  private def requireVersion(): Unit = {
    val client = call.path("version").asText
    val server = getClass.getPackage.getImplementationVersion
    if (server != null && server != client) {
      throw refusal(
        ErrorCode.CONFIG,
        s"this client has beringia $client, and the Spark Connect server has $server: install the same version at " +
          s"both ends (pip install beringia==$server)"
      )
    }
  }

  private def refusal(code: ErrorCode, message: String) = new BeringiaException(code, message)
}
