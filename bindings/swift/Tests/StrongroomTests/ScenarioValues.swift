import Foundation

@testable import Strongroom

/// What a scenario expected and did not find.
struct Failed: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

func expect<T: Equatable>(_ what: String, _ found: T, _ wanted: T) throws {
    if found != wanted { throw Failed("\(what): found \(found), expected \(wanted)") }
}

/// The bytes that an escaped text stands for.
func unescape(_ text: String) -> Data {
    var (bytes, rest) = (Data(), Array(text.utf8)[...])
    while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "\\") {
            bytes.append(UInt8(String(decoding: rest.prefix(3).dropFirst(), as: UTF8.self), radix: 16)!)
            rest = rest.dropFirst(3)
        } else {
            bytes.append(byte)
        }
    }
    return bytes
}

/// The escaped text of some bytes.
func escape(_ bytes: Data) -> String {
    bytes.map { byte in
        byte >= 32 && byte < 127 && byte != UInt8(ascii: "\\")
            ? String(UnicodeScalar(byte)) : "\\x" + String(format: "%02x", byte)
    }.joined()
}

func unhex(_ text: String) -> Data {
    let digits = Array(text.utf8)
    return Data(
        stride(from: 0, to: digits.count - 1, by: 2).map {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)!
        })
}

/// What of a step is read: a key that nothing read is one the runner does not know.
final class Fields: CustomStringConvertible {
    private let json: [String: Any]
    private var read: Set<String> = []
    private var inside: [Fields] = []

    init(_ json: [String: Any]) {
        self.json = json
    }

    var description: String { "\(json)" }

    func has(_ key: String) -> Bool {
        self[key] != nil
    }

    subscript(key: String) -> Any? {
        read.insert(key)
        return json[key]
    }

    func text(_ key: String) throws -> String {
        guard let text = self[key] as? String else { throw Failed("there is no \(key)") }
        return text
    }

    func text(_ key: String, or other: String) -> String { self[key] as? String ?? other }

    func number(_ key: String) -> Int64? { (self[key] as? NSNumber)?.int64Value }

    func flag(_ key: String) -> Bool { (self[key] as? NSNumber)?.boolValue ?? false }

    func texts(_ key: String) -> [String] { self[key] as? [String] ?? [] }

    func raw(_ key: String) -> RawName { RawName(unescape(text(key, or: ""))) }

    var keys: [String] {
        read.formUnion(json.keys)
        return json.keys.sorted()
    }

    func fields(_ key: String) -> Fields {
        let fields = Fields(self[key] as? [String: Any] ?? [:])
        inside.append(fields)
        return fields
    }

    func list(_ key: String) throws -> [Fields] {
        guard let list = self[key] as? [[String: Any]] else { throw Failed("there is no \(key)") }
        let fields = list.map(Fields.init)
        inside += fields
        return fields
    }

    func content(_ key: String) throws -> Data {
        let value = fields(key)
        if value.has("text") { return Data(try value.text("text").utf8) }
        if value.has("escaped") { return unescape(try value.text("escaped")) }
        guard let seed = value.number("random"), let length = value.number("length") else {
            throw Failed("there is no content")
        }
        var state = UInt32(seed)
        return Data(
            (0..<length).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return UInt8(truncatingIfNeeded: state >> 24)
            })
    }

    /// Fails for whatever was not read.
    func allRead() throws {
        let unknown = Set(json.keys).subtracting(read)
        if !unknown.isEmpty { throw Failed("nobody knows \(unknown.sorted())") }
        for fields in inside { try fields.allRead() }
    }
}

/// The stable name of a value: its case in snake case.
func name(_ value: Any) -> String {
    var name = ""
    for letter in "\(value)" {
        if letter.isUppercase { name += "_" }
        name += letter.lowercased()
    }
    return name
}

// MARK: Files, by the bytes of their paths

/// Foundation knows text only.
struct Place: Hashable {
    let bytes: Data

    init(_ url: URL) {
        bytes = LocalPath(url).bytes
    }

    init(_ bytes: Data) {
        self.bytes = bytes
    }

    func inside(_ name: RawName) -> Place {
        name.bytes.isEmpty ? self : Place(bytes + Data("/".utf8) + name.bytes)
    }

