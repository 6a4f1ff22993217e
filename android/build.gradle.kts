plugins {
    alias(libs.plugins.android.library) apply false
    // The Android plugin compiles Kotlin itself, with the compiler that it finds on its class path: this one.
    alias(libs.plugins.kotlin.jvm) apply false
}
