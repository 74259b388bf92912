// How a function is mapped, beside its data and result: what the contract's options are called in Python, with
// the same defaults. `with…` is for Java, which has no named parameters.
package org.beringia.spark

import java.util.{Map => JavaMap}

import scala.annotation.varargs
import scala.collection.JavaConverters._
import scala.language.implicitConversions

import org.apache.spark.sql.Column
import org.apache.spark.sql.types.DataType

/**
 * @param consts values that every call gets, by parameter: arrays (of primitives, nested ones of equal lengths)
 *   come as read-only ndarrays, one copy on each machine; numbers, strings, booleans, null, and Scala or Java
 *   sequences and maps of these as Python's
 * @param orderBy order of the rows within a group, otherwise unspecified
 * @param keep columns that are carried through to the output
 * @param per without groups, what a call gets: `row` (the default), `batch` or `partition`
 * @param window windows that make the groups, of the rows with equal grouping columns
 * @param missing what a null among the values becomes: `nan`, `mask` or `error`, for all or by parameter
 * @param nanAsNull whether NaN in the result becomes null
 * @param onError what becomes of a group that fails: `raise`, `null` or `column`
 * @param writable whether the function may write to its arguments
 * @param batchBytes bytes of a batch, such as `16m`, in place of `spark.beringia.batchBytes`
 * @param timeout seconds that one call may take
 */
final case class NumpyOptions(
    consts: Map[String, Any] = Map.empty,
    orderBy: Seq[Column] = Nil,
    keep: Seq[Column] = Nil,
    per: Option[String] = None,
    window: Option[NumpyWindow] = None,
    missing: Missing = Missing.everywhere("nan"),
    nanAsNull: Boolean = false,
    onError: String = "raise",
    writable: Boolean = false,
    batchBytes: Option[String] = None,
    timeout: Option[Double] = None
) {
  def withConst(name: String, value: Any): NumpyOptions = copy(consts = consts + (name -> value))
  @varargs def withOrderBy(columns: Column*): NumpyOptions = copy(orderBy = columns)
  @varargs def withKeep(columns: Column*): NumpyOptions = copy(keep = columns)
  def withPer(name: String): NumpyOptions = copy(per = Some(name))
  def withWindow(made: NumpyWindow): NumpyOptions = copy(window = Some(made))
  def withMissing(policy: String): NumpyOptions = copy(missing = policy)
  def withMissing(policies: JavaMap[String, String]): NumpyOptions = copy(missing = policies.asScala.toMap)
  def withNanAsNull(value: Boolean): NumpyOptions = copy(nanAsNull = value)
  def withOnError(policy: String): NumpyOptions = copy(onError = policy)
  def withWritable(value: Boolean): NumpyOptions = copy(writable = value)
  def withBatchBytes(bytes: String): NumpyOptions = copy(batchBytes = Some(bytes))
  def withTimeout(seconds: Double): NumpyOptions = copy(timeout = Some(seconds))
}

object NumpyOptions {

  /** Every option at its default. */
  def defaults(): NumpyOptions = NumpyOptions()
}

/** What a missing value becomes: one policy for all parameters, or one for each that is named. */
final class Missing private (val policy: Either[String, Map[String, String]])

object Missing {
  implicit def everywhere(policy: String): Missing = new Missing(Left(policy))
  implicit def byParameter(policies: Map[String, String]): Missing = new Missing(Right(policies))
}

/**
 * The columns that a function gets: by parameter, or by position for one that names no parameters. A required
 * parameter that is not named takes the column of its name.
 */
final class Args private (val byPosition: Boolean, val columns: Seq[(String, Column)])

object Args {
  val none: Args = byName(Nil)

  implicit def byName(columns: Iterable[(String, Column)]): Args = new Args(false, columns.toSeq)
  implicit def byPosition(columns: Seq[Column]): Args = new Args(true, columns.map(c => c.toString -> c))

  /** For Java. */
  def of(columns: JavaMap[String, Column]): Args = byName(columns.asScala)

  /** For Java. */
  @varargs def of(columns: Column*): Args = byPosition(columns)
}

/** The fields of a result: as DDL, a StructType (one row per group), or an array of struct (any number). */
final class Returns private (val dataType: DataType)

object Returns {
  implicit def ddl(text: String): Returns = new Returns(MapFront.parse(text))
  implicit def ofType(dataType: DataType): Returns = new Returns(dataType)
}
