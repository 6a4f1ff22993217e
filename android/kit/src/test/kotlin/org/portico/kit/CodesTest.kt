package org.portico.kit

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.portico.ffi.PickFault
import org.portico.ffi.PortalException
import org.portico.ffi.Refusal
import org.portico.ffi.RefusalCode

/** The codes are the names that `docs/errors.md` gives, for every variant there is. */
class CodesTest {
    @Test
    fun everyErrorHasItsOwnCode() {
        val errors =
            listOf(
                PortalException.Offline(),
                PortalException.NotPortico(),
                PortalException.BadServerUrl(),
                PortalException.UntrustedServer(),
                PortalException.OtherVersion(2u),
                PortalException.RetryLater(null),
                PortalException.EmailMalformed(),
                PortalException.WrongCode(null),
                PortalException.CodeMalformed(),
                PortalException.WrongFactor(null),
                PortalException.FactorUsed(),
                PortalException.FactorDisabled(),
                PortalException.ClockOff(90),
                PortalException.StepUpNeeded(),
                PortalException.PresenceRefused(),
                PortalException.Wiped(),
                PortalException.ChallengeEnded(),
                PortalException.SignInNeeded(),
                PortalException.Refused(Refusal(RefusalCode.BodyEmpty, null, null, null)),
                PortalException.NotHere(),
                PortalException.NotAllowed(),
                PortalException.Malformed(),
                PortalException.FileUnreadable(PickFault.MISSING),
                PortalException.FileRefused(),
                PortalException.DiskFull(),
                PortalException.KeyLocked(),
                PortalException.KeyUnavailable(),
                PortalException.KeyLost(),
                PortalException.StoreNewer(),
                PortalException.Ended(),
                PortalException.Bug("where"),
            )

        assertEquals(namesOf(PortalException::class.java), errors.map { it.code }.toSet())
    }

    @Test
    fun everyRefusalHasItsOwnCode() {
        val refusals =
            listOf(
                RefusalCode.AccountClosed,
                RefusalCode.BatchEmpty,
                RefusalCode.BatchTooLarge,
                RefusalCode.BatchTooManyFiles,
                RefusalCode.BodyEmpty,
                RefusalCode.BodyHasNul,
                RefusalCode.BodyNotUnicode,
                RefusalCode.BodyTooLong,
                RefusalCode.ConversationArchived,
                RefusalCode.ConversationClosed,
                RefusalCode.ConversationNotFound,
                RefusalCode.DocumentNotFound,
                RefusalCode.FileDamaged,
                RefusalCode.FileNameHasNul,
                RefusalCode.FileNameTooLong,
                RefusalCode.NotParticipant,
                RefusalCode.QuotaExceeded,
                RefusalCode.SendKeyReused,
                RefusalCode.Withdrawn,
                RefusalCode.Unknown("unknown"),
            )

        assertEquals(namesOf(RefusalCode::class.java), refusals.map { it.code }.toSet())
    }

    /** The variants of a generated type, in snake case. */
    private fun namesOf(type: Class<*>): Set<String> =
        type.declaredClasses
            .filter { type.isAssignableFrom(it) }
            .map { it.simpleName.replace(Regex("(?<=[a-z])(?=[A-Z])"), "_").lowercase() }
            .toSet()
}
