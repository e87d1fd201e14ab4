import Foundation
import XCTest

@testable import Strongroom

final class RepositoryTests: XCTestCase {
    /// Runs the `strongroom` command, which the part `swift` of the tests puts beside the library.
    private func command(_ repository: URL, _ arguments: String...) throws {
        let package = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let process = Process()
        process.executableURL = package.appendingPathComponent("lib/strongroom")
        process.arguments = arguments
        process.environment = [
            "STRONGROOM_REPOSITORY": repository.path, "STRONGROOM_PASSPHRASE": "correct horse battery staple",
            "XDG_CACHE_HOME": repository.path + ".cache",
        ]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        XCTAssertEqual(process.terminationStatus, 0)
    }

    func testTheCommandReadsWhatSwiftWrote() async throws {
        let folder = try temporaryFolder()
        let (place, out) = (folder.appendingPathComponent("repository"), folder.appendingPathComponent("out"))
        let repository = try await repository(.local(place))
        _ = try await repository.backup(.bytes("greeting.txt", Data("hello\n".utf8)))
        repository.close()
        try command(place, "restore", "latest", "--target", out.path)
        XCTAssertEqual(try Data(contentsOf: out.appendingPathComponent("greeting.txt")), Data("hello\n".utf8))
    }

    func testSwiftReadsWhatTheCommandWrote() async throws {
        let folder = try temporaryFolder()
        let (place, out) = (folder.appendingPathComponent("repository"), folder.appendingPathComponent("out"))
        let source = folder.appendingPathComponent("source")
        try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
        try Data("hello\n".utf8).write(to: source.appendingPathComponent("greeting.txt"))
        try command(place, "init")
        try command(place, "backup", source.path)
        let repository = try await Repository.open(.local(place), secret())
        let snapshot = try await repository.snapshot()
        _ = try await repository.restore(snapshot.id, to: out)
        XCTAssertEqual(try Data(contentsOf: out.appendingPathComponent("greeting.txt")), Data("hello\n".utf8))
    }

    func testADictionaryIsStorage() async throws {
        let dictionary = Dictionary()
        let backend = Backend.of(dictionary)
        XCTAssertEqual(backend.location, "a dictionary")
        let content = noise(3_000_000)
        let first = try await repository(backend)
        let snapshot = try await first.backup(.bytes("noise", content)).snapshot!
        first.close()
        let second = try await Repository.open(backend, secret())
        let read = try await second.openFile(snapshot, "noise").read()
        XCTAssertEqual(read, content)
        let sound = try await second.check(CheckOptions(readData: 100)).isSound
        XCTAssertTrue(sound)
        XCTAssertTrue(dictionary.names.contains { $0.hasPrefix("packs/") })
    }

    func testAStreamOfEventsTellsOfProgressAndOfTheEnd() async throws {
        let repository = try await repository()
        var last: Event<BackupReport>?
        for try await event in events({ run in
            try await repository.backup(.bytes("a", noise(2_000_000)), run: run)
        }) {
            last = event
        }
        guard case .done(let report) = last else { return XCTFail("no end") }
        XCTAssertEqual(report.bytes, 2_000_000)
    }

    func testEntriesComeFromAnAsyncSequence() async throws {
        let entries = AsyncStream<SourceEntry> { continuation in
            for number in 0..<100 {
                continuation.yield(
                    .file(RawName(String(format: "folder/%03d", number)), Data("number \(number)".utf8)))
            }
            continuation.finish()
        }
        let repository = try await repository()
        let report = try await repository.backup(.entries(entries, isSorted: true))
        XCTAssertEqual(report.files, 100)
        let listed = try await repository.list(report.snapshot!, isRecursive: true).all()
        XCTAssertEqual(listed.last?.path, "folder/099")
    }

    func testACancelledTaskEndsTheBackupAndWaitsForThat() async throws {
        let repository = try await repository()
        let began = expectation(description: "it began")
        began.assertForOverFulfill = false
        let endless = AsyncStream<Data> {
            began.fulfill()
            try? await Task.sleep(for: .milliseconds(1))
            return Data(count: 1000)
        }
        let task = Task { try await repository.backup(.stream("endless", endless)) }
        await fulfillment(of: [began], timeout: 10)
        let asked = ContinuousClock.now
        task.cancel()
        do {
            _ = try await task.value
            XCTFail("it went on")
        } catch is CancellationError {}
        XCTAssertLessThan(ContinuousClock.now - asked, .seconds(2))
        let listed = try await repository.snapshots().snapshots
        XCTAssertTrue(listed.isEmpty)
        let run = Run()
        run.cancel()
        await fails(.cancelled) { _ = try await repository.backup(.bytes("a", noise(10)), run: run) }
    }

