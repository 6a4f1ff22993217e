package org.portico.kit

import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.assertThrows
import org.portico.ffi.Answer
import org.portico.ffi.FactorAnswer
import org.portico.ffi.FactorKind
import org.portico.ffi.PortalException
import java.nio.file.Path
import kotlin.io.path.createDirectories
import kotlin.io.path.createDirectory
import kotlin.io.path.deleteExisting
import kotlin.io.path.exists
import kotlin.io.path.moveTo
import kotlin.io.path.writeText

class SignInScenariosTest {
    @Scenario("sign_in")
    fun codeSignsInAndSoDoesNothingElse(stage: Stage) =
        stage.play {
            val phone = stage.world.phone()
            val early = assertThrows<PortalException> { phone.signIn.answer("AAAA-AAAA", "phone") }
            val code = phone.codeFor(stage.text("person"))
            val asked = phone.signIn.pending()

            val malformed = assertThrows<PortalException> { phone.signIn.answer(stage.text("malformed_code"), "phone") }
            val wrong =
                assertThrows<PortalException.WrongCode> { phone.signIn.answer(stage.text("wrong_code"), "phone") }
            phone.restart()
            val askedStill = phone.signIn.pending()
            val right = phone.signIn.answer(code, "phone")

            assertEquals(listOf("challenge_ended", "code_malformed"), listOf(early.code, malformed.code))
            assertEquals(stage.number("tries_left").toUInt(), wrong.triesLeft)
            assertEquals(asked ?: error("nothing was asked"), askedStill)
            assertEquals(Answer.SignedIn(sealed = null, beganAnew = false), right)
            assertNull(phone.signIn.pending())
            assertEquals(stage.text("name"), phone.portal.session().name)
            assertEquals(stage.text("firm"), phone.portal.session().firmName)
        }

    @Scenario("another_person")
    fun firstPersonsStoreIsSealedAndWhole(stage: Stage) =
        stage.play {
            val phone = stage.phoneOf("first")
            val first = phone.portal
            first.send(stage.conversation, stage.text("text"))

            val answer = phone.signInAs(stage.text("second"))
            phone.portal.catchUp()
            val ended = assertThrows<PortalException> { first.firstScreen(1u) }
            val foreign = assertThrows<PortalException> { phone.portal.timeline(stage.conversation, null, 1u) }
            val seconds = phone.portal.outbox()
            phone.signInAs(stage.text("first"))

            assertEquals(Answer.SignedIn(sealed = 1u, beganAnew = false), answer)
            assertEquals(listOf("ended", "not_here"), listOf(ended.code, foreign.code))
            assertTrue(seconds.isEmpty())
            assertEquals(listOf(stage.text("text")), phone.portal.outbox().map { it.body })
            assertEquals(stage.text("text"), phone.texts(stage.conversation).last())
        }

    @Scenario("second_device")
    fun furtherDeviceIsAskedForMoreAndIsWipedFromTheFirst(stage: Stage) =
        stage.play {
            val portal = stage.phoneOf("person").portal
            portal.asking { call -> setUpAuthenticator(call) }
            val codes = portal.asking { call -> makeRecoveryCodes(call) }.codes
            val used = requireNotNull(portal.authenticator()).code
            val second = stage.world.phone()
            val asked = second.signInAs(stage.text("person"))

            suspend fun prove(factor: FactorAnswer) = second.signIn.asking { call -> prove(factor, call) }

            val slip = assertThrows<PortalException> { prove(FactorAnswer.Totp(stage.text("slip"))) }
            val again = assertThrows<PortalException> { prove(FactorAnswer.Totp(used)) }
            val letIn = prove(FactorAnswer.RecoveryCode(codes.first().lowercase()))
            val lost = second.portal
            lost.catchUp()
            portal.asking { call -> wipeDevice(lost.session().deviceId, call) }
            val wiped = assertThrows<PortalException> { lost.catchUp() }

            val factors = listOf(FactorKind.TOTP, FactorKind.RECOVERY_CODE, FactorKind.APPROVAL)
            assertEquals(Answer.FactorNeeded(factors), asked)
            assertEquals(
                listOf("code_malformed", "factor_used", "wiped").map(stage::text),
                listOf(slip, again, wiped).map { it.code },
            )
            assertEquals(Answer.SignedIn(sealed = null, beganAnew = false), letIn)
            assertEquals(9u, portal.asking { call -> factors(call) }.recoveryCodesLeft)
            assertNull(second.signIn.portal())
            assertTrue(portal.asking { call -> devices(call) }.any { it.wipeToldAtMs != null })
        }

    @Scenario("home_is_a_file")
    fun homeThatIsNoFolderIsATypedError(stage: Stage) =
        stage.play {
            val secrets = FolderSecrets(stage.world.folder.resolve("secrets"))
            val file =
                stage.world.folder
                    .createDirectories()
                    .resolve("home")
            file.writeText("a file")

            val codes =
                listOf(file, file.resolve("below")).map { home ->
                    assertThrows<PortalException> { installation(home.toString(), secrets) }.code
                }

            assertEquals(listOf("disk_full", "disk_full"), codes)
        }

    @Scenario("folder_in_place_of_a_file")
    fun folderWhereAFileBelongsIsATypedError(stage: Stage) =
        stage.play {
            val phone = stage.phoneOf("person")
            phone.portal.send(stage.conversation, stage.text("text"))

            for (case in stage.list("files").map { it.jsonObject }) {
                phone.close()
                val file = phone.homeFile(case.text("file"))
                val aside = stage.world.folder.resolve("aside")
                if (file.exists()) file.moveTo(aside)
                file.createDirectory()

                phone.restart()
                val told =
                    assertThrows<PortalException> {
                        phone.signIn.portal()
                        phone.signInAs(stage.text("person"))
                    }
                file.deleteExisting()
                if (aside.exists()) aside.moveTo(file)

                assertEquals(case.text("code"), told.code, "$case")
                assertEquals(listOf(stage.text("text")), phone.portal.outbox().map { it.body }, "$case")
            }
            assertEquals(stage.text("text"), phone.texts(stage.conversation).last())
        }

    /** Where it is; in the home itself if it is nowhere. */
    private fun Phone.homeFile(name: String): Path =
        home
            .toFile()
            .walk()
            .find { it.name == name }
            ?.toPath() ?: home.resolve(name)
}
