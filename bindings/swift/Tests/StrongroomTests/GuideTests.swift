import Foundation
import XCTest

@testable import Strongroom

struct Message: Sendable {
    let id: Int
    let body: Data
}

/// What the code of docs/guide-swift.md takes for granted. Its absolute paths are those below a folder here.
struct App: Sendable {
    let folder: URL
    let repository: Repository
    let source: Source
    let scheduled = Guarded(0)

    let data = Data("{}".utf8)
    let messages = [Message(id: 1, body: Data("one".utf8)), Message(id: 2, body: Data("two".utf8))]

    var photos: URL { place("/photos") }
    var target: URL { place("/target") }
    var pipe: Pipe { Pipe() }

    func place(_ path: String) -> URL { folder.appendingPathComponent(String(path.dropFirst())) }

    func show(_ progress: Strongroom.Progress) { XCTAssertGreaterThanOrEqual(progress.bytes, 0) }

    func scheduleAgain() { scheduled.with { $0 += 1 } }
}

final class GuideTests: XCTestCase {
    func testWhatTheGuideSaysIsWhatHappens() async throws {
        let folder = try temporaryFolder()
        let photo = noise(1000)
        let album = folder.appendingPathComponent("photos/album")
        try FileManager.default.createDirectory(at: album, withIntermediateDirectories: true)
        try photo.write(to: album.appendingPathComponent("1.jpg"))
        let backend = try Backend.local(folder.appendingPathComponent("mnt/backup"), sync: false)
        let repository = try await repository(backend)
        let app = App(folder: folder, repository: repository, source: .bytes("again.txt", Data("again".utf8)))
        try await app.block1()
        XCTAssertEqual(try Data(contentsOf: folder.appendingPathComponent("target/album/1.jpg")), photo)
        try await app.block2()
        XCTAssertEqual(app.scheduled.with { $0 }, 0)
        let made = try await repository.snapshots().snapshots
        XCTAssertEqual(made.count, 2)
        try await app.block3()
    }
}
