package org.portico.kit

import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.runTest
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.extension.ExtendWith
import org.junit.jupiter.api.extension.ExtensionContext
import org.junit.jupiter.api.extension.ParameterContext
import org.junit.jupiter.api.extension.ParameterResolver
import org.junit.jupiter.api.extension.TestWatcher
import java.nio.file.Path
import java.util.concurrent.ConcurrentSkipListSet
import kotlin.io.path.createParentDirectories
import kotlin.io.path.deleteIfExists
import kotlin.io.path.readText
import kotlin.io.path.writeText
import kotlin.time.Duration.Companion.minutes

/** Plays the scenario [id] of `tests/vectors/scenarios.json`. The function takes its [Stage]. */
@Test
@ExtendWith(Staging::class)
@Target(AnnotationTarget.FUNCTION)
annotation class Scenario(
    val id: String,
)

/** A world of its own, and what the scenario is played [with]. */
class Stage(
    val world: World,
    val with: JsonObject,
) : AutoCloseable by world {
    val conversation: String get() = world.conversation(text("conversation"))

    suspend fun phoneOf(role: String): Phone = world.phoneOf(text(role))

    fun text(name: String): String = with.text(name)

    fun number(name: String): Int = with.getValue(name).jsonPrimitive.int

    fun list(name: String): JsonArray = with.getValue(name).jsonArray

    fun texts(name: String): List<String> = list(name).map { it.jsonPrimitive.content }

    fun play(body: suspend TestScope.() -> Unit) = runTest(timeout = PATIENCE, testBody = body)
}

/** The list that every language plays, and which of it passed here. */
object Scenarios {
    private val list =
        Json
            .parseToJsonElement(Path.of(System.getProperty("vectors.folder"), "scenarios.json").readText())
            .jsonObject
            .getValue("scenarios")
            .jsonArray
            .map { it.jsonObject }
    private val report =
        World.target
            .resolve("scenarios")
            .resolve("kotlin.json")
            .createParentDirectories()
    private val passed = ConcurrentSkipListSet<String>()

    init {
        report.deleteIfExists()
    }

    val ids: List<String> get() = list.map { it.text("id") }

    fun with(id: String): JsonObject = list.single { it.text("id") == id }.getValue("with").jsonObject

    fun passed(id: String) {
        passed += id
        report.writeText(JsonArray(passed.map(::JsonPrimitive)).toString())
    }
}

/** Gives a scenario its stage, which closes with it, and notes that it passed. */
class Staging :
    ParameterResolver,
    TestWatcher {
    override fun supportsParameter(
        parameter: ParameterContext,
        context: ExtensionContext,
    ): Boolean = parameter.parameter.type == Stage::class.java

    override fun resolveParameter(
        parameter: ParameterContext,
        context: ExtensionContext,
    ): Any =
        Stage(World(), Scenarios.with(idOf(context))).also { stage ->
            context.getStore(ExtensionContext.Namespace.create(Staging::class)).put("stage", stage)
        }

    override fun testSuccessful(context: ExtensionContext) = Scenarios.passed(idOf(context))

    private fun idOf(context: ExtensionContext) = context.requiredTestMethod.getAnnotation(Scenario::class.java).id
}

/** A limit for what never ends, also on a busy machine. */
val PATIENCE = 2.minutes
