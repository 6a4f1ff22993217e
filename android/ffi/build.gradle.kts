import javax.inject.Inject

plugins {
    alias(libs.plugins.android.library)
}

android {
    namespace = "org.portico.ffi"
    compileSdk = libs.versions.compile.sdk.get().toInt()
    ndkVersion = libs.versions.ndk.get()

    defaultConfig {
        minSdk = libs.versions.min.sdk.get().toInt()
        consumerProguardFiles("consumer-rules.pro")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

dependencies {
    api(libs.coroutines)
    // The archive, not the jar: it carries JNA's own library for Android.
    api(variantOf(libs.jna) { artifactType("aar") })
}

/** Runs cargo in the repository. */
abstract class CargoTask : DefaultTask() {
    @get:Inject
    abstract val processes: ExecOperations

    @get:Internal
    abstract val repository: DirectoryProperty

    /** Where cargo writes, as for the Maven build. */
    @get:Internal
    abstract val target: DirectoryProperty

    protected fun cargo(
        arguments: List<String>,
        settings: Map<String, String> = emptyMap(),
    ) {
        processes.exec {
            workingDir(repository.get().asFile)
            environment(settings + ("CARGO_TARGET_DIR" to target.get().asFile.path))
            commandLine(listOf("cargo") + arguments)
        }
    }
}

/** The phone core for every processor that Android runs on, optimised for size. */
@UntrackedTask(because = "Cargo itself knows what is up to date.")
abstract class BuildLibraries : CargoTask() {
    @get:Input
    abstract val platform: Property<String>

    @get:Internal
    abstract val ndk: DirectoryProperty

    @get:OutputDirectory
    abstract val libraries: DirectoryProperty

    @TaskAction
    fun build() {
        val processors = listOf("arm64-v8a", "armeabi-v7a", "x86_64").flatMap { listOf("--target", it) }
        val places = listOf("--platform", platform.get(), "--output-dir", libraries.get().asFile.path)
        // With the crate type named: Cargo leaves LTO away for a library that is also a Rust one.
        val cdylib = listOf("--lib", "--crate-type", "cdylib")
        val what = listOf("rustc", "--locked", "--package", "portico-ffi", "--profile", "mobile") + cdylib
        cargo(listOf("ndk") + processors + places + what, mapOf("ANDROID_NDK_HOME" to ndk.get().asFile.path))
    }
}

/** The Kotlin of the phone core, from this machine's own library: the mobile profile strips what the generator reads. */
@UntrackedTask(because = "Cargo itself knows what is up to date.")
abstract class GenerateBindings : CargoTask() {
    @get:OutputDirectory
    abstract val kotlin: DirectoryProperty

    @TaskAction
    fun generate() {
        val library = target.file("debug/" + System.mapLibraryName("portico_ffi")).get().asFile
        val bindings = target.dir("bindings").get().asFile
        cargo(listOf("build", "--locked", "--package", "portico-ffi"))
        cargo(
            listOf("run", "--locked", "--package", "portico-bindgen", "--") +
                listOf("--library", library.path, "--out", bindings.path),
        )
        val folder = kotlin.get().asFile
        folder.deleteRecursively()
        bindings.resolve("kotlin").copyRecursively(folder)
    }
}

val repositoryFolder = rootProject.layout.projectDirectory.dir("..")
val targetFolder =
    providers
        .environmentVariable("TARGET_FOLDER")
        .map { repositoryFolder.dir(it) }
        .orElse(repositoryFolder.dir("target"))

val buildLibraries =
    tasks.register<BuildLibraries>("buildLibraries") {
        repository = repositoryFolder
        target = targetFolder
        platform = libs.versions.min.sdk
        ndk = androidComponents.sdkComponents.ndkDirectory
    }

val generateBindings =
    tasks.register<GenerateBindings>("generateBindings") {
        repository = repositoryFolder
        target = targetFolder
        // Two cargos would only wait for each other's lock.
        mustRunAfter(buildLibraries)
    }

androidComponents {
    onVariants { variant ->
        // Not `java`: the Kotlin that the Android plugin compiles by itself is in these folders alone.
        variant.sources.kotlin?.addGeneratedSourceDirectory(generateBindings, GenerateBindings::kotlin)
        variant.sources.jniLibs?.addGeneratedSourceDirectory(buildLibraries, BuildLibraries::libraries)
    }
}
