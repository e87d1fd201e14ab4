import Foundation
import XCTest

@testable import Strongroom

/// A dictionary as storage.
final class Dictionary: Storage {
    private let objects = Guarded<[String: Data]>([:])

    func put(_ name: String, _ data: Data) async throws {
        try objects.with { objects in
            if objects[name] != nil { throw StrongroomError(.alreadyExists, "\(name) is there") }
            objects[name] = data
        }
    }

    func read(_ name: String, offset: Int64, length: Int64) async throws -> Data {
        let data = try find(name)
        guard offset + length <= data.count else { throw StrongroomError(.corrupt, "\(name) is short") }
        return data.subdata(in: Int(offset)..<Int(offset + length))
    }

    func stat(_ name: String) async throws -> StoredObject {
        StoredObject(name: name, length: Int64(try find(name).count), modified: .now)
    }

    func list(_ folder: String) async throws -> [StoredObject] {
        objects.with { objects in
            objects.filter { name, _ in
                folder.isEmpty ? !name.contains("/") : name.hasPrefix(folder + "/")
            }.map { StoredObject(name: $0, length: Int64($1.count), modified: .now) }
        }
    }

    func delete(_ name: String) async throws {
        objects.with { _ = $0.removeValue(forKey: name) }
    }

    var location: String { "a dictionary" }

    var names: [String] { objects.with { $0.keys.sorted() } }

    /// Changes an object behind everybody's back; nil removes it.
    func damage(_ name: String, _ change: (Data) -> Data?) {
        objects.with { objects in objects[name] = objects[name].flatMap(change) }
    }

    private func find(_ name: String) throws -> Data {
        guard let data = objects.with({ $0[name] }) else { throw StrongroomError(.notFound, "no \(name)") }
        return data
    }
}

/// A dictionary that is slow to be read, or busy: then it answers the third of three puts only, and no read.
final class Busy: Storage {
    let puts = Guarded(0)
    let reads = Guarded(0)
    private let dictionary: Dictionary
    private let delay: Duration
    private let isBusy: Bool

    init(_ dictionary: Dictionary, delay: Duration = .zero, isBusy: Bool = false) {
        self.dictionary = dictionary
        self.delay = delay
        self.isBusy = isBusy
    }

    func put(_ name: String, _ data: Data) async throws {
        let number = puts.with { puts in
            puts += 1
            return puts
        }
        if isBusy && number % 3 != 0 { throw StrongroomError(.unavailable, "busy", retryAfter: .milliseconds(1)) }
        try await dictionary.put(name, data)
    }

    func read(_ name: String, offset: Int64, length: Int64) async throws -> Data {
        reads.with { $0 += 1 }
        if isBusy { throw StrongroomError(.unavailable, "down", retryAfter: .seconds(60)) }
        try await Task.sleep(for: delay)
        return try await dictionary.read(name, offset: offset, length: length)
    }

    func stat(_ name: String) async throws -> StoredObject { try await dictionary.stat(name) }
    func list(_ folder: String) async throws -> [StoredObject] { try await dictionary.list(folder) }
    func delete(_ name: String) async throws { try await dictionary.delete(name) }
    var location: String { "a busy dictionary" }
}

let cheap = Cost(memoryKib: 19 * 1024, passes: 2, lanes: 1)

func secret() -> Secret { .passphrase("correct horse battery staple") }

func repository(_ backend: Backend = .memory()) async throws -> Repository {
    try await .create(backend, secret(), options: CreateOptions(cost: cheap))
}

func noise(_ length: Int) -> Data {
    var state = UInt32(truncatingIfNeeded: length)
    return Data(
        (0..<length).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 24)
        })
}

/// What an app throws.
final class Raised: Error, Sendable {}

extension XCTestCase {
    /// `work` fails with an error of this kind.
    func fails(
        _ kind: ErrorKind, file: StaticString = #filePath, line: UInt = #line, _ work: () async throws -> Void
    ) async {
        do {
            try await work()
            XCTFail("\(kind) was expected, and it succeeded", file: file, line: line)
        } catch let error as StrongroomError {
            XCTAssertEqual(error.kind, kind, "\(error)", file: file, line: line)
        } catch {
            XCTFail("\(kind) was expected, and it is \(error)", file: file, line: line)
        }
    }

    /// `work` fails with this very object.
    func throwsItself(
        _ raised: Raised, file: StaticString = #filePath, line: UInt = #line, _ work: () async throws -> Void
    ) async {
        do {
            try await work()
            XCTFail("it succeeded", file: file, line: line)
        } catch {
            XCTAssertTrue(error as? Raised === raised, "\(error)", file: file, line: line)
        }
    }

    func temporaryFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("strongroom-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        addTeardownBlock { try? FileManager.default.removeItem(at: folder) }
        return folder
    }
}
