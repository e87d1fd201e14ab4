import Foundation
import Strongroom

// Backs up a folder, lists what is in the newest snapshot, and restores it.
guard CommandLine.arguments.count == 4 else {
    FileHandle.standardError.write(Data("Backup FOLDER REPOSITORY TARGET\n".utf8))
    exit(2)
}
let (folder, place, target) = (
    URL(fileURLWithPath: CommandLine.arguments[1]), URL(fileURLWithPath: CommandLine.arguments[2]),
    URL(fileURLWithPath: CommandLine.arguments[3])
)
let backend = try Backend.local(place)
let secret = Secret.passphrase("correct horse battery staple")
let isNew = !FileManager.default.fileExists(atPath: place.appendingPathComponent("config").path)
let repository = isNew ? try await Repository.create(backend, secret) : try await Repository.open(backend, secret)

for try await event in events({ run in
    try await repository.backup(.files(folder), options: BackupOptions(tags: ["example"]), run: run)
}) {
    switch event {
    case .running(let progress): print("\(progress.entries) entries, \(progress.bytes) bytes so far")
    case .done(let report): print("backed up \(report.files) files into \(report.snapshot ?? "nothing")")
    }
}

let snapshot = try await repository.snapshot("latest")
let entries = try await repository.list(snapshot.id, isRecursive: true).all()
print("the newest snapshot has \(entries.count) entries")
let report = try await repository.restore(snapshot.id, to: target)
print("restored \(report.files) files, \(report.bytes) bytes, to \(target.path)")
repository.close()
