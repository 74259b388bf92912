// The node in Hail's IR of rows that Python has written to a file. It reads them again each time that a query runs.
package org.beringia.hail.exchange

import java.io.{DataInputStream, FileInputStream}
import java.nio.file.{Files, NoSuchFileException, Paths}

import is.hail.asm4s.HailClassLoader
import is.hail.backend.{ExecuteContext, HailStateManager}
import is.hail.expr.ir.TableValue
import is.hail.expr.ir.functions.TableToTableFunction
import is.hail.io.fs.FS
import is.hail.rvd.{RVD, RVDContext, RVDPartitioner, RVDType}
import is.hail.sparkextras.ContextRDD
import is.hail.types.physical.{PCanonicalStruct, PType}
import is.hail.types.virtual.{TInt64, TStruct, TableType}
import is.hail.utils.Interval
import org.apache.spark.TaskContext
import org.apache.spark.broadcast.Broadcast
import org.apache.spark.sql.Row
import org.beringia.{BeringiaException, ErrorCode}
import org.json4s.{JObject, JString, JValue}

final class TableImport(plan: ImportPlan) extends TableToTableFunction {
  override def typ(child: TableType): TableType = {
    val fields = plan.rowType.fields.map(f => f.name -> f.typ) ++ plan.numbers.map(_ -> TInt64)
    TableType(TStruct(fields: _*), plan.index.toIndexedSeq, child.globalType)
  }

  // The child has other rows.
  override def preservesPartitionCounts: Boolean = false

  override def toJValue: JValue = JObject("name" -> JString("BeringiaImport"), "path" -> JString(plan.path))

  override def execute(ctx: ExecuteContext, child: TableValue): TableValue = {
    val result = typ(child.typ)
    val output =
      PCanonicalStruct(true, result.rowType.fields.map(f => f.name -> PType.canonical(f.typ)): _*)
    val spark = child.rvd.sparkContext
    val file = plan.inode match {
      case Some(inode) => new LocalFile(plan.path, inode)
      case None => new RemoteFile(plan.path, spark.broadcast(ctx.fs))
    }
    val parts = if (plan.partitions.isEmpty) IndexedSeq(IndexedSeq.empty[StoredBatch]) else plan.partitions
    val rows = ContextRDD
      .weaken(spark.parallelize(parts, parts.length))
      .cmapPartitions[Long](TableImport.read(file, output, plan.rowType))
    val rvd =
      if (plan.index.isEmpty) RVD.unkeyed(output, rows)
      else RVD(RVDType(output, result.key), byNumber(parts, result.keyType, ctx.stateManager), rows)
    TableValue(ctx, result, child.globals, rvd)
  }

  /** Partitions of rows that are keyed by their number. */
  private def byNumber(parts: IndexedSeq[IndexedSeq[StoredBatch]], key: TStruct, state: HailStateManager) = {
    val starts = parts.map(_.headOption.fold(0L)(_.first))
    val ends = parts.map(_.lastOption.fold(0L)(batch => batch.first + batch.rows))
    val bounds = starts.zip(ends).map { case (start, end) => Interval(Row(start), Row(end), true, false) }
    new RVDPartitioner(state, key, bounds)
  }
}

// The closure of tasks, which must not hold the context of a query.
object TableImport {
  private def read(
      file: StoredFile,
      output: PCanonicalStruct,
      fields: TStruct
  ): (HailClassLoader, RVDContext, Iterator[IndexedSeq[StoredBatch]]) => Iterator[Long] =
    (_, consumer, partitions) => {
      val reader = new StoredRows(file, output, fields, consumer, partitions.flatten)
      TaskContext.get().addTaskCompletionListener[Unit](_ => reader.close())
      reader
    }
}

/** The file, as tasks open it. */
sealed trait StoredFile extends Serializable {
  def open(): DataInputStream
}

/** A file of Python's: its name is another one's, perhaps, when it is gone. */
final class LocalFile(path: String, inode: Long) extends StoredFile {
  override def open(): DataInputStream = {
    val in = if (isThere) new FileInputStream(path) else throw gone
    // If it still has its name, it had it when it was opened.
    if (!isThere) {
      in.close()
      throw gone
    }
    new DataInputStream(in)
  }

  private def isThere: Boolean =
    try Files.getAttribute(Paths.get(path), "unix:ino") == inode
    catch {
      case _: NoSuchFileException => false
    }

  private def gone = new BeringiaException(
    ErrorCode.ARGUMENT,
    "the data that the table was made of are gone: they are there as long as Python has the table that from_arrow, " +
      "from_pandas or from_numpy gave, or one made of it. Keep it as long as a DataFrame of it is used, or write it " +
      "with checkpoint(…)"
  )
}

final class RemoteFile(path: String, fs: Broadcast[FS]) extends StoredFile {
  override def open(): DataInputStream = fs.value.openNoCompression(path)
}
