package org.beringia.spark.accelerate

import java.nio.file.{Files, Path}
import java.nio.file.attribute.PosixFilePermissions

import org.junit.{Rule, Test}
import org.junit.Assert._
import org.junit.rules.TemporaryFolder

class InterpretersTest {
  private val folder = new TemporaryFolder

  @Rule def made: TemporaryFolder = folder

  /** An interpreter that runs a shell's commands. */
  private def python(commands: String): String = {
    val file: Path = folder.getRoot.toPath.resolve(s"python-${commands.hashCode}")
    Files.write(file, s"#!/bin/sh\n$commands\n".getBytes("UTF-8"))
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"))
    file.toString
  }

  private def refusal(commands: String): String = Interpreters.refusal(python(commands), "3.11").orNull

  @Test def whatItSaysIsItsVersionOrWhatItLacks(): Unit = {
    assertNull(refusal("echo a warning; echo 3.11"))
    assertTrue(refusal("echo 3.9").contains("is Python 3.9"))
    assertTrue(refusal("echo No module named x >&2; exit 1").contains("lacks a package: No module named x"))
    assertTrue(Interpreters.refusal(folder.getRoot.toPath.resolve("none").toString, "3.11").get.contains(
      "cannot be run"
    ))
  }

  @Test def oneThatLeavesItsOutputOpenIsNotWaitedFor(): Unit = {
    val start = System.nanoTime
    assertNull(refusal("sleep 20 & echo 3.11"))
    assertTrue(System.nanoTime - start < 10L * 1000 * 1000 * 1000)
  }
}