    var parent: Place { Place(Data(bytes[..<(bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0)])) }

    func path<T>(_ work: (UnsafePointer<CChar>) -> T) -> T {
        (bytes + Data([0])).withUnsafeBytes { work($0.bindMemory(to: CChar.self).baseAddress!) }
    }

    func check(_ result: Int32, _ what: String) throws {
        if result != 0 { throw Failed("\(what) \(escape(bytes)): \(String(cString: strerror(errno)))") }
    }

    var status: stat? {
        var found = stat()
        return path { lstat($0, &found) } == 0 ? found : nil
    }

    var isDirectory: Bool { status.map { $0.st_mode & S_IFMT == S_IFDIR } ?? false }

    func makeFolder() throws {
        if isDirectory { return }
        if bytes.count > 1 { try parent.makeFolder() }
        try check(path { mkdir($0, 0o755) }, "make")
    }

    func write(_ data: Data) throws {
        guard let file = path({ fopen($0, "wb") }) else { return try check(-1, "write") }
        defer { fclose(file) }
        let written = data.withUnsafeBytes { $0.isEmpty ? 0 : fwrite($0.baseAddress!, 1, $0.count, file) }
        try expect("what was written", written, data.count)
    }

    func read() throws -> Data {
        guard let file = path({ fopen($0, "rb") }) else { throw Failed("cannot read \(escape(bytes))") }
        defer { fclose(file) }
        return try FileHandle(fileDescriptor: fileno(file), closeOnDealloc: false).readToEnd() ?? Data()
    }

    func remove() throws {
        if isDirectory {
            for child in try children() { try child.remove() }
            try check(path { rmdir($0) }, "remove")
        } else {
            try check(path { unlink($0) }, "remove")
        }
    }

    func children() throws -> [Place] {
        guard let folder = path({ opendir($0) }) else { throw Failed("cannot list \(escape(bytes))") }
        defer { closedir(folder) }
        var found: [Place] = []
        while let entry = readdir(folder) {
            let length = Int(entry.pointee.d_reclen)
            let start = MemoryLayout<dirent>.offset(of: \dirent.d_name)!
            let name = UnsafeRawBufferPointer(start: UnsafeRawPointer(entry) + start, count: length - start)
                .prefix { $0 != 0 }
            if Data(name) != Data(".".utf8) && Data(name) != Data("..".utf8) { found.append(inside(RawName(Data(name)))) }
        }
        return found
    }

    func walk() throws -> [Place] {
        try children().flatMap { $0.isDirectory ? [$0] + (try $0.walk()) : [$0] }
    }

    func below(_ folder: Place) -> String { escape(Data(bytes.dropFirst(folder.bytes.count + 1))) }

    func linkTarget() -> Data {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = path { path in
            buffer.withUnsafeMutableBytes { readlink(path, $0.bindMemory(to: CChar.self).baseAddress!, $0.count) }
        }
        return Data(buffer.prefix(max(count, 0)))
    }

    func set(modified seconds: Int64) throws {
        let time = timespec(tv_sec: Int(seconds), tv_nsec: 0)
        try check(path { utimensat(AT_FDCWD, $0, [time, time], AT_SYMLINK_NOFOLLOW) }, "set the time of")
    }

    /// Escaped paths, and what is there.
    func tree() throws -> [String: String] {
        var found: [String: String] = [:]
        for place in try walk() {
            guard let status = place.status else { throw Failed("\(escape(place.bytes)) is gone") }
            let mode = String(status.st_mode & 0o7777, radix: 8)
            switch status.st_mode & S_IFMT {
            case S_IFLNK: found[place.below(self)] = "symlink to \(escape(place.linkTarget()))"
            case S_IFDIR: found[place.below(self)] = "directory \(mode)"
            default:
                found[place.below(self)] = "file \(mode) \(status.st_mtim.tv_sec) \(escape(try place.read()))"
            }
        }
        return found
    }

    func files() throws -> [String: String] {
        var found: [String: String] = [:]
        for place in try walk() where place.status.map({ $0.st_mode & S_IFMT == S_IFREG }) ?? false {
            found[place.below(self)] = escape(try place.read())
        }
        return found
    }
}
