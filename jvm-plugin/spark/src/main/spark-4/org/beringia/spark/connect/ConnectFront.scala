// numpy_map as a client of Spark Connect sends it (python/beringia/spark/connect): in an extension's bytes, Connect's
// own message of an aggregate, whose "aggregates" are two literals, the function and the call in JSON, and then the
// columns. So Connect itself reads data, keys and columns, with their references, and there is no protocol of ours.
package org.beringia.spark.connect

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{ObjectNode, TextNode}
import org.apache.spark.connect.proto
import org.apache.spark.sql.beringia.{Artifacts, SparkInternals}
import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.classic.SparkSession
import org.apache.spark.sql.connect.planner.SparkConnectPlanner
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.JobSpec
import org.beringia.spark.{Interpreter, MapCall, MapFront, NumpyMapException}

object ConnectFront {

  /** The type that the extension names. */
  val TypeUrl = "beringia.org/numpy_map"

  /** The plan of a call, analysed; refusals are [[NumpyMapException]]s, which reach the client whole. */
  def map(message: Array[Byte], planner: SparkConnectPlanner): LogicalPlan =
    NumpyMapException.wrapping(plan(proto.Relation.parseFrom(message), planner))

  private def plan(relation: proto.Relation, planner: SparkConnectPlanner): LogicalPlan = {
    if (!relation.hasAggregate)
      throw refusal("numpy_map takes no subquery among its columns: join it to the data")
    val aggregate = relation.getAggregate
    val function = aggregate.getAggregateExpressions(0).getLiteral
    val call = JobSpec.parse(aggregate.getAggregateExpressions(1).getLiteral.getString)
    requireVersion(call)
    if (aggregate.getGroupType != proto.Aggregate.GroupType.GROUP_TYPE_GROUPBY) {
      throw MapFront.otherGrouping
    }
    val session = planner.sessionHolder.session
    val data = SparkInternals.frame(session, planner.transformRelation(aggregate.getInput))
    val expressions =
      aggregate.getAggregateExpressionsList.asScala.iterator.drop(2).map(planner.transformExpression)
    def next(count: String): Seq[Expression] = Seq.fill(call.path(count).asInt)(expressions.next())
    val (fields, many) = MapFront.fields(MapFront.parse(call.path("returns").asText))
    val mapCall = MapCall(
      // A large one is an artifact, and the literal its name.
      if (function.hasBinary) function.getBinary.toByteArray
      else new Artifacts(session).cached(function.getString),
      located(call.path("spec").asInstanceOf[ObjectNode], session),
      args = next("args"),
      keep = next("keep"),
      orderBy = next("orderBy"),
      fields,
      many,
      text(call, "batchBytes").map(_.toLong)
    )
    val keys = aggregate.getGroupingExpressionsList.asScala.toList.map(planner.transformExpression)
    SparkInternals.plan(
      if (call.path("grouped").asBoolean) MapFront.keyed(data, keys, text(call, "per"), mapCall)
      else MapFront.rows(data, text(call, "per"), mapCall)
    )
  }

  /** `spec` with the interpreter and the paths, which are the server's to say. */
  private def located(spec: ObjectNode, session: SparkSession): ObjectNode = {
    val program = JobSpec.part(spec, "program").put("interpreter", Interpreter.resolve(session))
    val context = session.sparkContext
    val artifacts = new Artifacts(session)
    // Files of one session, and so are the modules that its workers import from them.
    artifacts.directory.foreach(program.put("environment", _))
    val paths = artifacts.modules.map(Interpreter.path(context, _)) ++ Interpreter.paths(context)
    program.putArray("paths").addAll(paths.map(TextNode.valueOf).asJava)
    spec
  }

  private def text(call: ObjectNode, name: String): Option[String] =
    Option(call.get(name)).filter(!_.isNull).map((value: JsonNode) => value.asText)

  private def requireVersion(call: ObjectNode): Unit = {
    val client = call.path("version").asText
    val server = getClass.getPackage.getImplementationVersion
    if (server != null && server != client) {
      throw new BeringiaException(
        ErrorCode.CONFIG,
        s"this client has beringia $client, and the Spark Connect server has $server: install the same version at " +
          s"both ends (pip install beringia==$server)"
      )
    }
  }

  private def refusal(message: String) = new BeringiaException(ErrorCode.ARGUMENT, message)
}
