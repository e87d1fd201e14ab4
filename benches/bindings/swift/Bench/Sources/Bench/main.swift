import Foundation
import Strongroom

// The same work in every language, for what a binding costs: `backup`, `restore` and many small `calls`.
guard CommandLine.arguments.count == 4 else {
    FileHandle.standardError.write(
        Data("Bench backup SOURCE REPOSITORY | restore REPOSITORY TARGET | calls REPOSITORY N\n".utf8))
    exit(2)
}
let (verb, first, second) = (CommandLine.arguments[1], CommandLine.arguments[2], CommandLine.arguments[3])

func open(_ place: String) async throws -> Repository {
    let backend = try Backend.local(URL(fileURLWithPath: place))
    let (secret, state) = (Secret.passphrase("correct horse battery staple"), LocalPath(place + ".state"))
    return FileManager.default.fileExists(atPath: place + "/config")
        ? try await .open(backend, secret, options: OpenOptions(stateFolder: state))
        : try await .create(backend, secret, options: CreateOptions(stateFolder: state))
}

let run = Run { _ in }
switch verb {
case "backup":
    let report = try await open(second).backup(.files(URL(fileURLWithPath: first)), run: run)
    print(report.bytes)
case "restore":
    let repository = try await open(first)
    let snapshot = try await repository.snapshot().id
    print(try await repository.restore(snapshot, to: URL(fileURLWithPath: second), run: run).bytes)
case "calls":
    let repository = try await open(first)
    let snapshot = try await repository.snapshot().id
    guard let file = try await repository.list(snapshot, isRecursive: true).first(where: { $0.kind == .file }) else {
        exit(1)
    }
    let began = ContinuousClock.now
    for _ in 0..<(Int(second) ?? 0) { _ = try await repository.entry(snapshot, file.path) }
    let (seconds, attoseconds) = (ContinuousClock.now - began).components
    print(Double(seconds) + Double(attoseconds) / 1e18)
default:
    exit(2)
}
