// The node that brings groups together: `group_by(keys).aggregate(x=collect(x), …)` with fields alone, where Hail's own
// makes objects of every row, and with an order within each group. Rows that lie in the order of their keys, as blocks of
// a genome do, stay where they are; to know it, and how keys are spread, it goes over the rows once more, unless the keys
// are the table's own.
package org.beringia.hail.grouping

import is.hail.backend.ExecuteContext
import is.hail.expr.ir.TableValue
import is.hail.expr.ir.functions.TableToTableFunction
import is.hail.rvd.RVDType
import is.hail.types.virtual._
import org.beringia.hail.Genomes
import org.json4s.{JArray, JObject, JString, JValue}

final class CollectByKey(plan: GroupPlan) extends TableToTableFunction {

  override def typ(child: TableType): TableType = {
    val keys = plan.keys.map { case (field, name) => name -> child.rowType.fieldType(field) }
    val collected = plan.columns.map(name => name -> (TArray(child.rowType.fieldType(name)): Type))
    TableType(TStruct((keys ++ collected): _*), keys.map(_._1), child.globalType)
  }

  override def preservesPartitionCounts: Boolean = false

  override def toJValue: JValue = JObject(
    "name" -> JString("BeringiaCollectByKey"),
    "keys" -> JArray(plan.keys.map { case (field, _) => JString(field) }.toList),
    "columns" -> JArray(plan.columns.map(JString(_)).toList)
  )

  override def execute(ctx: ExecuteContext, child: TableValue): TableValue = {
    val result = typ(child.typ)
    val rows = child.rvd
    val sortedBy = (plan.keys ++ plan.order).map { case (field, _) => child.typ.rowType.fieldType(field) }
    val genomes = Genomes.of(sortedBy, ctx.stateManager, rows.sparkContext)
    val layout = new RecordLayout(rows.rowPType, plan, genomes)
    val grouped = new GroupedRows(ctx, rows, layout, RVDType(layout.group, result.key))
    val rvd = if (plan.keyed) grouped.byOwnKey(plan.keys.length) else grouped.byFields()
    TableValue(ctx, result, child.globals, rvd)
  }
}
