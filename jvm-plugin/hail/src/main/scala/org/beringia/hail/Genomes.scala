// The reference genomes that values of some types ask for, sent once to each executor: all that Hail knows take as long
// to send and to read as a small job to run.
package org.beringia.hail

import com.fasterxml.jackson.databind.ObjectMapper
import is.hail.backend.HailStateManager
import is.hail.types.virtual.{TLocus, Type}
import org.apache.spark.SparkContext
import org.apache.spark.broadcast.Broadcast

object Genomes {
  def of(types: Seq[Type], state: HailStateManager, spark: SparkContext): Broadcast[HailStateManager] = {
    val names = types.flatMap(within).toSet
    spark.broadcast(HailStateManager(state.referenceGenomes.filter { case (name, _) => names(name) }))
  }

  private def within(dataType: Type): Seq[String] = dataType match {
    case TLocus(genome) => Seq(genome)
    case other => other.children.flatMap(within)
  }

  /** Says in JSON which genome it is. */
  def named(genome: String): String = mapper.createObjectNode.put("reference_genome", genome).toString

  /** Does so, and says how long its contigs are. */
  def described(state: HailStateManager)(genome: String): String = {
    val node = mapper.createObjectNode.put("reference_genome", genome)
    val lengths = node.putObject("lengths")
    state.referenceGenomes(genome).lengths.foreach { case (contig, length) => lengths.put(contig, length) }
    node.toString
  }

  private val mapper = new ObjectMapper
}
