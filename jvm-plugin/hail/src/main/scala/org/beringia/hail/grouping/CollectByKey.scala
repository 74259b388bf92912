// The node that brings groups together: `group_by(keys).aggregate(x=collect(x), …)` with fields alone, where Hail's own
// makes an object of every row. It goes over the rows twice: to see how their keys are spread, and to send them. Rows
// that lie in the order of their keys already, as blocks of a genome do, stay where they are.
package org.beringia.hail.grouping

import is.hail.backend.ExecuteContext
import is.hail.expr.ir.TableValue
import is.hail.expr.ir.functions.TableToTableFunction
import is.hail.rvd.{RVD, RVDPartitioner, RVDType}
import is.hail.sparkextras.ContextRDD
import is.hail.types.virtual._
import is.hail.utils.Interval
import org.apache.spark.TaskContext
import org.json4s.{JArray, JObject, JString, JValue}

/**
 * @param keys fields by which rows are grouped, with the names that they get
 * @param columns fields that become arrays
 */
final class CollectByKey(keys: IndexedSeq[(String, String)], columns: IndexedSeq[String])
    extends TableToTableFunction {

  override def typ(child: TableType): TableType = {
    val collected = columns.map(name => name -> (TArray(child.rowType.fieldType(name)): Type))
    TableType(TStruct((keyFields(child) ++ collected): _*), keys.map(_._2), child.globalType)
  }

  override def preservesPartitionCounts: Boolean = false

  override def toJValue: JValue = JObject(
    "name" -> JString("BeringiaCollectByKey"),
    "keys" -> JArray(keys.map { case (field, _) => JString(field) }.toList),
    "columns" -> JArray(columns.map(JString(_)).toList)
  )

  override def execute(ctx: ExecuteContext, child: TableValue): TableValue = {
    val state = ctx.stateManager
    val rows = child.rvd
    val layout = new RecordLayout(rows.rowPType, keys, columns, rows.sparkContext.broadcast(state))
    val keyType = TStruct(keyFields(child.typ): _*)
    val result = RVDType(layout.group, keys.map(_._2))
    val ranges = KeyRanges.of(rows.crdd, layout)
    val rvd =
      if (ranges.isEmpty) RVD.empty(state, result)
      else
        ranges.inOrder match {
          case Some(partitions) => group(inPlace(ctx, rows, layout, partitions), layout, result)
          case None =>
            val blocks = RowShuffle(rows.crdd, layout, ranges.bounds)
            val groups = ContextRDD.weaken(blocks).cmapPartitions[Long](CollectByKey.sortAndGroup(layout))
            RVD(result, ranges.partitioner(layout, keyType, state), groups)
        }
    TableValue(ctx, typ(child.typ), child.globals, rvd)
  }

  private def keyFields(child: TableType): IndexedSeq[(String, Type)] =
    keys.map { case (field, name) => name -> child.rowType.fieldType(field) }

  /** Rows under their new key, of which each is in one partition alone. */
  private def inPlace(
      ctx: ExecuteContext,
      rows: RVD,
      layout: RecordLayout,
      partitions: IndexedSeq[PartitionKeys]
  ): RVD = {
    val state = ctx.stateManager
    val fields = keys.map(_._1)
    val intervals = partitions.map { partition =>
      Interval(layout.key(partition.least), layout.key(partition.greatest), true, true)
    }
    val typ = RVDType(rows.rowPType, fields)
    val keyType = typ.kType.virtualType
    val ordered = rows.crdd.reorderPartitions(partitions.map(_.index))
    RVD(typ, new RVDPartitioner(state, keyType, intervals), ordered)
      .repartition(ctx, RVDPartitioner.generate(state, fields, keyType, intervals), false, true)
  }

  private def group(rows: RVD, layout: RecordLayout, result: RVDType): RVD =
    rows.mapPartitionsWithContext(result)(CollectByKey.groupInOrder(layout))
}

object CollectByKey {
  import is.hail.asm4s.HailClassLoader
  import is.hail.rvd.RVDContext
  import is.hail.sparkextras.ContextRDD.Element

  private def sortAndGroup(
      layout: RecordLayout
  ): (HailClassLoader, RVDContext, Iterator[Array[Byte]]) => Iterator[Long] =
    (_, consumer, blocks) =>
      new GroupIterator(layout, new SortedRecords(layout, blocks, TaskContext.get()), consumer)

  private def groupInOrder(
      layout: RecordLayout
  ): (HailClassLoader, RVDContext, Element[Long]) => Iterator[Long] =
    (loader, consumer, part) => {
      val producer = consumer.freshContext()
      new GroupIterator(layout, new RowRecords(layout, part(loader, producer), producer), consumer)
    }
}
