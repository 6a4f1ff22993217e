package org.portico.kit

import android.app.Notification
import android.app.job.JobInfo
import android.app.job.JobParameters
import android.app.job.JobScheduler
import android.app.job.JobService
import android.content.ComponentName
import android.content.Context
import android.net.NetworkCapabilities
import android.net.NetworkRequest
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.launch
import org.portico.ffi.Portal
import org.portico.ffi.PortalException
import org.portico.ffi.Rest
import org.portico.ffi.UploadProgress

/**
 * Gives the core the time that an upload takes, also behind other apps: a user-initiated data transfer of API 34.
 * The core sends in this process, so nothing is handed over and each byte goes once.
 *
 * The app names its subclass in the manifest, with the permissions `BIND_JOB_SERVICE` and `RUN_USER_INITIATED_JOBS`.
 */
public abstract class UploadJob(
    private val scope: CoroutineScope = CoroutineScope(SupervisorJob() + Dispatchers.Default),
) : JobService() {
    /** Whose outbox is to be sent; nobody's where nobody is signed in. */
    protected abstract suspend fun portal(): Portal?

    /** What the system shows meanwhile; it is asked for at once, on the main thread. */
    protected abstract fun notification(): Notification

    override fun onStartJob(job: JobParameters): Boolean {
        setNotification(job, job.jobId, notification(), JOB_END_NOTIFICATION_POLICY_REMOVE)
        scope.launch {
            // A locked keystore, a full disk: the outbox is as it was, and the system may begin again.
            val rest = runCatching { portal()?.catchUp() }.onFailure { if (it !is PortalException) throw it }
            jobFinished(job, rest.isFailure || rest.getOrNull() is Rest.Until)
        }
        return true
    }

    /** What the server holds stays there; the system begins again when it can. */
    override fun onStopJob(job: JobParameters): Boolean {
        scope.coroutineContext.cancelChildren()
        return true
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    public companion object {
        /**
         * Asks for that time, while the app is in front. One [id] for all batches: the core knows their order.
         * [metered]: whether they may go over a network that costs; otherwise the system waits for another.
         */
        public fun schedule(
            context: Context,
            job: Class<out UploadJob>,
            id: Int,
            progress: UploadProgress,
            metered: Boolean = true,
        ): Boolean {
            val network = NetworkRequest.Builder().addCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET)
            if (!metered) network.addCapability(NetworkCapabilities.NET_CAPABILITY_NOT_METERED)
            val asked =
                JobInfo
                    .Builder(id, ComponentName(context, job))
                    .setUserInitiated(true)
                    .setRequiredNetwork(network.build())
                    .setEstimatedNetworkBytes(0, (progress.sizeBytes - progress.heldBytes).toLong())
                    .build()
            return context.getSystemService(JobScheduler::class.java).schedule(asked) == JobScheduler.RESULT_SUCCESS
        }
    }
}
