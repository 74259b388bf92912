// The list of classes that the build made, and what loads it.
package org.beringia.spark

import org.junit.Assert._
import org.junit.Test

class FirstJobClassesTest {

  @Test def allOfTheListAreInTheSparkThatItWasMadeWith(): Unit =
    assertEquals(FirstJobClasses.names.size, FirstJobClasses.load(FirstJobClasses.names))

  @Test def theyAreOfPlanningAndOfRunningAndNoneIsOfTheBuild(): Unit = {
    val names = FirstJobClasses.names
    for (
      wanted <-
        Seq("catalyst.parser.AstBuilder", "execution.exchange.ShuffleExchangeExec", "execution.SortExec")
    ) {
      assertTrue(wanted, names.contains("org.apache.spark.sql." + wanted))
    }
    assertTrue(names.contains("org.codehaus.janino.UnitCompiler"))
    assertEquals(Seq.empty, names.filter(_.startsWith("org.beringia")))
  }

  @Test def classesThatAreNotThereAreLeftOut(): Unit =
    assertEquals(1, FirstJobClasses.load(Seq("org.apache.spark.NotInThisVersion", classOf[String].getName)))

  @Test def theDriverLoadsThemWhenItStarts(): Unit = {
    TestSession.spark
    assertTrue(FirstJobClasses.begun.get)
  }
}
