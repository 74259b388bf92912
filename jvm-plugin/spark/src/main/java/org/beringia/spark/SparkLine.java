// The line of Spark that this jar is for. It is asked before anything else of the jar meets a Spark that it was not
// compiled for, and so is Java: a class of Scala would fail by itself on another Scala.
package org.beringia.spark;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Properties;
import org.beringia.BeringiaException;
import org.beringia.ErrorCode;

public final class SparkLine {

    private SparkLine() {}

    /** Refuses a Spark of another line. */
    public static void require() {
        String obstacle = obstacle();
        if (obstacle != null) {
            throw new BeringiaException(ErrorCode.CONFIG, obstacle);
        }
    }

    /** Why this jar does not go with the Spark that runs; null if it does. */
    public static String obstacle() {
        return obstacle(
            org.apache.spark.package$.MODULE$.SPARK_VERSION(), scala.util.Properties.versionNumberString());
    }

    static String obstacle(String spark, String scala) {
        Properties line = line();
        String[] versions = line.getProperty("spark").split(" ");
        if (Arrays.asList(versions).contains(minor(spark)) && line.getProperty("scala").equals(minor(scala))) {
            return null;
        }
        return "this jar of Beringia is for Spark " + String.join(", ", versions) + " with Scala "
            + line.getProperty("scala") + ", and here runs Spark " + spark + " with Scala " + minor(scala)
            + ": take the jar that is for it. From Python, beringia.spark.conf() chooses it; the package has all of them "
            + "in its folder jars.";
    }

    private static Properties line() {
        try (InputStream file = SparkLine.class.getResourceAsStream("line.properties")) {
            Properties line = new Properties();
            line.load(file);
            return line;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** {@code 4.3} of {@code 4.3.0}. */
    private static String minor(String version) {
        String[] parts = version.split("\\.", 3);
        return parts.length < 2 ? version : parts[0] + "." + parts[1];
    }
}
