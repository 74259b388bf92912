package org.beringia.guide;

import static org.apache.spark.sql.functions.col;

import java.util.Map;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.beringia.spark.Args;
import org.beringia.spark.NumpyFront;
import org.beringia.spark.NumpyOptions;
import org.beringia.spark.PythonFunction;
import org.beringia.spark.Returns;
import scala.Tuple2;

/** The Java of docs/scala.md. */
final class JavaProgram {
    private final Dataset<Row> scaled;
    private final Dataset<Tuple2<String, Double>> totals;

    JavaProgram(Dataset<Row> visits) {
        Dataset<Row> scaled = NumpyFront.map(
                visits.groupBy("id"),
                PythonFunction.fromSource("def scaled(x, factor):\n    return (factor * x).sum()"),
                Returns.ddl("total double"),
                Args.of(Map.of("x", col("y"))),
                NumpyOptions.defaults().withConst("factor", 2).withOrderBy(col("x")));

        Dataset<Tuple2<String, Double>> totals = NumpyFront.mapGroups(
                visits.groupByKey((MapFunction<Row, String>) row -> row.getString(0), Encoders.STRING()),
                PythonFunction.fromModule("numpy:sum"),
                Encoders.DOUBLE(),
                Args.of(Map.of("a", col("x"))),
                NumpyOptions.defaults());

        this.scaled = scaled;
        this.totals = totals;
    }

    Dataset<Row> scaled() {
        return scaled;
    }

    Dataset<Tuple2<String, Double>> totals() {
        return totals;
    }
}
