// swift-tools-version:6.0
import PackageDescription

let package = Package(
    name: "Bench",
    platforms: [.macOS(.v13)],
    dependencies: [.package(path: "../../../../bindings/swift")],
    targets: [
        .executableTarget(name: "Bench", dependencies: [.product(name: "Strongroom", package: "swift")])
    ]
)
