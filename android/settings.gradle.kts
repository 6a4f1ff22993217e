// The Android build of the same kit. It needs the Android SDK and NDK, cargo-ndk and Rust's Android targets.
pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositoriesMode = RepositoriesMode.FAIL_ON_PROJECT_REPOS
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "portico-android"
include(":ffi", ":kit")
