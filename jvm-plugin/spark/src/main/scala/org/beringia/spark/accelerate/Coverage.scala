// What is accelerated and what is not: the one list of reasons to leave a node to Spark.
package org.beringia.spark.accelerate

import org.apache.spark.{SparkConf, SparkEnv}
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types._

object Coverage {

  /** Whether it is one of Spark's nodes that call Python. */
  def isPython(node: SparkPlan): Boolean =
    node.getClass.getName.startsWith("org.apache.spark.sql.execution.python.")

  /** Why a function cannot run on our workers; none where it can. */
  def refusal(
      kind: Kind,
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
        (command.evalType != kind.evalType) -> s"functions of kind ${command.evalType} are not covered",
        child.exists(_.logicalLink.exists(_.isStreaming)) -> "it is part of a stream",
        (columns.isEmpty || fields.isEmpty) -> "there are no columns",
        session.contains(Profiler) -> s"$Profiler is set",
        (conf.getBoolean(Encryption, false) && command.task.hasBroadcasts) ->
          s"$Encryption is true, and the function refers to a broadcast variable",
        command.environment.get(HashSeed).exists(_ != "0") -> s"$HashSeed is ${command.environment(HashSeed)}"
      ))
      .orElse(types("column", columns))
      .orElse(types("result", fields))
      .orElse(Interpreters.refusal(command.interpreter, command.version))
  }

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

  private def types(what: String, columns: Seq[Attribute]): Option[String] =
    columns.find(column => !covered(column.dataType))
      .map(column => s"$what '${column.name}' is of type ${column.dataType.catalogString}")

  private def covered(dataType: DataType): Boolean = dataType match {
    case BooleanType | ByteType | ShortType | IntegerType | LongType | FloatType | DoubleType => true
    case StringType | BinaryType | DateType | TimestampType | TimestampNTZType | _: DecimalType => true
    case _ => false
  }

  private def first(reasons: (Boolean, String)*): Option[String] =
    reasons.collectFirst { case (true, reason) => reason }
}
