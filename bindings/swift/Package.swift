// swift-tools-version:6.0
import PackageDescription

let package = Package(
    name: "Strongroom",
    platforms: [.macOS(.v13), .iOS(.v16), .tvOS(.v16), .watchOS(.v9)],
    products: [
        .library(name: "Strongroom", targets: ["Strongroom"]),
    ],
    targets: [
        // `cargo xtask uniffi swift` puts the header here, the generated sources beside the others, and the library into lib.
        .systemLibrary(name: "StrongroomFFI"),
        .target(name: "Strongroom", dependencies: ["StrongroomFFI"], swiftSettings: [.swiftLanguageMode(.v6)]),
        .testTarget(
            name: "StrongroomTests", dependencies: ["Strongroom"], swiftSettings: [.swiftLanguageMode(.v6)]),
    ]
)
