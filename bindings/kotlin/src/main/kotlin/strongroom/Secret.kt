package strongroom

import java.nio.CharBuffer
import java.nio.charset.CodingErrorAction

/** What opens a repository. Wiped from the library's memory when it is closed; copies that Kotlin made live until collected. */
public class Secret private constructor(internal val handle: SecretHandle) : AutoCloseable {
    /** The same secret, refusing repositories of any other owner than the one with this public key. */
    public fun expectOwner(ownerKey: ByteArray): Secret = Secret(call { handle.expectOwner(ownerKey) })

    override fun close(): Unit = handle.shutdown()

    public companion object {
        /** A passphrase. */
        public fun passphrase(text: String): Secret = passphrase(utf8(text))

        /** A passphrase as password fields give it; the caller wipes [text]. */
        public fun passphrase(text: CharArray): Secret = call {
            val encoder = Charsets.UTF_8.newEncoder().onMalformedInput(CodingErrorAction.REPORT)
            val encoded = encoder.encode(CharBuffer.wrap(text))
            val bytes = ByteArray(encoded.remaining()).also(encoded::get)
            passphrase(bytes).also {
                bytes.fill(0)
                encoded.array().fill(0)
            }
        }

        /** A passphrase, by its bytes; the caller wipes [bytes]. */
        public fun passphrase(bytes: ByteArray): Secret = Secret(SecretHandle.passphrase(bytes))

        /** A recovery code as a person typed it; [StrongroomException.InvalidArgument] when it is mistyped. */
        public fun recoveryCode(code: String): Secret = Secret(call { SecretHandle.recoveryCode(code) })

        /** The key of this device. */
        public fun device(key: DeviceKey): Secret = Secret(call { SecretHandle.device(key.handle) })

        /** The key of an account that hosts the repository, 32 bytes. */
        public fun accountKey(key: ByteArray): Secret = Secret(call { SecretHandle.accountKey(key) })
    }
}

/** The secret keys of a device. */
public class DeviceKey private constructor(internal val handle: DeviceKeyHandle) : AutoCloseable {
    /** The id the device is listed under. */
    public val id: String
        get() = call { handle.id() }

    /** The secret keys as bytes, to be kept where the platform keeps secrets. */
    public fun export(): ByteArray = call { handle.exportSecret() }

    /** What an owner needs to add this device. Holds no secret. */
    public fun request(name: String): ByteArray = call { handle.request(name) }

    override fun close(): Unit = handle.shutdown()

    public companion object {
        /** New random keys. */
        public fun generate(): DeviceKey = DeviceKey(call { DeviceKeyHandle.generate() })

        /** Reads what [export] gave; [StrongroomException.Corrupt] when it is no device key. */
        public fun import(bytes: ByteArray): DeviceKey = DeviceKey(call { DeviceKeyHandle.importSecret(bytes) })
    }
}

/** Reads a device's request and checks its signature. */
public fun readDeviceRequest(bytes: ByteArray): DeviceRequest = call { parseDeviceRequest(bytes) }

/** A new random recovery code, for [Secret.recoveryCode]; shown to a person and stored nowhere. */
public fun generateRecoveryCode(): String = call { newRecoveryCode() }
