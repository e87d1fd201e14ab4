import Foundation

extension Repository {
    // MARK: Care

    /// Removes snapshots: those that a policy does not keep, or those that are named.
    @discardableResult
    public func forget(_ options: ForgetOptions, run: Run = Run()) async throws -> ForgetReport {
        try await perform(run) { try $0.forget(options: options, run: $1) }
    }

    /// Frees what no snapshot needs, in two phases: condemned by one call, removed by a later one.
    @discardableResult
    public func prune(_ options: PruneOptions = PruneOptions(), run: Run = Run()) async throws -> PruneReport {
        try await perform(run) { try $0.prune(options: options, run: $1) }
    }

    /// Checks that everything every snapshot refers to is there and sound. Damage is what the report is for.
    public func check(_ options: CheckOptions = CheckOptions(), run: Run = Run()) async throws -> CheckReport {
        try await perform(run) { try $0.check(options: options, run: $1) }
    }

    /// Mends what can be mended. Only adds objects.
    @discardableResult
    public func repair(_ options: RepairOptions = RepairOptions(), run: Run = Run()) async throws -> RepairReport {
        try await perform(run) { try $0.repair(options: options, run: $1) }
    }

    /// Makes the index list every pack in storage as it is.
    @discardableResult
    public func rebuildIndex(run: Run = Run()) async throws -> RebuildReport {
        try await perform(run) { try $0.rebuildIndex(run: $1) }
    }

    /// Adds recovery data of this share, in percent, to every pack that has none.
    @discardableResult
    public func addParity(percent: Int32, run: Run = Run()) async throws -> ParityReport {
        try await perform(run) { try $0.addParity(percent: percent, run: $1) }
    }

    /// Moves what was stored under the keys of earlier epochs to those of the newest.
    @discardableResult
    public func reencrypt(
        _ options: ReencryptOptions = ReencryptOptions(), run: Run = Run()
    ) async throws -> ReencryptReport {
        try await perform(run) { try $0.reencrypt(options: options, run: $1) }
    }

    // MARK: Keys and devices

    /// The keys that open it, oldest first.
    public func keys() async throws -> [SlotInfo] {
        try await perform { try $0.keys(run: $1) }
    }

    /// Adds a key and returns the id of its slot. Only owners may.
    @discardableResult
    public func addKey(_ secret: Secret, role: Role, label: String = "", cost: Cost? = nil) async throws -> String {
        let secret = secret.handle
        return try await perform { try $0.addKey(secret: secret, role: role, label: label, cost: cost, run: $1) }
    }

    /// Makes a recovery code and adds it as a key. Only owners may.
    public func addRecoveryCode(role: Role, label: String = "") async throws -> AddedCode {
        try await perform { try $0.addRecoveryCode(role: role, label: label, run: $1) }
    }

    /// Removes a key, shuts its holder out, and begins a new epoch unless `keepEpoch`. Only owners may.
    @discardableResult
    public func removeKey(_ slot: String, keepEpoch: Bool = false, run: Run = Run()) async throws -> KeyRemoval {
        try await perform(run) { try $0.removeKey(slot: slot, keepEpoch: keepEpoch, run: $1) }
    }

    /// Replaces the passphrase that opened it by another.
    @discardableResult
    public func changePassphrase(to new: Secret, cost: Cost? = nil) async throws -> PassphraseChange {
        let new = new.handle
        return try await perform { try $0.changePassphrase(to: new, cost: cost, run: $1) }
    }

    /// The devices on the owner-signed list.
    public func devices() async throws -> [DeviceInfo] {
        try await perform { try $0.devices(run: $1) }
    }

    /// Lets a device in, by the request it made with its key, and returns its id. Only owners may.
    @discardableResult
    public func addDevice(_ request: Data, role: Role) async throws -> String {
        try await perform { try $0.addDevice(request: request, role: role, run: $1) }
    }

    /// Shuts a device out, and begins a new epoch unless `keepEpoch`. Only owners may.
    @discardableResult
    public func revokeDevice(_ device: String, keepEpoch: Bool = false, run: Run = Run()) async throws -> Revocation {
        try await perform(run) { try $0.revokeDevice(device: device, keepEpoch: keepEpoch, run: $1) }
    }

    /// Begins a new epoch: whatever is written from now on is sealed with new keys. Only owners may.
    @discardableResult
    public func rotate(run: Run = Run()) async throws -> RotationReport {
        try await perform(run) { try $0.rotate(run: $1) }
    }

    /// The epoch under which everything is written at this moment.
    public func epoch() async throws -> Int64 {
        try await perform { try $0.epoch(run: $1) }
    }
}

extension CheckReport {
    /// Whether everything that was asked for was looked at, and nothing was found wrong.
    public var isSound: Bool { problemCount == 0 && outcome == .complete }
}

extension RepairReport {
    /// Whether there was nothing to mend, and nothing is lost.
    public var wasSound: Bool { outcome == .complete && damaged.isEmpty && indexWritten == 0 }
}

final class Log: ForeignLog {
    private let listen: @Sendable (LogEvent) -> Void

    init(_ listen: @escaping @Sendable (LogEvent) -> Void) {
        self.listen = listen
    }

    func log(event: LogEvent) {
        listen(event)
    }
}

final class Writer: ForeignWriter {
    private let give: @Sendable (Data) throws -> Void

    init(_ give: @escaping @Sendable (Data) throws -> Void) {
        self.give = give
    }

    func write(data: Data) throws {
        try foreign { try give(data) }
    }

    func flush() throws {}
}
