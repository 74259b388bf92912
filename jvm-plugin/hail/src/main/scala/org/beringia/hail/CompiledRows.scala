// The rows of a table as Hail compiles them for its own queries: one function from what a partition is to its rows. Hail
// compiles it anew for each query that ends in an RDD, so that the JVM starts each time with code that it does not know;
// here it is kept for the next query of the same form. What is read, and which parts of it, is not in it.
package org.beringia.hail

import java.io.{ByteArrayInputStream, ByteArrayOutputStream}
import java.util.concurrent.atomic.AtomicLong

import is.hail.annotations.{BroadcastRow, Region, RegionValue}
import is.hail.asm4s._
import is.hail.backend.{ExecuteContext, HailTaskContext}
import is.hail.backend.spark.SparkTaskContext
import is.hail.expr.ir._
import is.hail.expr.ir.defs._
import is.hail.expr.ir.lowering._
import is.hail.io.fs.FS
import is.hail.io.{BufferSpec, TypedCodecSpec}
import is.hail.rvd.{RVD, RVDContext, RVDType}
import is.hail.sparkextras.ContextRDD
import is.hail.types.physical.stypes.PTypeReferenceSingleCodeType
import is.hail.types.physical.{PArray, PStruct, PType}
import is.hail.types.virtual.{TStream, TableType}
import org.apache.spark.SparkContext

import scala.collection.mutable

object CompiledRows {

  /** Rows of a table, to be computed by Spark. What comes before them, such as a shuffle, runs now. */
  def of(ctx: ExecuteContext, table: TableIR): TableValue =
    ofLowered(ctx, LoweringPipeline.legacyRelationalLowerer(ctx, table).asInstanceOf[TableIR])

  /** Does so where neither matrices nor values of other tables are left in it. */
  def ofLowered(ctx: ExecuteContext, lowered: TableIR): TableValue = {
    val asked = withoutEntries(lowered).asInstanceOf[TableIR]
    if (CanLowerEfficiently(ctx, asked).isDefined) ExecuteRelational(ctx, asked).asTableValue(ctx)
    else {
      val stage = LowerTableIR.applyTable(asked, DArrayLowering.All, ctx, LoweringAnalyses(asked, ctx))
      // Rows of an RDD that is there already: its function holds them.
      if (stage.dependency.deps.nonEmpty) TableStageIntermediate(stage).asTableValue(ctx)
      else new CompiledRows(ctx, stage).value
    }
  }

  /** The same, reading rows of a matrix without its entries, which are in files of their own, if none are asked for. */
  private def withoutEntries(ir: BaseIR): BaseIR = ir match {
    case TableRead(of, dropRows, both: TableNativeZippedReader) if both.leftRType(of.rowType) == of.rowType =>
      val rows = TableNativeReaderParameters(both.pathLeft, both.options)
      TableRead(of, dropRows, new TableNativeReader(rows, both.specLeft))
    case other => other.mapChildren(withoutEntries)
  }

  /** How many functions were compiled so far: none for a query of a form that is known. */
  def compiled: Long = count.get

  private[this] val count = new AtomicLong

  private type Rows =
    (HailClassLoader, FS, HailTaskContext, RVDContext, Long, Long) => Iterator[java.lang.Long]
  private type Values = (HailClassLoader, FS, HailTaskContext, Region) => AsmFunction1RegionLong

  // Those of the driver that runs: they know its reference genomes, and its loader has their classes.
  private[this] var loader: HailClassLoader = _
  private[this] var ofLoader: Functions = _

  private def functions(ctx: ExecuteContext): Functions = synchronized {
    if (loader ne ctx.theHailClassLoader) {
      loader = ctx.theHailClassLoader
      ofLoader = new Functions
    }
    ofLoader
  }

  /** What was compiled, the type of what it makes, and the ids of errors in the query that it is for. */
  final private case class Function[T](made: PStruct, call: T, ids: ErrorIds)

  final private class Functions {
    private[this] val ofRows = new Kept[Rows]
    private[this] val ofValues = new Kept[Values]

    /** The function that makes a partition's rows, of two arguments of these types. */
    def rows(ctx: ExecuteContext, context: PStruct, shared: PStruct, body: IR): Function[Rows] =
      ofRows.of(Form.of(ctx, Seq(context, shared), body)) { form =>
        val (row, made) = CompileIterator.forTableStageToRVD(ctx, context, shared, form.body)
        (row.asInstanceOf[PStruct], made)
      }

    /** The function that makes a struct on the driver. */
    def values(ctx: ExecuteContext, body: IR): Function[Values] =
      ofValues.of(Form.of(ctx, Nil, body)) { form =>
        val (Some(PTypeReferenceSingleCodeType(made: PStruct)), make) = Compile[AsmFunction1RegionLong](
          ctx,
          IndexedSeq(),
          IndexedSeq(classInfo[Region]),
          LongInfo,
          form.body
        )
        (made, make)
      }
  }

