import Foundation
import XCTest

@testable import Strongroom

/// Plays the scenarios of docs/scenarios, which every binding plays.
final class ScenarioTests: XCTestCase {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    func testCopying() async throws { try await play("copying") }
    func testDamageHost() async throws { try await play("damage-host") }
    func testDamageLocal() async throws { try await play("damage-local") }
    func testEpochs() async throws { try await play("epochs") }
    func testFirstSteps() async throws { try await play("first-steps") }
    func testHostStorage() async throws { try await play("host-storage") }
    func testIncrements() async throws { try await play("increments") }
    func testKeys() async throws { try await play("keys") }
    func testNames() async throws { try await play("names") }
    func testParity() async throws { try await play("parity") }
    func testRanges() async throws { try await play("ranges") }
    func testRetention() async throws { try await play("retention") }
    func testSources() async throws { try await play("sources") }
    func testStopping() async throws { try await play("stopping") }
    func testVectors() async throws { try await play("vectors") }

    func testEveryScenarioIsPlayed() throws {
        let files = try FileManager.default.contentsOfDirectory(
            atPath: Self.root.appendingPathComponent("docs/scenarios").path)
        let names = files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
        let source = try String(contentsOf: URL(fileURLWithPath: #filePath), encoding: .utf8)
        for name in names { XCTAssertTrue(source.contains("play(\"\(name)\")"), "\(name) is not played") }
    }

    /// Other ones, when languages are held against each other.
    func testThoseOfAnotherFolder() async throws {
        guard let given = ProcessInfo.processInfo.environment["STRONGROOM_SCENARIOS"] else { return }
        let names = try FileManager.default.contentsOfDirectory(atPath: given).filter { $0.hasSuffix(".json") }
        XCTAssertFalse(names.isEmpty)
        for name in names.sorted() { try await play(file: URL(fileURLWithPath: given).appendingPathComponent(name)) }
    }

    private func play(_ name: String) async throws {
        try await play(file: Self.root.appendingPathComponent("docs/scenarios/\(name).json"))
    }

    private func play(file: URL) async throws {
        let scenario = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as! [String: Any]
        let scenarios = file.deletingLastPathComponent()
        let world = World(root: Self.root, scenarios: scenarios, folder: try temporaryFolder())
        for (number, json) in (scenario["steps"] as! [[String: Any]]).enumerated() {
            do {
                try await world.step(Fields(json))
            } catch {
                return XCTFail("step \(number + 1): \(json): \(error)")
            }
        }
    }
}

/// Everything in a scenario that has a name, and the steps.
final class World {
    struct Stored {
        let backend: Backend
        var folder: Place?
        var dictionary: Dictionary?
    }

    let root: URL
    let scenarios: URL
    let folder: URL
    var backends: [String: Stored] = [:]
    var repositories: [String: Repository] = [:]
    var snapshots: [String: String] = [:]
    var codes: [String: String] = [:]
    var devices: [String: DeviceKey] = [:]
    var streams: [String: Data] = [:]

    init(root: URL, scenarios: URL, folder: URL) {
        self.root = root
        self.scenarios = scenarios
        self.folder = folder
    }

    func step(_ step: Fields) async throws {
        let fails = step["fails"] as? String
        let report: [String: Any?]
        do {
            report = try await play(step)
        } catch let error as StrongroomError {
            if name(error.kind) == fails { return }
            throw Failed("\(error.kind): \(error)")
        } catch is Raised {
            // The app's own error, as it was thrown; its kind is `callback`.
            if fails == "callback" { return }
            throw Failed("the app's own error came back")
        }
        if let fails { throw Failed("\(fails) was expected, and it succeeded") }
        let wanted = step.fields("expect")
        for key in wanted.keys {
            guard let found = report[key] else { throw Failed("nothing is known of \(key)") }
            try expect(key, found.map { "\($0)" } ?? "nothing", value(wanted[key]))
        }
        try step.allRead()
    }

    /// A value of JSON as text: numbers that are truth values look like others.
    private func value(_ json: Any?) -> String {
        if let number = json as? NSNumber, String(cString: number.objCType) == "c" { return "\(number.boolValue)" }
        return json is NSNull || json == nil ? "nothing" : "\(json!)"
    }

    func place(_ name: String) -> Place { Place(folder.appendingPathComponent(name)) }

    func repo(_ step: Fields) throws -> Repository { try known(repositories, step.text("repository")) }

    func snapshot(_ step: Fields, _ key: String = "snapshot") throws -> String {
        try known(snapshots, step.text(key))
    }

    func known<T>(_ names: [String: T], _ name: String) throws -> T {
        guard let found = names[name] else { throw Failed("nothing is called \(name)") }
        return found
    }

    func role(_ step: Fields) throws -> Role {
        let roles: [Role] = [.writer, .reader, .maintainer, .owner]
        let wanted = try step.text("role")
        guard let found = roles.first(where: { "\($0)" == wanted }) else { throw Failed("no role") }
        return found
    }

    func secret(_ value: Fields) throws -> Secret {
        if value.has("passphrase") { return .passphrase(try value.text("passphrase")) }
        if value.has("recovery_code") { return try .recoveryCode(value.text("recovery_code")) }
        if value.has("account_key") { return try .accountKey(unhex(value.text("account_key"))) }
        if value.has("code") { return try .recoveryCode(known(codes, value.text("code"))) }
        return try .device(known(devices, value.text("device")))
    }
}
