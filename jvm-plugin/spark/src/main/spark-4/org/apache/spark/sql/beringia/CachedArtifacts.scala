// The bytes that clients of Spark Connect have brought under the name of their hash, which Spark keeps to itself.
package org.apache.spark.sql.beringia

import org.apache.spark.sql.classic.SparkSession
import org.apache.spark.storage.CacheId
import org.beringia.{BeringiaException, ErrorCode}

object CachedArtifacts {

  def bytes(session: SparkSession, hash: String): Array[Byte] = {
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