  /** What was compiled last. Forms are compared one by one, for parts of Hail's IR have no hash that says what they are. */
  final private class Kept[T] {
    private[this] val found = mutable.ListBuffer.empty[(Form, (PStruct, T))]

    def of(numbered: (Form, ErrorIds))(compile: Form => (PStruct, T)): Function[T] = synchronized {
      val (form, ids) = numbered
      val at = found.indexWhere(_._1 == form)
      val made = if (at >= 0) found.remove(at) else form -> compile(form)
      if (at < 0) count.incrementAndGet(): Unit
      if (found.length == Most) found.remove(0): Unit
      found += made
      val (type_, call) = made._2
      Function(type_, call, ids)
    }
  }

  private val Most = 50 // as many as Hail keeps of its own
}

final private class CompiledRows(ctx: ExecuteContext, stage: TableStage) {
  private[this] val spark: SparkContext = ctx.backend.asSpark.sc
  private[this] val functions = CompiledRows.functions(ctx)
  private[this] val names = stage.broadcastVals.map(_._1)
  private[this] val places = names.indices.map(_.toString) // names differ from query to query

  def value: TableValue = {
    val Context = "context"
    val element = Name("element")
    val contexts = StreamMap(
      stage.contexts,
      element,
      MakeStruct(IndexedSeq(Context -> Ref(element, stage.contexts.typ.asInstanceOf[TStream].elementType)))
    )
    val made = MakeStruct(
      IndexedSeq(
        "globals" -> stage.globals,
        "shared" -> MakeStruct(places.zip(stage.broadcastVals.map(_._2))),
        "contexts" -> ToArray(contexts)
      )
    )
    val values = functions.values(ctx, Let(stage.letBindings, made))
    val madeType = values.made
    val address =
      values.ids.naming(values.call(ctx.theHailClassLoader, ctx.fs, ctx.taskContext, ctx.r)(ctx.r))
    val globals =
      BroadcastRow(
        ctx,
        RegionValue(ctx.r, madeType.loadField(address, 0)),
        madeType.fieldType("globals").setRequired(true).asInstanceOf[PStruct] // there in every table
      )

    val sharedType = madeType.fieldType("shared")
    val sharedCodec = TypedCodecSpec(ctx, sharedType, BufferSpec.wireSpec)
    val shared = spark.broadcast(sharedCodec.encodeValue(ctx, sharedType, madeType.loadField(address, 1)))
    val (sharedRead: PStruct, sharedDecoder) = sharedCodec.buildDecoder(ctx, sharedType.virtualType)

    val contextsType = madeType.fieldType("contexts").asInstanceOf[PArray]
    val contextCodec = TypedCodecSpec(ctx, contextsType.elementType, BufferSpec.wireSpec)
    val (contextRead: PStruct, contextDecoder) =
      contextCodec.buildDecoder(ctx, contextsType.elementType.virtualType)
    val partitions = {
      val encoder = contextCodec.buildEncoder(ctx, contextsType.elementType)
      val array = madeType.loadField(address, 2)
      (0 until contextsType.loadLength(array)).map { i =>
        val bytes = new ByteArrayOutputStream
        val out = encoder(bytes, ctx.theHailClassLoader)
        out.writeRegionValue(ctx.r, contextsType.loadElement(array, i))
        out.flush()
        bytes.toByteArray
      }.toArray
    }

    def argument(index: Int, of: PType) =
      In(index, SingleCodeEmitParamType(true, PTypeReferenceSingleCodeType(of)))
    val bindings = names.zip(places).map { case (name, place) =>
      name -> GetField(argument(1, sharedRead), place)
    } :+ (stage.ctxRefName -> GetField(argument(0, contextRead), Context))
    val CompiledRows.Function(rowType, makeRows, ids) =
      functions.rows(ctx, contextRead, sharedRead, Let(bindings, stage.partitionIR))

    val files = ctx.fsBc
    val rdd = ContextRDD.weaken(new TableStageToRDD(files, spark, partitions, Nil)).cflatMap[Long] {
      case (loader, consumer, (partition, _)) =>
        val region = consumer.partitionRegion
        val context = contextDecoder(new ByteArrayInputStream(partition), loader).readRegionValue(region)
        val values = sharedDecoder(new ByteArrayInputStream(shared.value), loader).readRegionValue(region)
        val rows =
          ids.naming(makeRows(loader, files.value, SparkTaskContext.get(), consumer, context, values))
        new Iterator[Long] {
          override def hasNext: Boolean = ids.naming(rows.hasNext)
          override def next(): Long = ids.naming(rows.next().longValue)
        }
    }
    val rvd = RVD(RVDType(rowType, stage.key), stage.partitioner, rdd)
    TableValue(ctx, TableType(stage.rowType, stage.key, stage.globalType), globals, rvd)
  }
}
