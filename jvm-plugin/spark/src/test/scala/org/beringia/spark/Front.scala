// numpy_map as the Python front calls it, for tests: the function is a module's, its arguments are columns.
package org.beringia.spark

import java.util.{List => JavaList}

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.spark.sql.{Column, DataFrame, RelationalGroupedDataset}
import org.apache.spark.sql.types.{DataType, StructType}

object Front {
  private val mapper = new ObjectMapper

  /** The Python that has the package. */
  def python: String = System.getProperty("beringia.python", "python3")

  /** @param paths where the worker looks for modules */
  def spec(
      function: String,
      parameters: Seq[String],
      paths: Seq[String] = Nil,
      interpreter: String = python
  ): String = {
    val spec: ObjectNode = mapper.createObjectNode()
    val program = spec
      .putObject("program")
      .put("name", function.split(':').last)
      .put("convention", "numpy")
      .put("function", function)
      .put("interpreter", interpreter)
      .put("pythonVersion", System.getProperty("beringia.python.version", "3.11"))
    val arguments = spec.putObject("options").putArray("arguments")
    parameters.foreach(name =>
      arguments.addObject().put("name", name).put("keyword", false).put("missing", "nan")
    )
    val list = program.putArray("paths")
    paths.foreach(list.add)
    mapper.writeValueAsString(spec)
  }

  def fields(ddl: String): DataType = StructType.fromDDL(ddl)

  def grouped(
      data: RelationalGroupedDataset,
      function: String,
      returns: DataType,
      args: Seq[(String, Column)],
      orderBy: Seq[Column] = Nil,
      paths: Seq[String] = Nil,
      keep: Seq[Column] = Nil,
      interpreter: String = python
  ): DataFrame = map(data, function, returns, args, orderBy, paths, keep, null, interpreter)

  def rows(
      data: DataFrame,
      function: String,
      returns: DataType,
      args: Seq[(String, Column)],
      paths: Seq[String] = Nil,
      keep: Seq[Column] = Nil,
      per: String = null,
      orderBy: Seq[Column] = Nil
  ): DataFrame = map(data, function, returns, args, orderBy, paths, keep, per, python)

  private def map(
      data: AnyRef,
      function: String,
      returns: DataType,
      args: Seq[(String, Column)],
      orderBy: Seq[Column],
      paths: Seq[String],
      keep: Seq[Column],
      per: String,
      interpreter: String
  ): DataFrame = PythonFront.map(
    data,
    PythonFront.function(Array.emptyByteArray),
    spec(function, args.map(_._1), paths, interpreter),
    columns(args.map(_._2)),
    columns(keep),
    columns(orderBy),
    returns.json,
    per,
    null,
    null,
    null
  )

  private def columns(list: Seq[Column]): JavaList[Column] = list.asJava
}
