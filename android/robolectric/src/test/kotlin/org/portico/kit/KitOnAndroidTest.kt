package org.portico.kit

import android.app.Activity
import android.os.Bundle
import android.widget.TextView
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.portico.ffi.Portal
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

/** The kit and the real library inside Android's framework: an activity shows somebody's first screen. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34], manifest = Config.NONE)
class KitOnAndroidTest {
    @Test
    fun activityShowsTheFirstScreen() {
        World().use { world ->
            val phone = runBlocking { world.phoneOf("amina") }
            InboxActivity.portal = phone.portal

            val activity = Robolectric.buildActivity(InboxActivity::class.java).setup().get()

            assertEquals("1 unread\nHaddad claim: Thank you. شكراً جزيلاً 🙏", activity.shown.text.toString())
        }
    }
}

/** The smallest screen that reads a portal. */
class InboxActivity : Activity() {
    lateinit var shown: TextView
        private set

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        val screen = runBlocking { portal.onDisk { firstScreen(50u) } }
        val rows = screen.conversations.map { row -> "${row.head.title}: ${row.newest?.body}" }
        shown = TextView(this)
        shown.text = (listOf("${screen.unread} unread") + rows).joinToString("\n")
        setContentView(shown)
    }

    companion object {
        lateinit var portal: Portal
    }
}
