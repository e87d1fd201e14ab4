import { attempt, now } from './calls.js';
import {
  NativeDeviceKey,
  NativeSecret,
  generateRecoveryCode as generateCode,
  readDeviceRequest as readRequest,
  type DeviceRequestInfo,
} from './native.js';

/** A secret that opens a repository. Never shown by printing it. */
export class Secret {
  /** @internal */
  readonly native: NativeSecret;

  private constructor(native: NativeSecret) {
    this.native = native;
  }

  /** A passphrase, as text or as bytes. */
  static passphrase(passphrase: string | Uint8Array): Secret {
    return new Secret(attempt(() => NativeSecret.passphrase(passphrase)));
  }

  /** A recovery code, as a person typed it. */
  static recoveryCode(code: string): Secret {
    return new Secret(now(() => NativeSecret.recoveryCode(code)));
  }

  /** The key of this device. */
  static device(key: DeviceKey): Secret {
    return new Secret(attempt(() => NativeSecret.device(key.native)));
  }

  /** The key of an account that hosts the repository, 32 bytes. */
  static accountKey(key: Uint8Array): Secret {
    return new Secret(now(() => NativeSecret.accountKey(key)));
  }

  /** The same secret, refusing repositories of any other owner than the one with this public key. */
  expectOwner(owner: Uint8Array): Secret {
    return new Secret(now(() => this.native.expectOwner(owner)));
  }
}

/** The secret keys of a device. */
export class DeviceKey {
  /** @internal */
  readonly native: NativeDeviceKey;

  private constructor(native: NativeDeviceKey) {
    this.native = native;
  }

  /** New random keys. */
  static generate(): DeviceKey {
    return new DeviceKey(now(() => NativeDeviceKey.generate()));
  }

  /** The keys from the bytes that {@link export} gave. */
  static import(bytes: Uint8Array): DeviceKey {
    return new DeviceKey(now(() => NativeDeviceKey.import(bytes)));
  }

  /** The keys as bytes, to be kept where the platform keeps secrets. */
  export(): Uint8Array {
    return this.native.export();
  }

  /** The id the device is listed under. */
  get id(): string {
    return this.native.id();
  }

  /** What an owner needs to add this device. Holds no secret. */
  request(name: string): Uint8Array {
    return now(() => this.native.request(name));
  }
}

/** Reads a device's request and checks its signature. */
export function readDeviceRequest(bytes: Uint8Array): DeviceRequestInfo {
  return now(() => readRequest(bytes));
}

/** A new random recovery code, for {@link Secret.recoveryCode}. */
export function generateRecoveryCode(): string {
  return now(() => generateCode());
}
