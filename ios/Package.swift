// swift-tools-version: 6.0
import Foundation
import PackageDescription

// On Apple's systems the Rust library comes as an XCFramework, made by bindings/build-xcframework.sh. Where there is
// none, on Linux above all, the library that cargo built on this machine is linked.
let packageFolder = Context.packageDirectory
let hasFramework = FileManager.default.fileExists(atPath: "\(packageFolder)/PorticoFFI.xcframework")
let targetFolder = Context.environment["TARGET_FOLDER"] ?? "\(packageFolder)/../target"
let libraryFolder = "\(targetFolder)/\(Context.environment["LIBRARY_PROFILE"] ?? "debug")"

let rust: Target =
    hasFramework
    ? .binaryTarget(name: "CPortico", path: "PorticoFFI.xcframework")
    : .systemLibrary(name: "CPortico", path: "Sources/PorticoFFI/CPortico")

let package = Package(
    name: "Portico",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [
        .library(name: "PorticoFFI", targets: ["PorticoFFI"]),
        .library(name: "PorticoKit", targets: ["PorticoKit"]),
    ],
    targets: [
        rust,
        .target(
            name: "PorticoFFI",
            dependencies: ["CPortico"],
            exclude: ["CPortico"],
            linkerSettings: hasFramework
                ? []
                : [
                    .linkedLibrary("portico_ffi"),
                    .unsafeFlags(["-L\(libraryFolder)", "-Xlinker", "-rpath", "-Xlinker", libraryFolder]),
                ]),
        .target(name: "PorticoKit", dependencies: ["PorticoFFI"]),
        .executableTarget(name: "ScenarioChild", dependencies: ["PorticoKit"]),
        .executableTarget(name: "HelloPortal", dependencies: ["PorticoKit"], path: "examples/HelloPortal"),
        .executableTarget(name: "BorderBench", dependencies: ["PorticoKit"], path: "bench/BorderBench"),
        .testTarget(name: "PorticoKitTests", dependencies: ["PorticoKit", "ScenarioChild", "HelloPortal"]),
    ],
    swiftLanguageModes: [.v6]
)
