import Foundation

/// A name or path that need not be text: paths in a snapshot, targets of links, names of attributes. File systems allow
/// any bytes in names, and every one of them comes back as it was.
public struct RawName: Hashable, Sendable, Comparable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// The bytes.
    public let bytes: Data

    /// A name of these bytes.
    public init(_ bytes: Data) {
        self.bytes = bytes
    }

    /// A name that is text.
    public init(_ text: String) {
        bytes = Data(text.utf8)
    }

    public init(stringLiteral text: String) {
        self.init(text)
    }

    /// The name as text, if it is.
    public var text: String? {
        String(data: bytes, encoding: .utf8)
    }

    /// For people: what is no text is replaced, so it may not lead back to the name.
    public var description: String {
        String(decoding: bytes, as: UTF8.self)
    }

    public static func < (one: RawName, other: RawName) -> Bool {
        one.bytes.lexicographicallyPrecedes(other.bytes)
    }
}

/// A path of this machine's file system.
public struct LocalPath: Hashable, Sendable, ExpressibleByStringLiteral {
    /// The bytes.
    public let bytes: Data

    /// A path of these bytes, whatever they are.
    public init(_ bytes: Data) {
        self.bytes = bytes
    }

    /// A path that is text.
    public init(_ path: String) {
        bytes = Data(path.utf8)
    }

    public init(stringLiteral path: String) {
        self.init(path)
    }

    /// The path of a file URL.
    public init(_ url: URL) {
        bytes = url.withUnsafeFileSystemRepresentation { path in
            path.map { Data(bytes: $0, count: strlen($0)) } ?? Data(url.path.utf8)
        }
    }
}

/// A point in time, to the nanosecond.
public struct Timestamp: Hashable, Sendable, Comparable {
    /// Seconds since 1970-01-01 00:00 UTC; may be negative.
    public let seconds: Int64
    /// Nanoseconds after them.
    public let nanoseconds: Int32

    public init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// The time of a date, as exactly as that knows it.
    public init(_ date: Date) {
        let whole = date.timeIntervalSince1970.rounded(.down)
        seconds = Int64(exactly: whole) ?? (whole < 0 ? .min : .max)
        nanoseconds = Int32(min(((date.timeIntervalSince1970 - whole) * 1e9).rounded(), 999_999_999))
    }

    init(_ parts: TimeParts) {
        self.init(seconds: parts.seconds, nanoseconds: parts.nanos)
    }

    var parts: TimeParts {
        TimeParts(seconds: seconds, nanos: nanoseconds)
    }

    /// As a date, which knows less than nanoseconds.
    public var date: Date {
        Date(timeIntervalSince1970: Double(seconds) + Double(nanoseconds) / 1e9)
    }

    /// Now.
    public static var now: Timestamp {
        Timestamp(Date())
    }

    public static func < (one: Timestamp, other: Timestamp) -> Bool {
        (one.seconds, one.nanoseconds) < (other.seconds, other.nanoseconds)
    }
}

func wholeNanoseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, tooMuch) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    return overflow || tooMuch ? (seconds < 0 ? .min : .max) : sum
}
