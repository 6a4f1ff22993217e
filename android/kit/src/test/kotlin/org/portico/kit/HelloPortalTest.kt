package org.portico.kit

import kotlinx.coroutines.test.runTest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The example as a newcomer runs it: a process of its own, a code from the mail, a line typed. */
class HelloPortalTest {
    @Test
    fun exampleSignsInShowsTheListAndSends() =
        runTest(timeout = PATIENCE) {
            World().use { world ->
                val mara = world.phoneOf("mara")
                val home = world.folder.resolve("hello").toString()
                lateinit var example: ChildJvm
                val code =
                    world.mailedCode {
                        example =
                            ChildJvm(
                                "org.portico.examples.HelloPortalKt",
                                home,
                                world.url,
                                world.email("amina"),
                                settings = NO_LOCALE,
                            )
                    }
                example.use {
                    it.tell(listOf("0000-0000", code, "Hello from the example 👋"))
                    val printed = generateSequence(it::line).toList()

                    assertTrue("wrong_code, try again:" in printed, printed.toString())
                    assertTrue("1 unread" in printed, printed.toString())
                    assertTrue(printed.any { "Haddad claim: Thank you." in it }, printed.toString())
                    assertEquals(0, it.exitStatus())
                }
                assertEquals("Hello from the example 👋", mara.texts(world.conversation("claim")).last())
            }
        }

    private companion object {
        /** As JDK 17 does where no locale is set: what is typed is UTF-8 all the same. */
        val NO_LOCALE = mapOf("file.encoding" to "US-ASCII")
    }
}
