// What clients of Spark Connect have brought to a session (addArtifacts), which Spark keeps to itself.
package org.apache.spark.sql.beringia

import org.apache.spark.sql.classic.SparkSession
import org.apache.spark.storage.CacheId
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.spark.Interpreter

final class Artifacts(session: SparkSession) {

  /** The directory of the session's files, in Spark's directory of files on each executor; none where it has no files. */
  val directory: Option[String] =
    Option(session.artifactManager.state).map(_.uuid).filter(files(_).nonEmpty)

  /** Where its modules are, in Spark's directory of files: in [[directory]], and in the archives there. */
  def modules: Seq[String] =
    directory.toSeq ++ directory.toSeq.flatMap(d => Interpreter.archives(files(d)).map(name => s"$d/$name"))

  private def files(directory: String): Seq[String] =
    session.sparkContext.addedFiles.getOrElse(directory, Map.empty).keys.toSeq

  /** The bytes that a client has brought under the name of their hash. */
  def cached(hash: String): Array[Byte] = {
    val blocks = session.sparkContext.env.blockManager
    val block = CacheId(session.sessionUUID, hash)
    blocks.getLocalBytes(block) match {
      case Some(data) =>
        try data.toInputStream().readAllBytes()
        finally blocks.releaseLock(block)
      case None => throw new BeringiaException(
          ErrorCode.RESOURCE,
          "the Spark Connect server no longer has the function of this numpy_map, which its client brought: call " +
            "numpy_map again"
        )
    }
  }
}
