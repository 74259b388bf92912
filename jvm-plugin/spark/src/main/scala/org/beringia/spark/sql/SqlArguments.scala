// The arguments of a function of SQL, by position and by name: constants, and texts of SQL where they stand for columns.
package org.beringia.spark.sql

import org.apache.spark.sql.{AnalysisException, Row, SparkSession}
import org.apache.spark.sql.beringia.{SparkInternals, TableArgument}
import org.apache.spark.sql.catalyst.CatalystTypeConverters
import org.apache.spark.sql.catalyst.expressions.{Cast, Expression, NamedArgumentExpression}
import org.apache.spark.sql.functions.expr
import org.apache.spark.sql.types._
import org.beringia.spark.{Args, Missing}

/**
 * @param function the function's name
 * @param positional the arguments that need no name, in their order: all are required
 * @param options those that need one
 */
final class SqlArguments(
    session: SparkSession,
    function: String,
    positional: Seq[String],
    options: Seq[String],
    expressions: Seq[Expression]
) {
  import SqlArguments._

  private val values: Map[String, Expression] = {
    val byPosition = expressions.filterNot(_.isInstanceOf[NamedArgumentExpression])
    if (byPosition.length > positional.length) {
      throw error(
        s"takes ${positional.length} arguments by position, ${positional.mkString(", ")}, got ${byPosition.length}: " +
          s"the others go by name, such as ${options.last} => …"
      )
    }
    val byName = expressions.collect { case NamedArgumentExpression(name, value) =>
      val known = (positional ++ options).find(_.equalsIgnoreCase(name)).getOrElse {
        throw error(s"has no argument `$name`: it takes ${(positional ++ options).mkString(", ")}")
      }
      known -> value
    }
    val all = positional.zip(byPosition) ++ byName
    all.map(_._1).diff(all.map(_._1).distinct).headOption.foreach { twice =>
      throw refusal(twice, "is given twice")
    }
    positional.find(name => !all.exists(_._1 == name)).foreach { name =>
      throw error(s"needs the argument `$name`")
    }
    all.toMap
  }

  def table(name: String): TableArgument = SparkInternals.tableArgument(values(name)).getOrElse {
    throw wrong(name, "a table, TABLE(name) or TABLE(SELECT …)")
  }

  def text(name: String): String = optionalText(name).getOrElse(throw wrong(name, "a text"))

  def optionalText(name: String): Option[String] = constant(name).map {
    case (value, StringType) => value.toString
    case _ => throw wrong(name, "a text")
  }

  def boolean(name: String): Boolean = constant(name).exists {
    case (value: Boolean, _) => value
    case _ => throw wrong(name, "true or false")
  }

  def number(name: String): Option[Double] = constant(name).map {
    case (_, _: NumericType) => Cast(values(name), DoubleType).eval().asInstanceOf[Double]
    case _ => throw wrong(name, "a number")
  }

  /** A number of bytes, in digits or with a unit. */
  def size(name: String): Option[String] = constant(name).map {
    case (value, StringType | ByteType | ShortType | IntegerType | LongType) => value.toString
    case _ => throw wrong(name, "a number of bytes, or a text such as '16m'")
  }

  /** Columns: a text of SQL, or an array of such. */
  def expressions(name: String): Option[Seq[Expression]] =
    texts(name).map(_.map(parsed(name, SparkInternals.parseExpression(session, _))))

  /** What ORDER BY takes: a text of SQL, or an array of such. */
  def orders(name: String): Option[Seq[Expression]] =
    texts(name).map(_.flatMap(parsed(name, SparkInternals.parseOrder(session, _))))

  /** Columns by parameter, or by position. */
  def args(name: String): Args = {
    def column(text: String) = {
      parsed(name, SparkInternals.parseExpression(session, _))(text)
      expr(text)
    }
    constant(name) match {
      case None => Args.none
      case Some((value, kind @ MapType(StringType, StringType, _))) =>
        Args.byName(texts(value, kind).map { case (key, text) => key -> column(text) })
      case Some((value, kind @ ArrayType(StringType, _))) =>
        Args.byPosition(plain(value, kind).asInstanceOf[Seq[String]].map(column))
      case _ =>
        throw wrong(name, "columns by parameter, map('x', 'v + 1', …), or by position, array('v + 1', …)")
    }
  }

  def missing(name: String): Missing = constant(name) match {
    case None => Missing.everywhere("nan")
    case Some((value, StringType)) => Missing.everywhere(value.toString)
    case Some((value, kind @ MapType(StringType, StringType, _))) =>
      Missing.byParameter(texts(value, kind))
    case _ => throw wrong(name, "a text, or texts by parameter, map('x', 'mask', …)")
  }

  /** Values by parameter. */
  def constants(name: String): Map[String, Any] = constant(name).fold(Map.empty[String, Any]) {
    case (value, kind @ (_: StructType | MapType(StringType, _, _))) =>
      plain(value, kind).asInstanceOf[Map[String, Any]]
    case _ => throw wrong(name, "values by parameter, named_struct('q', 90, …)")
  }

  /** What is wrong with an argument. */
  def refusal(name: String, what: String): AnalysisException =
    SparkInternals.analysisException(s"$function: the argument `$name` $what")

  private def wrong(name: String, wanted: String): AnalysisException = refusal(
    name,
    values.get(name).fold(s"takes $wanted")(got => s"takes $wanted, got ${got.sql} (${got.dataType.sql})")
  )

  private def error(what: String): AnalysisException = SparkInternals.analysisException(s"$function $what")

  /** The value of an argument and its type; none where it is NULL, or not values. */
  private def constant(name: String): Option[(Any, DataType)] = values.get(name).flatMap { expression =>
    if (!expression.foldable) throw wrong(name, "a constant")
    Option(expression.eval()).map(_ -> expression.dataType)
  }

  private def texts(name: String): Option[Seq[String]] = constant(name).map {
    case (value, StringType) => Seq(value.toString)
    case (value, kind @ ArrayType(StringType | NullType, _)) => plain(value, kind).asInstanceOf[Seq[String]]
    case _ => throw wrong(name, "a text of SQL, or an array of such")
  }

  private def parsed[T](name: String, parse: String => T)(text: String): T =
    try parse(text)
    catch {
      case _: AnalysisException => throw refusal(name, s"has a text that is no SQL here: '$text'")
    }

  /** Texts by name. */
  private def texts(value: Any, dataType: MapType): Map[String, String] =
    plain(value, dataType).asInstanceOf[Map[String, String]]

  /** A value of Spark's as one of Scala's: arrays of numbers as arrays of primitives, structs as maps. */
  private def plain(value: Any, dataType: DataType): Any =
    shared(CatalystTypeConverters.convertToScala(value, dataType), dataType)

  private def shared(value: Any, dataType: DataType): Any = (value, dataType) match {
    case (items: collection.Seq[_], ArrayType(of, _)) =>
      val parts = items.map(shared(_, of)).toSeq
      parts.map(part => if (part == null) null else Primitives.getOrElse(of, part.getClass)).distinct match {
        case Seq(one: Class[_]) if one.isPrimitive || one.isArray => array(one, parts)
        case _ => parts
      }
    case (items: collection.Map[_, _], MapType(_, of, _)) =>
      items.map { case (key, item) => key -> shared(item, of) }.toMap
    case (row: Row, StructType(fields)) =>
      fields.zip(row.toSeq).map { case (field, item) => field.name -> shared(item, field.dataType) }.toMap
    case _ => value
  }

  private def array(of: Class[_], items: Seq[Any]): AnyRef = {
    val made = java.lang.reflect.Array.newInstance(of, items.length)
    items.zipWithIndex.foreach { case (item, i) => java.lang.reflect.Array.set(made, i, item) }
    made
  }
}

object SqlArguments {
  private val Primitives: Map[DataType, Class[_]] = Map(
    BooleanType -> classOf[Boolean],
    ByteType -> classOf[Byte],
    ShortType -> classOf[Short],
    IntegerType -> classOf[Int],
    LongType -> classOf[Long],
    FloatType -> classOf[Float],
    DoubleType -> classOf[Double]
  )
}
