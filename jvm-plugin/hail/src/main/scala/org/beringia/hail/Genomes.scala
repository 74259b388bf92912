// The reference genomes that values of some types ask for, sent once to each executor: all that Hail knows take as long
// to send and to read as a small job to run.
package org.beringia.hail

import is.hail.backend.HailStateManager
import is.hail.types.virtual.{TLocus, Type}
import org.apache.spark.SparkContext
import org.apache.spark.broadcast.Broadcast

object Genomes {
  def of(types: Seq[Type], state: HailStateManager, spark: SparkContext): Broadcast[HailStateManager] = {
    val names = types.flatMap(named).toSet
    spark.broadcast(HailStateManager(state.referenceGenomes.filter { case (name, _) => names(name) }))
  }

  private def named(dataType: Type): Seq[String] = dataType match {
    case TLocus(genome) => Seq(genome)
    case other => other.children.flatMap(named)
  }
}
