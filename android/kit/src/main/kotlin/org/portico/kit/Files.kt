package org.portico.kit

import org.portico.ffi.AttachmentId
import org.portico.ffi.BackgroundTransfer
import org.portico.ffi.ConversationId
import org.portico.ffi.EntryId
import org.portico.ffi.PickedFile
import org.portico.ffi.Portal
import org.portico.ffi.SendKey

/** Copies the file at [path], sealed, into what is being picked; [name] is what to show, or the path's own. */
public suspend fun Portal.pick(
    conversation: ConversationId,
    path: String,
    name: String? = null,
): PickedFile = waiting(::isClosed) { call -> pick(conversation, path, name, call) }

/** The same for `ParcelFileDescriptor.fd`; close it when this has ended, as `use` does. */
public suspend fun Portal.pickDescriptor(
    conversation: ConversationId,
    descriptor: Int,
    name: String,
): PickedFile = waiting(::isClosed) { call -> pickDescriptor(conversation, descriptor, name, call) }

/** Queues what was picked, with [text], which may be empty: one message. */
public suspend fun Portal.sendFiles(
    conversation: ConversationId,
    text: String,
): SendKey = waiting(::isClosed) { call -> sendFiles(conversation, text, call) }

/** Sends the text and the files of a refused or withdrawn message as a new one. */
public suspend fun Portal.sendFilesAgain(key: SendKey): SendKey =
    waiting(::isClosed) { call -> sendFilesAgain(key, call) }

/** Brings an attachment onto this phone, sealed, from where the last attempt stopped. */
public suspend fun Portal.fetchAttachment(
    entry: EntryId,
    attachment: AttachmentId,
): Unit = waiting(::isClosed) { call -> fetchAttachment(entry, attachment, call) }

/** Hands a batch over to the system's uploader; nothing where nothing is left to send. */
public suspend fun Portal.prepareBackgroundTransfer(key: SendKey): BackgroundTransfer? =
    waiting(::isClosed) { call -> prepareBackgroundTransfer(key, call) }
