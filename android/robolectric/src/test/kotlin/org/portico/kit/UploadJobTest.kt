package org.portico.kit

import android.app.Notification
import android.app.job.JobParameters
import android.app.job.JobScheduler
import android.content.Context
import android.net.NetworkCapabilities
import android.os.Bundle
import android.os.PersistableBundle
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.portico.ffi.Portal
import org.portico.ffi.Reach
import org.portico.ffi.SendKey
import org.portico.ffi.SendState
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import kotlin.io.path.writeBytes

/** The time that Android grants for an upload, in its framework and against a real server. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34], manifest = Config.NONE)
class UploadJobTest {
    @Test
    fun jobSendsWhatWaitsAndIsDone() =
        withABatch { portal, key, _ ->
            val again = rescheduleAfter(portal)

            assertEquals(SendState.Accepted, portal.entryState(key))
            assertEquals(false, again)
        }

    @Test
    fun jobIsAskedForAgainWhereTheServerIsGone() =
        withABatch { portal, key, world ->
            world.killServer()

            val again = rescheduleAfter(portal)

            assertTrue(portal.entryState(key) is SendState.Waiting)
            assertEquals(true, again)
        }

    @Test
    fun systemIsAskedAsThePersonsOwnTransfer() =
        withABatch { portal, key, _ ->
            val context: Context = RuntimeEnvironment.getApplication()

            val progress = portal.uploadProgress(key)
            val taken = UploadJob.schedule(context, SendingJob::class.java, ID, progress, metered = false)

            val asked = context.getSystemService(JobScheduler::class.java).allPendingJobs.single()
            assertTrue(taken && asked.isUserInitiated)
            assertEquals(SIZE_BYTES.toLong(), asked.estimatedNetworkUploadBytes)
            val wanted = requireNotNull(asked.requiredNetwork)
            assertTrue(wanted.hasCapability(NetworkCapabilities.NET_CAPABILITY_NOT_METERED))
        }

    private fun withABatch(body: (Portal, SendKey, World) -> Unit) =
        World().use { world ->
            val (phone, key) =
                runBlocking {
                    val phone = world.phoneOf("amina")
                    val paper = world.folder.resolve("paper.bin").also { it.writeBytes(ByteArray(SIZE_BYTES)) }
                    phone.network.reach = Reach.OFFLINE
                    phone.portal.pick(world.conversation("claim"), "$paper")
                    val key = phone.portal.sendFiles(world.conversation("claim"), "from a job")
                    phone.network.reach = Reach.UNMETERED
                    phone to key
                }
            body(phone.portal, key, world)
        }

    /** Runs the job to its end. */
    private fun rescheduleAfter(portal: Portal): Boolean {
        SendingJob.portal = portal
        val job = Robolectric.buildService(SendingJob::class.java).create().get()
        job.onStartJob(parameters())
        runBlocking { SendingJob.work.children.forEach { it.join() } }
        assertTrue(shadowOf(job).isJobFinished)
        return shadowOf(job).isRescheduleNeeded
    }

    private fun parameters() =
        JobParameters(
            null,
            null,
            ID,
            PersistableBundle.EMPTY,
            Bundle.EMPTY,
            null,
            0,
            false,
            false,
            true,
            null,
            null,
            null,
        )

    private companion object {
        const val ID = 7
        const val SIZE_BYTES = 100_000
    }
}

/** What an app makes of it. */
class SendingJob : UploadJob(CoroutineScope(work + Dispatchers.Default)) {
    override suspend fun portal(): Portal = portal

    override fun notification() = Notification()

    companion object {
        val work: Job = SupervisorJob()
        lateinit var portal: Portal
    }
}
