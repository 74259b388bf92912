// Lets the exchange of Spark below a node of groups move blocks of columns instead of rows: what it does with
// partitions (statistics, reuse, putting small ones together, encryption) stays Spark's. Where somebody else's exchange
// moves columns already, only the sort over it goes.
package org.beringia.spark.exchange

import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression, SortOrder}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.plans.physical.{HashPartitioning, Partitioning}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{SortExec, SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.adaptive.{AQEShuffleReadExec, ShuffleQueryStageExec}
import org.apache.spark.sql.execution.exchange.{ShuffleExchangeExec, ShuffleExchangeLike}
import org.beringia.executor.Settings
import org.beringia.spark.ColumnarNode

object ColumnExchange extends Rule[SparkPlan] {
  override val ruleName = "org.beringia.spark.exchange.ColumnExchange"

  /** With more partitions than this, blocks are too small to be worth it. */
  private val MostPartitions = 2000

  override def apply(plan: SparkPlan): SparkPlan =
    if (!Settings.exchangesColumns(Option(conf.getConfString(Settings.ExchangeColumns, null)))) plan
    else plan.transform {
      case node: ColumnarNode if node.takesColumns =>
        node.children match {
          case Seq(sort: SortExec) if !sort.global =>
            sortedBlocks(plan, sort).fold[SparkPlan](node)(blocks => node.withNewChildren(Seq(blocks)))
          case Seq(SortOfColumns(order, columns)) =>
            node.withNewChildren(Seq(SortedColumnsExec(order, columns)))
          case _ => node
        }
    }

  /** What gives the same as a sort over an exchange, if columns can be moved. */
  private def sortedBlocks(plan: SparkPlan, sort: SortExec): Option[SparkPlan] = sort.child match {
    case exchange: ShuffleExchangeExec
        if canBeSorted(exchange, sort.sortOrder) && movesRowsForOne(plan, exchange) =>
      exchange.outputPartitioning match {
        case HashPartitioning(Attributes(keys), partitions) if partitions <= MostPartitions =>
          Some(ofBlocks(exchange, keys, partitions, sort.sortOrder))
        case _ => None
      }
    case _ => None
  }

  /** A sort of columns by somebody else's node, which keeps the sort of Spark's that it stands for, over an exchange. */
  private object SortOfColumns {
    def unapply(plan: SparkPlan): Option[(Seq[SortOrder], SparkPlan)] = plan match {
      case sort: UnaryExecNode
          if sort.supportsColumnar && sort.child.supportsColumnar && isExchange(sort.child) =>
        val order = sort.outputOrdering
        val keepsSparks = sort.productIterator.exists {
          case spark: SortExec => !spark.global && spark.sortOrder == order
          case _ => false
        }
        if (keepsSparks && canBeSorted(sort.child, order)) Some((order, sort.child)) else None
      case _ => None
    }

    private def isExchange(plan: SparkPlan): Boolean = plan match {
      case _: ShuffleExchangeLike | _: ShuffleQueryStageExec | _: AQEShuffleReadExec => true
      case _ => false
    }
  }

  /** Whether all columns can go in blocks, and are ordered by themselves alone. */
  private def canBeSorted(plan: SparkPlan, order: Seq[SortOrder]): Boolean =
    plan.output.nonEmpty && plan.output.forall(column => ScatteredColumn.takes(column.dataType)) &&
      TableOrder.columns(order, plan.output).isDefined

  private object Attributes {
    def unapply(expressions: Seq[Expression]): Option[Seq[Attribute]] = {
      val attributes = expressions.collect { case attribute: Attribute => attribute }
      if (attributes.length == expressions.length) Some(attributes) else None
    }
  }

  /**
   * Whether nobody else has to do with the exchange: one that Spark would reuse for another node stays as it is, and so
   * does one of what the plan has elsewhere too, for Spark takes the number of blocks for the number of its rows.
   */
  private def movesRowsForOne(plan: SparkPlan, exchange: ShuffleExchangeExec): Boolean = {
    val others = outside(plan, exchange)
    val link = linkOf(exchange.child)
    !others.exists {
      case other: ShuffleExchangeExec => other.sameResult(exchange)
      case _ => false
    } && !others.exists(other => link.exists(link => other.logicalLink.exists(_ eq link)))
  }

  /** The nodes of `plan` that are not below `node`. */
  private def outside(plan: SparkPlan, node: SparkPlan): Seq[SparkPlan] =
    if (plan eq node) Nil else plan +: plan.children.flatMap(outside(_, node))

  /** The part of the query that an exchange over `plan` stands for when it has run. */
  private def linkOf(plan: SparkPlan): Option[LogicalPlan] =
    plan.collectFirst { case node if node.logicalLink.isDefined => node.logicalLink.get }

  private def ofBlocks(
      exchange: ShuffleExchangeExec,
      keys: Seq[Attribute],
      partitions: Int,
      order: Seq[SortOrder]
  ): SparkPlan = {
    val blocks = BlocksExec.of(keys, partitions, exchange.child)
    val byNumber = HashPartitioning(blocks.output.take(1), partitions)
    // What an exchange has beside these differs between versions of Spark.
    val arguments = exchange.productIterator.map {
      case _: Partitioning => byNumber
      case child if child.asInstanceOf[AnyRef] eq exchange.child => blocks
      case other => other.asInstanceOf[AnyRef]
    }
    val columns = BlockColumnsExec(keys, exchange.output, exchange.makeCopy(arguments.toArray))
    val sorted = SortedColumnsExec(order, columns)
    // Once the stage has run, Spark plans the rest anew, over this node in the place of what it stands for.
    linkOf(exchange.child).foreach(sorted.setLogicalLink)
    sorted
  }
}
