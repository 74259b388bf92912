// What is accelerated and what is not: the one list of reasons to leave a node to Spark.
package org.beringia.spark.accelerate

import org.apache.spark.{SparkConf, SparkEnv}
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.python.beringia.PythonMap
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types._
import org.beringia.spark.columns.ArrowTypes

object Coverage {

  /** Whether it is one of Spark's nodes that call Python. */
  def isPython(node: SparkPlan): Boolean =
    node.getClass.getName.startsWith("org.apache.spark.sql.execution.python.")

  /** Why a function cannot run on our workers; none where it can. */
  def refusal(
      command: PythonCommand,
      session: SQLConf,
      child: SparkPlan,
      columns: Seq[Attribute],
      fields: Seq[Attribute]
  ): Option[String] = {
    val conf = SparkEnv.get.conf
    Settings.find(setting => setting.forbids(conf))
      .map(setting => s"${setting.name} is ${conf.get(setting.name)}")
      .orElse(first(
        child.exists(_.logicalLink.exists(_.isStreaming)) -> "it is part of a stream",
        (columns.isEmpty || fields.isEmpty) -> "there are no columns",
        !fields.forall(field => isNullable(field.dataType)) -> "values within the result cannot be null",
        session.contains(Profiler) -> s"$Profiler is set",
        (conf.getBoolean(Encryption, false) && command.task.hasBroadcasts) ->
          s"$Encryption is true, and the function refers to a broadcast variable",
        command.environment.get(HashSeed).exists(_ != "0") -> s"$HashSeed is ${command.environment(HashSeed)}"
      ))
      .orElse(types("column", columns, covered))
      .orElse(types("result", fields, covered))
      .orElse(Interpreters.refusal(command.interpreter, command.version))
  }

  /** Why columns cannot be keys; none where they can. */
  def keys(columns: Seq[Attribute]): Option[String] = types("key", columns, isScalar)

  /** Why columns cannot be put before results; none where they can. */
  def keeping(columns: Seq[Attribute]): Option[String] =
    columns.find(column => ArrowTypes.layout(column.dataType).isEmpty)
      .map(column => s"column '${column.name}' is of type ${column.dataType.catalogString}")

  /** Why the rows of a partition cannot be pulled as Spark would have them pulled; none where they can. */
  def pulling(node: PythonMap, session: SQLConf): Option[String] = first(
    node.barrier -> "it is in barrier mode",
    node.profile -> "it has a resource profile"
  ).orElse(pulling(node.output, session))

  /** Why rows cannot be pulled as Spark would have them pulled, and results taken; none where they can. */
  def pulling(fields: Seq[Attribute], session: SQLConf): Option[String] = first(
    session.contains(Validation) -> s"$Validation is set",
    !fields.forall(_.nullable) -> "a field of the result cannot be null"
  ).orElse(portions(session))

  /** Why rows cannot be given in such portions as Spark's; none where they can. */
  def portions(session: SQLConf): Option[String] = first(
    (session.arrowMaxRecordsPerBatch <= 0) -> s"$BatchRows is ${session.arrowMaxRecordsPerBatch}",
    session.contains(BatchBytes) -> s"$BatchBytes is set"
  )

  /** Why functions cannot be given the child's batches as they are; none where they can, or are given other portions. */
  def batches(takesBatches: Boolean, carries: Boolean): Option[String] = first(
    (takesBatches && !carries) -> s"its child gives batches, which are taken as they are while $ColumnarInput is true"
  )

  private val ColumnarInput = "spark.sql.execution.arrow.pythonUDF.columnarInput.enabled"
  private val BatchRows = "spark.sql.execution.arrow.maxRecordsPerBatch"
  private val Validation = "spark.sql.execution.arrow.pyspark.validateSchema.enabled"
  private val BatchBytes = "spark.sql.execution.arrow.maxBytesPerBatch"
  private val Profiler = "spark.sql.pyspark.udf.profiler"
  private val Encryption = "spark.io.encryption.enabled"
  private val HashSeed = "PYTHONHASHSEED"

  /** One of Spark's for its own workers. */
  private final case class Setting(name: String, forbids: SparkConf => Boolean)

  private val Settings = Seq(
    Setting("spark.python.worker.reuse", !_.getBoolean("spark.python.worker.reuse", true)),
    Setting("spark.python.profile", _.getBoolean("spark.python.profile", false)),
    Setting("spark.python.profile.memory", _.getBoolean("spark.python.profile.memory", false)),
    Setting("spark.python.daemon.module", _.contains("spark.python.daemon.module")),
    Setting("spark.python.worker.module", _.contains("spark.python.worker.module")),
    Setting("spark.task.cpus", _.get("spark.task.cpus", "1").exists(!_.isDigit)), // a fraction of one
    Setting("spark.executor.pyspark.memory", _.contains("spark.executor.pyspark.memory"))
  )

  private def types(
      what: String,
      columns: Seq[Attribute],
      isCovered: DataType => Boolean
  ): Option[String] =
    columns.find(column => !isCovered(column.dataType))
      .map(column => s"$what '${column.name}' is of type ${column.dataType.catalogString}")

  private def covered(dataType: DataType): Boolean = dataType match {
    case ArrayType(element, _) => covered(element)
    case StructType(fields) =>
      fields.nonEmpty && fields.map(_.name).distinct.length == fields.length &&
      fields.forall(field => covered(field.dataType))
    case scalar => isScalar(scalar)
  }

  /** Whether values of a type are one each, and have a form in Arrow. */
  def isScalar(dataType: DataType): Boolean = dataType match {
    case BooleanType | ByteType | ShortType | IntegerType | LongType | FloatType | DoubleType => true
    case StringType | BinaryType | DateType | TimestampType | TimestampNTZType | _: DecimalType => true
    case _ => false
  }

  /** Whether no value within one of this type has to be there. */
  private def isNullable(dataType: DataType): Boolean = dataType match {
    case ArrayType(element, hasNulls) => hasNulls && isNullable(element)
    case StructType(fields) => fields.forall(field => field.nullable && isNullable(field.dataType))
    case _ => true
  }

  private def first(reasons: (Boolean, String)*): Option[String] =
    reasons.collectFirst { case (true, reason) => reason }
}
