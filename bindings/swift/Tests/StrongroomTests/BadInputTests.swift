import Foundation
import XCTest

@testable import Strongroom

/// A typed error for everything an app gets wrong; never a crash, and the repository stays sound.
final class BadInputTests: XCTestCase {
    func testWhatIsClosedSaysSo() async throws {
        let repository = try await repository()
        let snapshot = try await repository.backup(.bytes("a", noise(10))).snapshot!
        let file = try await repository.openFile(snapshot, "a")
        let listing = repository.list(snapshot)
        for _ in 0..<2 { file.close() }
        await fails(.closed) { _ = try await file.read() }
        for _ in 0..<2 { repository.close() }
        XCTAssertTrue(repository.isClosed)
        await fails(.closed) { _ = try await repository.snapshots() }
        await fails(.closed) { _ = try repository.id }
        await fails(.closed) { _ = try await listing.all() }
        let secret = secret()
        for _ in 0..<2 { secret.close() }
        await fails(.closed) { _ = try await Repository.open(.memory(), secret) }
    }

    func testWhatMakesNoSenseIsRefused() async throws {
        let repository = try await repository()
        await fails(.invalidArgument) { _ = try await repository.backup(.bytes("a\0b", noise(1))) }
        await fails(.invalidArgument) { _ = try await repository.entry("no id", "a") }
        await fails(.invalidArgument) {
            _ = try await repository.backup(.bytes("a", noise(1)), run: Run(Budget(threads: -1)))
        }
        await fails(.invalidArgument) {
            _ = try await repository.backup(.bytes("a", noise(1)), run: Run(Budget(deadline: .seconds(-1))))
        }
        await fails(.invalidArgument) { _ = try await repository.addParity(percent: 300) }
        await fails(.invalidArgument) { _ = try Secret.accountKey(Data(count: 31)) }
        await fails(.invalidArgument) { _ = try Secret.recoveryCode("\0") }
        await fails(.invalidArgument) { _ = try Backend.local("a\0b") }
        await fails(.corrupt) { _ = try DeviceKey.import(noise(100)) }
        let snapshot = try await repository.backup(.bytes("a", noise(1000))).snapshot!
        let file = try await repository.openFile(snapshot, "a")
        let all = try await file.read(length: .max)
        XCTAssertEqual(all.count, 1000)
        await fails(.invalidArgument) { _ = try await file.read(offset: -1, length: 1) }
        await fails(.invalidArgument) { _ = try await file.read(offset: 0, length: -1) }
        await fails(.notFound) { _ = try await repository.openFile(snapshot, "b") }
        await fails(.notFound) { _ = try await Repository.open(.memory(), secret()) }
    }

    func testWhatAnAppThrowsComesBackAsItWas() async throws {
        let repository = try await repository()
        let raised = Raised()
        let failing = AsyncThrowingStream<Data, any Error> { throw raised }
        await throwsItself(raised) { _ = try await repository.backup(.stream("a", failing)) }
        let entries = AsyncThrowingStream<SourceEntry, any Error> { throw raised }
        await throwsItself(raised) { _ = try await repository.backup(.entries(entries)) }
        let run = Run { _ in throw raised }
        await throwsItself(raised) { _ = try await repository.backup(.bytes("a", noise(4_000_000)), run: run) }
        let snapshot = try await repository.backup(.bytes("b", noise(10))).snapshot!
        await throwsItself(raised) { _ = try await repository.exportTar(snapshot) { _ in throw raised } }
        let sound = try await repository.check(CheckOptions(readData: 100)).isSound
        XCTAssertTrue(sound)
    }

    func testAnEntryThatCannotBeReadIsAProblemOfItsOwn() async throws {
        let repository = try await repository()
        let entries: [SourceEntry] = [
            .file("bad") { throw POSIXError(.EIO) },
            .file("good", noise(10)),
        ]
        let report = try await repository.backup(.entries(entries))
        XCTAssertEqual(report.outcome, .partial)
        XCTAssertEqual(report.problems.map(\.path), ["bad"])
    }

    func testStreamsAreUsedUpByOneBackup() async throws {
        let repository = try await repository()
        let source = Source.stream("a", AsyncStream<Data> { $0.finish() })
        _ = try await repository.backup(source)
        await fails(.invalidArgument) { _ = try await repository.backup(source) }
        let bytes = Source.bytes("a", noise(10))
        for _ in 0..<2 { _ = try await repository.backup(bytes) }
        let closed = FileHandle(fileDescriptor: -1)
        do {
            _ = try await repository.backup(.stream("a", closed))
            XCTFail("it read from nothing")
        } catch {}
    }

    func testStorageThatLiesOrThrowsIsAnError() async throws {
        struct Broken: Storage {
            let storage: Dictionary
            let answer: @Sendable (Data) throws -> Data

            func put(_ name: String, _ data: Data) async throws { try await storage.put(name, data) }
            func read(_ name: String, offset: Int64, length: Int64) async throws -> Data {
                try answer(try await storage.read(name, offset: offset, length: length))
            }
            func stat(_ name: String) async throws -> StoredObject { try await storage.stat(name) }
            func list(_ folder: String) async throws -> [StoredObject] { try await storage.list(folder) }
            func delete(_ name: String) async throws { try await storage.delete(name) }
            var location: String { "broken" }
        }
        let (storage, raised) = (Dictionary(), Raised())
        try await repository(.of(storage)).close()
        await fails(.corrupt) {
            _ = try await Repository.open(.of(Broken(storage: storage) { $0 + [0] }), secret())
        }
        await throwsItself(raised) {
            _ = try await Repository.open(.of(Broken(storage: storage) { _ in throw raised }), secret())
        }
        await fails(.storageFull) {
            let full = Broken(storage: storage) { _ in throw StrongroomError(.storageFull, "no room left") }
            _ = try await Repository.open(.of(full), secret())
        }
        let sound = try await Repository.open(.of(storage), secret()).check().isSound
        XCTAssertTrue(sound)
    }

    func testCallbacksMayUseTheLibraryAndBlock() async throws {
        let inner = try await repository()
        let outer = try await repository()
        let calls = Guarded(0)
        let pieces = AsyncThrowingStream<Data, any Error>(unfolding: {
            let number = calls.with { calls in
                calls += 1
                return calls
            }
            if number > 3 { return nil }
            _ = try await outer.snapshots()
            _ = try await inner.backup(.bytes("inside", noise(10)))
            return Data([1])
        })
        let slow = Run { _ in Thread.sleep(forTimeInterval: 0.5) }
        let report = try await outer.backup(.stream("a", pieces), run: slow)
        XCTAssertEqual(report.bytes, 3)
        let made = try await inner.snapshots().snapshots
        XCTAssertEqual(made.count, 3)
    }

    func testManyTasksAtOnce() async throws {
        let repository = try await repository(.of(Dictionary()))
        try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<16 {
                group.addTask {
                    try await repository.backup(.bytes(RawName("f\(number)"), noise(1000 * number))).snapshot!
                }
            }
            for try await snapshot in group {
                let listed = try await repository.list(snapshot).all()
                XCTAssertEqual(listed.count, 1)
            }
        }
        let many = try await repository.snapshots().snapshots.count
        XCTAssertEqual(many, 16)
        let sound = try await repository.check(CheckOptions(readData: 100)).isSound
        XCTAssertTrue(sound)
    }
}
