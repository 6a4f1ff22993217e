package org.portico.kit

import kotlinx.coroutines.CancellationException
import org.portico.ffi.InternalException
import org.portico.ffi.PortalException
import org.portico.ffi.Refusal
import org.portico.ffi.RefusalCode
import java.nio.charset.CharacterCodingException

/**
 * A stable code for the app's string tables: the error's name in `docs/errors.md`, in snake case. Show words of the
 * app's own; the message of an exception is for nobody.
 */
public val PortalException.code: String
    get() =
        when (this) {
            is PortalException.Offline -> "offline"
            is PortalException.NotPortico -> "not_portico"
            is PortalException.BadServerUrl -> "bad_server_url"
            is PortalException.UntrustedServer -> "untrusted_server"
            is PortalException.OtherVersion -> "other_version"
            is PortalException.RetryLater -> "retry_later"
            is PortalException.EmailMalformed -> "email_malformed"
            is PortalException.WrongCode -> "wrong_code"
            is PortalException.CodeMalformed -> "code_malformed"
            is PortalException.WrongFactor -> "wrong_factor"
            is PortalException.FactorUsed -> "factor_used"
            is PortalException.FactorDisabled -> "factor_disabled"
            is PortalException.ClockOff -> "clock_off"
            is PortalException.StepUpNeeded -> "step_up_needed"
            is PortalException.PresenceRefused -> "presence_refused"
            is PortalException.ChallengeEnded -> "challenge_ended"
            is PortalException.SignInNeeded -> "sign_in_needed"
            is PortalException.Refused -> "refused"
            is PortalException.NotHere -> "not_here"
            is PortalException.NotAllowed -> "not_allowed"
            is PortalException.Malformed -> "malformed"
            is PortalException.FileUnreadable -> "file_unreadable"
            is PortalException.FileRefused -> "file_refused"
            is PortalException.DiskFull -> "disk_full"
            is PortalException.KeyLocked -> "key_locked"
            is PortalException.KeyUnavailable -> "key_unavailable"
            is PortalException.KeyLost -> "key_lost"
            is PortalException.Wiped -> "wiped"
            is PortalException.StoreNewer -> "store_newer"
            is PortalException.Ended -> "ended"
            is PortalException.Bug -> "bug"
        }

/** A stable code for the app's string tables: the one that the server gives. One of a newer server is as it came. */
public val RefusalCode.code: String
    get() =
        when (this) {
            RefusalCode.AccountClosed -> "account_closed"
            RefusalCode.BatchEmpty -> "batch_empty"
            RefusalCode.BatchTooLarge -> "batch_too_large"
            RefusalCode.BatchTooManyFiles -> "batch_too_many_files"
            RefusalCode.BodyEmpty -> "body_empty"
            RefusalCode.BodyHasNul -> "body_has_nul"
            RefusalCode.BodyNotUnicode -> "body_not_unicode"
            RefusalCode.BodyTooLong -> "body_too_long"
            RefusalCode.ConversationArchived -> "conversation_archived"
            RefusalCode.ConversationClosed -> "conversation_closed"
            RefusalCode.ConversationNotFound -> "conversation_not_found"
            RefusalCode.DocumentNotFound -> "document_not_found"
            RefusalCode.FileDamaged -> "file_damaged"
            RefusalCode.FileNameHasNul -> "file_name_has_nul"
            RefusalCode.FileNameTooLong -> "file_name_too_long"
            RefusalCode.NotParticipant -> "not_participant"
            RefusalCode.QuotaExceeded -> "quota_exceeded"
            RefusalCode.SendKeyReused -> "send_key_reused"
            RefusalCode.Withdrawn -> "withdrawn"
            is RefusalCode.Unknown -> text
        }

/**
 * Runs [body]; what the bindings throw besides [PortalException] becomes one. Their messages are dropped: nobody knows
 * what stands in them. What the shell's own code in [body] throws passes.
 */
internal inline fun <T> typed(
    closed: () -> Boolean,
    body: () -> T,
): T =
    try {
        body()
    } catch (gone: CancellationException) {
        // On a JVM it is an IllegalStateException, like the one of a closed object.
        throw gone
    } catch (_: CharacterCodingException) {
        // Half a surrogate pair: a Kotlin string can hold it, Unicode can not.
        throw PortalException.Refused(Refusal(RefusalCode.BodyNotUnicode, null, null, null))
    } catch (_: InternalException) {
        throw PortalException.Bug("bindings")
    } catch (foreign: IllegalStateException) {
        throw if (closed()) PortalException.Ended() else foreign
    }
