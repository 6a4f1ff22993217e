package org.portico.kit

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class ScenarioListTest {
    @Test
    fun everyScenarioHasOneFunction() {
        val classes =
            listOf(
                SignInScenariosTest::class,
                TextScenariosTest::class,
                FileScenariosTest::class,
                TapScenariosTest::class,
                BorderScenariosTest::class,
            )

        val played =
            classes.flatMap { it.java.declaredMethods.mapNotNull { it.getAnnotation(Scenario::class.java)?.id } }

        assertEquals(Scenarios.ids.sorted(), played.sorted())
    }
}
