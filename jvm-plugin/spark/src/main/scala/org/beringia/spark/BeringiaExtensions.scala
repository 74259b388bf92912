// What a Spark session gets: the strategy that plans the node, the rule that tidies what feeds it, and the function of SQL.
package org.beringia.spark

import org.apache.spark.sql.SparkSessionExtensions
import org.beringia.spark.accelerate.Acceleration
import org.beringia.spark.exchange.ColumnExchange
import org.beringia.spark.sql.TableFunctions

final class BeringiaExtensions extends (SparkSessionExtensions => Unit) {
  override def apply(extensions: SparkSessionExtensions): Unit = {
    extensions.injectPlannerStrategy(_ => NumpyMapStrategy)
    // Before stages are made, for explain(); and before columns are, where there are no stages.
    extensions.injectQueryStagePrepRule(_ => Acceleration)
    extensions.injectQueryStagePrepRule(_ => ColumnExchange)
    extensions.injectColumnar(_ => ColumnarNode)
    val function = TableFunctions.numpyMap
    extensions.injectTableFunction((function.identifier, function.info, function.build))
  }
}
