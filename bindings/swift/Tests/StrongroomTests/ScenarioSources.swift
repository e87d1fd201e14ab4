import Foundation

@testable import Strongroom

/// Counts the calls into the runner's streams and iterators, and acts before one of them.
private final class Stop: Sendable {
    private let calls = Guarded<Int64>(0)
    private let how: String
    private let after: Int64
    private let run: Run

    init(_ how: String, _ after: Int64, _ run: Run) {
        self.how = how
        self.after = after
        self.run = run
    }

    func call() throws {
        let number = calls.with { calls in
            calls += 1
            return calls
        }
        guard number == after else { return }
        switch how {
        case "cancel": run.cancel()
        case "suspend": run.requestSuspend()
        case "fail": throw Raised()
        default: throw Failed("nothing stops by \(how)")
        }
    }

    /// Gives at most `piece` bytes a call.
    func giver(_ bytes: Data, piece: Int) -> @Sendable (Int) throws -> Data {
        let rest = Guarded(bytes)
        return { [self] most in
            try call()
            return rest.with { rest in
                let given = Data(rest.prefix(min(most, piece)))
                rest = rest.dropFirst(given.count)
                return given
            }
        }
    }

    func pieces(_ bytes: Data, piece: Int) -> AsyncThrowingStream<Data, any Error> {
        let give = giver(bytes, piece: piece)
        return AsyncThrowingStream {
            let given = try give(piece)
            return given.isEmpty ? nil : given
        }
    }
}

extension World {
    func backup(_ step: Fields) async throws -> [String: Any?] {
        let options = step.fields("options")
        let parent: Parent
        switch options.text("parent", or: "newest") {
        case "newest": parent = .newest
        case "none": parent = .nothing
        case let name: parent = .snapshot(id: try known(snapshots, name))
        }
        let backup = BackupOptions(
            host: options.text("host", or: ""), description: options.text("description", or: ""),
            tags: options.texts("tags"), parent: parent, skipIfUnchanged: options.flag("skip_if_unchanged"))
        let bounds = step.fields("budget")
        let run = Run(
            Budget(
                threads: bounds.number("threads").map { Int32($0) },
                deadline: bounds.number("deadline_ms").map { .milliseconds($0) }))
        let stops = step.fields("stop")
        let stop = Stop(stops.text("how", or: ""), stops.number("after") ?? 0, run)
        let called = step.text("as", or: "")
        let makesNone = step.flag("makes_none")
        let report = try await repo(step).backup(source(step.fields("source"), stop), options: backup, run: run)
        try expect("whether there is no snapshot", report.snapshot == nil, makesNone)
        if let snapshot = report.snapshot { snapshots[called] = snapshot }
        return [
            "outcome": name(report.outcome), "entries": report.entries, "files": report.files,
            "directories": report.directories, "bytes": report.bytes, "unchanged": report.unchanged,
            "new_bytes": report.newBytes, "problem_count": report.problemCount,
        ]
    }

    private func source(_ value: Fields, _ stop: Stop) throws -> Source {
        switch try value.text("kind") {
        case "files":
            let folder = LocalPath(place(try value.text("folder")).bytes)
            return .files(FilesOptions(paths: [folder], exclude: value.texts("exclude")))
        case "bytes": return .bytes(value.raw("path"), try value.content("content"))
        case "reader":
            let piece = Int(value.number("piece")!)
            return .stream(value.raw("path"), stop.pieces(try value.content("content"), piece: piece))
        case "tar": return .tar(stop.pieces(try known(streams, value.text("of")), piece: 10_000))
        case "entries":
            let rest = Guarded(try value.list("entries").map { try entry($0, stop) }[...])
            let entries = AsyncThrowingStream<SourceEntry, any Error> {
                try stop.call()
                return rest.with { $0.popFirst() }
            }
            let names = value.texts("known_as").map { RawName(unescape($0)) }
            return .entries(entries, isSorted: value.flag("sorted")).known(as: names)
        case let kind: throw Failed("no source is a \(kind)")
        }
    }

    private func entry(_ value: Fields, _ stop: Stop) throws -> SourceEntry {
        let path = value.raw("path")
        let attributes = value.fields("xattrs")
        let metadata = EntryMetadata(
            mode: value.number("mode").map { Int32($0) }, modified: value.number("modified").map { Timestamp(seconds: $0) },
            xattrs: try attributes.keys.map { Xattr(name: RawName($0), value: unescape(try attributes.text($0))) })
        switch value.text("kind", or: "file") {
        case "file":
            let content = try value.content("content")
            return .file(path, metadata: metadata) { stop.giver(content, piece: 1000) }
        case "directory": return .directory(path, metadata: metadata)
        case "symlink": return .symlink(path, to: value.raw("target"), metadata: metadata)
        case let kind: throw Failed("no entry is a \(kind)")
        }
    }
}
