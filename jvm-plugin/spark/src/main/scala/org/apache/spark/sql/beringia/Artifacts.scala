// What a client of Spark Connect has brought to its session (addArtifacts), and no other session has.
package org.apache.spark.sql.beringia

import java.nio.file.Path

/**
 * @param directory where it is, in Spark's directory of files on each executor
 * @param files the names of the files in it
 * @param onDriver where modules of Python among them are on the driver
 */
final case class Artifacts(directory: String, files: Seq[String], onDriver: Path)
