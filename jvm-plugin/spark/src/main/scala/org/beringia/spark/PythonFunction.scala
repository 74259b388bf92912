// A Python function as a Scala or Java program names it: one of a module, of a text, or of a pickle.
package org.beringia.spark

import java.io.IOException
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, InvalidPathException, Paths}

/**
 * @param kind how a worker loads it (`function` in docs/jvm-boundary.md)
 * @param bytes what it is loaded from; none for a function of a module
 */
final class PythonFunction private (val kind: String, val bytes: Array[Byte])

object PythonFunction {

  /** A function that workers import: `package.module:function`, or `package.module:Class.method`. */
  def fromModule(name: String): PythonFunction = name.split(":", -1) match {
    case Array(module, function) if module.nonEmpty && function.nonEmpty =>
      new PythonFunction(name, Array.emptyByteArray)
    case _ => throw Refusal(s"a function of a module is named as 'module:function', got '$name'")
  }

  /** The last function that a text of Python defines. */
  def fromSource(source: String): PythonFunction = fromSource(source, "")

  /** The function `name` of a text of Python, which workers run as a module of its own. */
  def fromSource(source: String, name: String): PythonFunction =
    new PythonFunction(s"source:$name", source.getBytes(UTF_8))

  /** The function that cloudpickle wrote to a file of the driver. */
  def fromPickle(path: String): PythonFunction = {
    val bytes =
      try Files.readAllBytes(Paths.get(path))
      catch {
        case e @ (_: IOException | _: InvalidPathException) =>
          throw Refusal(s"the pickled function in '$path' cannot be read: $e", e)
      }
    new PythonFunction("pickle", bytes)
  }
}
