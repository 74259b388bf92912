// The node in Hail's IR: a table's rows in, the function's results out, keyed by the groups. What is here runs on the
// driver when a query does.
package org.beringia.hail

import is.hail.asm4s.HailClassLoader
import is.hail.backend.ExecuteContext
import is.hail.expr.ir.{TableIR, TableRange, TableToTableApply, TableValue}
import is.hail.expr.ir.functions.TableToTableFunction
import is.hail.rvd.{RVDContext, RVDType}
import is.hail.sparkextras.ContextRDD.Element
import is.hail.types.physical.{PCanonicalStruct, PStruct}
import is.hail.types.virtual.{TInt64, TStruct, TableType}
import org.apache.spark.TaskContext
import org.beringia.executor.Settings
import org.beringia.hail.grouping.{GroupPlan, GroupedRows, KeyRanges, RecordLayout}
import org.beringia.hail.windows.WindowedRows
import org.json4s.{JObject, JString, JValue}

/**
 * @param own the rows, if the node makes them itself; else they are those of its child in the query
 * @param keysAlone what `plan.grouping` needs of the rows, if it can be had for less than these
 */
final class NumpyMapFunction(
    plan: MapPlan,
    function: Array[Byte],
    own: Option[ChildTable],
    keysAlone: Option[ChildTable]
) extends TableToTableFunction {
  import NumpyMapFunction._

  override def typ(inQuery: TableType): TableType = {
    val child = own.fold(inQuery)(_.typ)
    val keys = plan.window match {
      case Some(window) => window.keys(child.rowType).map { case (name, of) => name -> of.virtualType }
      case None => keyFields(child).map { case (field, name) => name -> child.rowType.fieldType(field) }
    }
    val added =
      plan.returns.fields.map(f => f.name -> ArrowForms.returned(f.typ)) ++ plan.rowNumber.map(_ -> TInt64)
    TableType(TStruct((keys ++ added): _*), keys.map(_._1), child.globalType)
  }

  /** Fields of the rows, each with the name of the key that it becomes. */
  private def keyFields(child: TableType): IndexedSeq[(String, String)] =
    plan.grouping.fold(child.key.map(name => name -> name))(_.keys)

  // Any other promise than one row per row makes count() wrong.
  override def preservesPartitionCounts: Boolean = plan.grouping.isEmpty && !plan.many

  override def toJValue: JValue =
    JObject("name" -> JString("BeringiaNumpyMap"), "function" -> JString(plan.name))

  override def execute(ctx: ExecuteContext, inQuery: TableValue): TableValue = {
    val child = own.fold(inQuery)(_.rows(ctx))
    val result = typ(child.typ)
    val rows = child.rvd
    val order = plan.grouping.toSeq.flatMap(_.order).map { case (field, _) =>
      child.typ.rowType.fieldType(field)
    }
    val fields = plan.returns.fields.map(f => f.name -> f.typ)
    val genomes =
      Genomes.of(result.keyType.types ++ order ++ fields.map(_._2), ctx.stateManager, rows.sparkContext)
    val keyTypes = plan.window match {
      case Some(window) => window.keys(child.typ.rowType)
      case None =>
        keyFields(child.typ).map { case (field, name) => name -> rows.rowPType.fieldType(field) }
    }
    val keys = new GroupKeys(keyTypes, genomes)
    val fieldTypes = fields.map { case (name, of) => name -> HailTask.returned(of) }
    val number = plan.rowNumber.map(_ -> HailTask.NumberType)
    val output = PCanonicalStruct(true, keys.names.zip(keys.types) ++ fieldTypes ++ number: _*)
    val settings = Settings.ours(rows.sparkContext.getConf.getAll)
    val columns = plan.columns(rows.rowPType, keys)
    val task = new HailTask(
      keys,
      columns,
      plan.keyColumns.length,
      fields,
      genomes,
      output,
      number.isDefined,
      plan.payload(function, child.globals).ship(rows.sparkContext),
      settings,
      plan.limits(settings)
    )
    // The closures hold the task and what lays out its records: neither the context of this query nor the child.
    val rowType = RVDType(output, result.key)
    def alone = keysAlone.map(_.rows(ctx).rvd).filter(_.getNumPartitions == rows.getNumPartitions)
    val rvd = plan.grouping match {
      case Some(GroupPlan(_, _, _, Some(window))) =>
        new WindowedRows(ctx, rows, alone.getOrElse(rows), window, task, columns, rowType).rvd
      case Some(grouping) =>
        val layout = new RecordLayout(rows.rowPType, grouping, columns, genomes)
        val grouped = new GroupedRows(ctx, rows, layout, task, rowType)
        if (grouping.keyed) grouped.byOwnKey(keys.names.length)
        else {
          val ranges = alone match {
            case Some(found) =>
              KeyRanges.of(
                found.crdd,
                new RecordLayout(found.rowPType, grouping, GroupColumns(Nil, Nil, Set.empty), genomes)
              )
            case None => KeyRanges.of(rows.crdd, layout)
          }
          grouped.byFields(ranges)
        }
      case None => rows.mapPartitionsWithContextAndIndex(rowType)(eachRow(task, rows.rowPType, columns))
    }
    TableValue(ctx, result, child.globals, rvd)
  }
}

object NumpyMapFunction {

  /** The node over the groups of `rows`. */
  def over(ctx: ExecuteContext, rows: TableIR, plan: MapPlan, function: Array[Byte]): TableIR = {
    // Where each row is a group already, Hail counts on its partitions.
    val lowered = if (plan.grouping.isEmpty) None else ChildTable.of(ctx, rows)
    val own = lowered.filter(_.isInPlace)
    // What moves rows would be done twice, and might leave them in another order for the keys.
    val keys = for {
      grouping <- plan.grouping if plan.largeRows && !grouping.keyed
      table <- lowered if table.stays
      found = table.select(ctx, grouping.fields) if found.isInPlace
    } yield found
    // A node has a child in the query: at this one's rows, of which there are none, nobody looks.
    val child = if (own.isDefined) TableRange(0, 1) else rows
    TableToTableApply(child, new NumpyMapFunction(plan, function, own, keys))
  }

  /** Rows that each are a group. */
  private def eachRow(
      task: HailTask,
      row: PStruct,
      columns: GroupColumns
  ): (Int, HailClassLoader, RVDContext, Element[Long]) => Iterator[Long] = (index, loader, consumer, part) =>
    new RegionIterator(
      task,
      index,
      consumer,
      producer => new RowGroups(row, task.keys, columns.whole.map(_._1), part(loader, producer), producer),
      TaskContext.get()
    )
}