    func testADeadlineSuspendsAndTheSameCallGoesOn() async throws {
        let source = try temporaryFolder()
        for number in 0..<40 {
            try noise(500_000 + number).write(to: source.appendingPathComponent("file\(number)"))
        }
        let repository = try await repository()
        var suspended = 0
        while true {
            let run = Run(Budget(deadline: .milliseconds(10)))
            let report = try await repository.backup(.files(source), run: run)
            if report.outcome != .suspended {
                XCTAssertEqual(report.files, 40)
                break
            }
            XCTAssertNil(report.snapshot)
            suspended += 1
            guard suspended < 1000 else { return XCTFail("it does not get further") }
        }
        XCTAssertGreaterThan(suspended, 0)
    }

    func testWhatIsReadComesInPiecesAndRanges() async throws {
        let content = noise(1_500_000)
        let repository = try await repository()
        let snapshot = try await repository.backup(.bytes("noise", content)).snapshot!
        let file = try await repository.openFile(snapshot, "noise")
        XCTAssertEqual(file.size, 1_500_000)
        var pieces = Data()
        for try await piece in file.pieces(of: 70_001) { pieces += piece }
        XCTAssertEqual(pieces, content)
        let range = try await file.read(offset: 1_000_000, length: 10)
        XCTAssertEqual(range, content[1_000_000..<1_000_010])
        let behind = try await file.read(offset: 2_000_000, length: 10)
        XCTAssertTrue(behind.isEmpty)
    }

    func testOpeningEndsWithItsTask() async throws {
        let dictionary = Dictionary()
        try await repository(.of(dictionary)).close()
        let slow = Busy(dictionary, delay: .milliseconds(100))
        let opening = Task { try await Repository.open(.of(slow), secret()) }
        while slow.reads.with({ $0 }) == 0 { try await Task.sleep(for: .milliseconds(5)) }
        opening.cancel()
        do {
            _ = try await opening.value
            XCTFail("it was opened")
        } catch {
            XCTAssertTrue(error is CancellationError, "\(error)")
        }
    }

    func testStorageIsTriedAgain() async throws {
        let busy = Busy(Dictionary(), isBusy: true)
        await fails(.unavailable) { _ = try await repository(Backend.of(busy).retrying(RetryOptions(tries: 2))) }
        busy.puts.with { $0 = 0 }
        try await repository(Backend.of(busy).retrying(RetryOptions(tries: 3))).close()
        XCTAssertGreaterThanOrEqual(busy.puts.with { $0 }, 3)
        let run = Run()
        let patient = try Backend.of(busy).retrying(RetryOptions(longestWait: .seconds(30)), run: run)
        Task {
            try await Task.sleep(for: .milliseconds(100))
            run.cancel()
        }
        await fails(.cancelled) { _ = try await Repository.open(patient, secret()) }
    }

    func testComparingRunsAsItIsTold() async throws {
        let repository = try await repository()
        let first = try await repository.backup(.bytes("a", noise(1))).snapshot!
        let second = try await repository.backup(.bytes("b", noise(2))).snapshot!
        let run = Run()
        let found = try await repository.diff(first, second, run: run).all()
        XCTAssertEqual(found.count, 2)
        run.cancel()
        await fails(.cancelled) { _ = try await repository.diff(first, second, run: run).all() }
    }

    func testTheLogIsTold() async throws {
        let told = Guarded<[LogEvent]>([])
        let repository = try await Repository.create(
            .memory(), secret(), options: CreateOptions(cost: cheap), log: { event in told.with { $0.append(event) } })
        _ = try await repository.stats()
        XCTAssertTrue(told.with { $0.contains { $0.operation == "stats" && $0.level == .info } })
    }

    func testValuesKeepWhatTheyAre() {
        let time = Timestamp(seconds: -5, nanoseconds: 123_456_789)
        XCTAssertEqual(Timestamp(time.parts), time)
        XCTAssertEqual(Timestamp(Date(timeIntervalSince1970: 1.5)), Timestamp(seconds: 1, nanoseconds: 500_000_000))
        XCTAssertEqual(wholeNanoseconds(.milliseconds(5)), 5_000_000)
        XCTAssertNil(RawName(Data([255])).text)
        XCTAssertLessThan(RawName("a"), RawName(Data([255])))
        XCTAssertEqual(ErrorKind.notFound.rawValue, 2)
        XCTAssertEqual(LocalPath(URL(fileURLWithPath: "/tmp/ä %")).bytes, Data("/tmp/ä %".utf8))
        XCTAssertFalse(libraryVersion().isEmpty)
    }
}
