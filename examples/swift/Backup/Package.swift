// swift-tools-version:6.0
import PackageDescription

let package = Package(
    name: "Backup",
    platforms: [.macOS(.v13)],
    dependencies: [.package(path: "../../../bindings/swift")],
    targets: [
        .executableTarget(name: "Backup", dependencies: [.product(name: "Strongroom", package: "swift")])
    ]
)
