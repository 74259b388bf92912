// The Scala front: `import org.beringia.spark._` gives DataFrames and groups a `numpyMap`.
package org.beringia

import org.apache.spark.sql.{DataFrame, Dataset, Encoder, KeyValueGroupedDataset, RelationalGroupedDataset}

package object spark {

  implicit class NumpyGroups(private val data: RelationalGroupedDataset) extends AnyVal {

    /**
     * Runs a NumPy function on each group.
     *
     * @param returns the fields of the result, as DDL or a StructType: one row per group; an array of struct:
     *   any number
     * @param args columns by parameter, `Map("x" -> col("dose"))`, or a `Seq` by position; a required parameter
     *   that is not named takes the column of its name
     * @return the grouping columns, those of `keep`, then the fields of `returns`; lazy
     */
    def numpyMap(
        function: PythonFunction,
        returns: Returns,
        args: Args = Args.none,
        options: NumpyOptions = NumpyOptions()
    ): DataFrame = NumpyFront.map(data, function, returns, args, options)
  }

  implicit class NumpyRows(private val data: Dataset[_]) extends AnyVal {

    /** Runs a NumPy function on each row, or as `per` of `options` says; see [[NumpyGroups.numpyMap]]. */
    def numpyMap(
        function: PythonFunction,
        returns: Returns,
        args: Args = Args.none,
        options: NumpyOptions = NumpyOptions()
    ): DataFrame = NumpyFront.map(data, function, returns, args, options)
  }

  implicit class NumpyTypedGroups[K, V](private val data: KeyValueGroupedDataset[K, V]) extends AnyVal {

    /**
     * `mapGroups` with a NumPy function. Its arguments are the columns of `V`; the key is the column `key`, or
     * `key.a`, `key.b`, … where it has fields. The fields of its result are those of `U`.
     */
    def numpyMapGroups[U: Encoder](
        function: PythonFunction,
        args: Args = Args.none,
        options: NumpyOptions = NumpyOptions()
    ): Dataset[(K, U)] =
      NumpyFront.mapGroups(data, function, implicitly[Encoder[U]], args, options)

    /** `flatMapGroups` with a NumPy function: any number of `U` per group. */
    def numpyFlatMapGroups[U: Encoder](
        function: PythonFunction,
        args: Args = Args.none,
        options: NumpyOptions = NumpyOptions()
    ): Dataset[(K, U)] =
      NumpyFront.flatMapGroups(data, function, implicitly[Encoder[U]], args, options)
  }
}
