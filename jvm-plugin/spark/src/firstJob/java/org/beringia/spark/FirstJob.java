// A session's first job, run when the jar is built: what the JVM loads for it is the list in the jar, which
// FirstJobClasses reads.
package org.beringia.spark;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;

public final class FirstJob {

    private FirstJob() {}

    public static void main(String[] args) {
        SparkSession spark = SparkSession.builder()
            .master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .getOrCreate();
        Job.run(spark);
        spark.stop();
    }

    /** A class of its own: in the order in which classes are loaded, what is before it is the session's. */
    private static final class Job {
        static void run(SparkSession spark) {
            Dataset<Row> rows = spark.range(0, 1000, 1, 2)
                .selectExpr("id % 10 AS g", "rand(1) AS x", "cast(id AS string) AS s");
            rows.groupBy("g").agg(functions.expr("avg(x)"), functions.expr("max(s)")).collectAsList();
            rows.repartition(rows.col("g")).sortWithinPartitions("g").collectAsList();
        }
    }
}
