import Foundation

/// What opens a repository. Wiped from the library's memory by ``close()``, and when it is no longer used.
public final class Secret: Sendable {
    let handle: SecretHandle

    private init(_ handle: SecretHandle) {
        self.handle = handle
    }

    /// A passphrase.
    public static func passphrase(_ text: String) -> Secret {
        passphrase(Data(text.utf8))
    }

    /// A passphrase, by its bytes.
    public static func passphrase(_ bytes: Data) -> Secret {
        Secret(SecretHandle.passphrase(passphrase: bytes))
    }

    /// A recovery code as a person typed it; ``StrongroomError/invalidArgument(_:)`` when it is mistyped.
    public static func recoveryCode(_ code: String) throws -> Secret {
        Secret(try call { try SecretHandle.recoveryCode(code: code) })
    }

    /// The key of this device.
    public static func device(_ key: DeviceKey) throws -> Secret {
        Secret(try call { try SecretHandle.device(key: key.handle) })
    }

    /// The key of an account that hosts the repository, 32 bytes.
    public static func accountKey(_ key: Data) throws -> Secret {
        Secret(try call { try SecretHandle.accountKey(key: key) })
    }

    /// The same secret, refusing repositories of any other owner than the one with this public key.
    public func expectOwner(_ ownerKey: Data) throws -> Secret {
        Secret(try call { try handle.expectOwner(owner: ownerKey) })
    }

    /// Wipes it. Closing twice is harmless.
    public func close() {
        handle.shutdown()
    }
}

/// The secret keys of a device.
public final class DeviceKey: Sendable {
    let handle: DeviceKeyHandle

    private init(_ handle: DeviceKeyHandle) {
        self.handle = handle
    }

    /// New random keys.
    public static func generate() throws -> DeviceKey {
        DeviceKey(try call { try DeviceKeyHandle.generate() })
    }

    /// Reads what ``export()`` gave; ``StrongroomError/corrupt(_:)`` when it is no device key.
    public static func `import`(_ bytes: Data) throws -> DeviceKey {
        DeviceKey(try call { try DeviceKeyHandle.importSecret(bytes: bytes) })
    }

    /// The secret keys as bytes, to be kept where the platform keeps secrets.
    public func export() throws -> Data {
        try call { try handle.exportSecret() }
    }

    /// The id the device is listed under.
    public var id: String {
        get throws { try call { try handle.id() } }
    }

    /// What an owner needs to add this device. Holds no secret.
    public func request(name: String) throws -> Data {
        try call { try handle.request(name: name) }
    }

    /// Wipes it. Closing twice is harmless.
    public func close() {
        handle.shutdown()
    }
}

/// Reads a device's request and checks its signature.
public func readDeviceRequest(_ bytes: Data) throws -> DeviceRequest {
    try call { try parseDeviceRequest(bytes: bytes) }
}

/// A new random recovery code, for ``Secret/recoveryCode(_:)``; shown to a person and stored nowhere.
public func generateRecoveryCode() throws -> String {
    try call { try newRecoveryCode() }
}
