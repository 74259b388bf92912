// The node in Hail's IR: a table with one row per group in, the function's results out, under the same key. The
// front has brought the groups together; what is here runs on the driver when a query does.
package org.beringia.hail

import is.hail.backend.ExecuteContext
import is.hail.expr.ir.TableValue
import is.hail.expr.ir.functions.TableToTableFunction
import is.hail.rvd.RVDType
import is.hail.types.physical.{PCanonicalStruct, PType}
import is.hail.types.virtual.{Field, TInt64, TStruct, TableType}
import org.apache.spark.TaskContext
import org.beringia.spark.Settings
import org.json4s.{JObject, JString, JValue}

final class NumpyMapFunction(plan: MapPlan, function: Array[Byte]) extends TableToTableFunction {

  override def typ(child: TableType): TableType = {
    val added = plan.returns.fields.map(f => f.name -> f.typ) ++ plan.rowNumber.map(_ -> TInt64)
    val keys = child.key.map(name => name -> child.rowType.fieldType(name))
    val fields = (keys ++ added).zipWithIndex.map { case ((name, dataType), i) => Field(name, dataType, i) }
    TableType(TStruct(fields.toIndexedSeq), child.key, child.globalType)
  }

  // Any other promise than one row per row makes count() wrong.
  override def preservesPartitionCounts: Boolean = !plan.many

  override def toJValue: JValue =
    JObject("name" -> JString("BeringiaNumpyMap"), "function" -> JString(plan.name))

  override def execute(ctx: ExecuteContext, child: TableValue): TableValue = {
    val result = typ(child.typ)
    val row = child.rvd.rowPType
    val genomes = Genomes.of(child.typ.keyType.types, ctx.stateManager, child.rvd.sparkContext)
    val keys = new GroupKeys(row, child.typ.key, genomes)
    val fields = plan.returns.fields.map(f => f.name -> PType.canonical(f.typ))
    val number = plan.rowNumber.map(_ -> HailTask.NumberType)
    val output = PCanonicalStruct(true, child.typ.key.zip(keys.types) ++ fields ++ number: _*)
    val settings = Settings.ours(child.rvd.sparkContext.getConf.getAll)
    val payload = plan.payload(function, child.globals)
    val task = new HailTask(
      row,
      keys,
      plan.keyColumns.length,
      plan.columns,
      fields,
      output,
      number.isDefined,
      payload.ship(child.rvd.sparkContext),
      settings,
      plan.limits(settings)
    )
    // The closure holds the task alone: neither the context of this query nor the child.
    val rvd =
      child.rvd.mapPartitionsWithContextAndIndex(RVDType(output, result.key))(NumpyMapFunction.run(task))
    TableValue(ctx, result, child.globals, rvd)
  }
}

object NumpyMapFunction {
  import is.hail.asm4s.HailClassLoader
  import is.hail.rvd.RVDContext
  import is.hail.sparkextras.ContextRDD.Element

  private def run(
      task: HailTask
  ): (Int, HailClassLoader, RVDContext, Element[Long]) => Iterator[Long] = (index, loader, consumer, part) =>
    new RegionIterator(
      task,
      index,
      consumer,
      producer => part(loader, producer),
      TaskContext.get()
    )
}
