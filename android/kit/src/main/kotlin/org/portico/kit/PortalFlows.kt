package org.portico.kit

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import org.portico.ffi.Portal
import org.portico.ffi.PortalEvent

/**
 * What changes in this portal from the moment it is collected, in order. Collect first and read the page then: what
 * changes in between is told.
 *
 * Cold: each collector has a stream of its own, which ends with it. A slow collector slows nobody and misses nothing;
 * a change that was not taken yet is told once. Completes when the portal ends.
 */
public fun Portal.changes(): Flow<PortalEvent> =
    flow {
        typed(::isClosed) { events() }.use { stream ->
            try {
                do {
                    val batch = typed({ false }) { stream.nextBatch(BATCH_MAX) }
                    batch.forEach { emit(it) }
                } while (batch.isNotEmpty())
            } finally {
                stream.stop()
            }
        }
    }

/** Far more than a screen waits for after a pause: each thing that changed stands once in the stream. */
private const val BATCH_MAX = 256u
