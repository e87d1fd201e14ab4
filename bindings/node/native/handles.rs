//! Storage, secrets, devices' keys and tokens.

use crate::host::{Host, Storage};
use crate::options::NativeRetryOptions;
use crate::records::DeviceRequestInfo;
use crate::settle::Settled;
use crate::values::{PathInput, SnapshotPath, Text, Whole};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use std::sync::Arc;
use strongroom_bindings as common;
use zeroize::Zeroizing;

/// Storage.
#[napi]
pub struct NativeBackend {
    pub(crate) inner: common::Backend,
}

#[napi]
impl NativeBackend {
    /// A folder of a file system.
    #[napi(ts_return_type = "Settled<NativeBackend>")]
    pub fn local(path: PathInput, sync: bool) -> Settled<NativeBackend> {
        Settled(common::Backend::local(path.0, sync).map(|inner| NativeBackend { inner }))
    }

    /// The memory of this process.
    #[napi]
    pub fn memory() -> NativeBackend {
        NativeBackend { inner: common::Backend::memory() }
    }

    /// What the app implements.
    #[napi]
    pub fn host(host: &Host, location: Text, settling_ms: Whole) -> NativeBackend {
        let storage = Storage { line: host.line(), location: location.0, settling_ms: settling_ms.0 };
        NativeBackend { inner: common::Backend::host(Arc::new(storage)) }
    }

    /// The same storage, whose calls are tried again. The token ends a wait.
    #[napi(ts_return_type = "Settled<NativeBackend>")]
    pub fn retrying(&self, options: NativeRetryOptions, token: &NativeToken) -> Settled<NativeBackend> {
        let options = options.common(token.inner.clone());
        Settled(options.map(|options| NativeBackend { inner: self.inner.retrying(&options) }))
    }

    /// Where it is, for messages.
    #[napi]
    pub fn location(&self) -> String {
        self.inner.location()
    }
}

/// A secret that opens a repository.
#[napi]
pub struct NativeSecret {
    pub(crate) inner: common::Secret,
}

fn secret(inner: common::Result<common::Secret>) -> Settled<NativeSecret> {
    Settled(inner.map(|inner| NativeSecret { inner }))
}

#[napi]
impl NativeSecret {
    /// A passphrase.
    #[napi]
    pub fn passphrase(passphrase: PathInput) -> NativeSecret {
        NativeSecret { inner: common::Secret::passphrase(passphrase.0) }
    }

    /// A recovery code as a person typed it.
    #[napi(ts_return_type = "Settled<NativeSecret>")]
    pub fn recovery_code(code: Text) -> Settled<NativeSecret> {
        secret(common::Secret::recovery_code(&Zeroizing::new(code.0)))
    }

    /// The key of a device.
    #[napi]
    pub fn device(key: &NativeDeviceKey) -> NativeSecret {
        NativeSecret { inner: common::Secret::device(&key.inner) }
    }

    /// The key of an account.
    #[napi(ts_return_type = "Settled<NativeSecret>")]
    pub fn account_key(key: &[u8]) -> Settled<NativeSecret> {
        secret(common::Secret::account_key(key))
    }

    /// The same secret, refusing repositories of any other owner.
    #[napi(ts_return_type = "Settled<NativeSecret>")]
    pub fn expect_owner(&self, owner: &[u8]) -> Settled<NativeSecret> {
        secret(self.inner.expect_owner(owner))
    }
}

/// The secret keys of a device.
#[napi]
pub struct NativeDeviceKey {
    pub(crate) inner: common::DeviceKey,
}

#[napi]
impl NativeDeviceKey {
    /// New random keys.
    #[napi(ts_return_type = "Settled<NativeDeviceKey>")]
    pub fn generate() -> Settled<NativeDeviceKey> {
        Settled(common::DeviceKey::generate().map(|inner| NativeDeviceKey { inner }))
    }

    /// The keys from what `export` gave.
    #[napi(ts_return_type = "Settled<NativeDeviceKey>")]
    pub fn import(bytes: &[u8]) -> Settled<NativeDeviceKey> {
        Settled(common::DeviceKey::import(bytes).map(|inner| NativeDeviceKey { inner }))
    }

    /// The keys as bytes.
    #[napi]
    pub fn export(&self) -> Uint8Array {
        Uint8Array::new(self.inner.export().to_vec())
    }

    /// The id the device is listed under.
    #[napi]
    pub fn id(&self) -> String {
        self.inner.id()
    }

    /// What an owner needs to add this device.
    #[napi(ts_return_type = "Settled<Uint8Array>")]
    pub fn request(&self, name: Text) -> Settled<Uint8Array> {
        Settled(self.inner.request(&name.0).map(Uint8Array::new))
    }
}

/// Reads a device's request and checks its signature.
#[napi(ts_return_type = "Settled<DeviceRequestInfo>")]
pub fn read_device_request(bytes: &[u8]) -> Settled<DeviceRequestInfo> {
    let read = common::read_device_request(bytes);
    Settled(read.map(|info| DeviceRequestInfo { id: info.id, name: info.name }))
}

/// A new random recovery code.
#[napi(ts_return_type = "Settled<string>")]
pub fn generate_recovery_code() -> Settled<String> {
    Settled(common::generate_recovery_code().map(|code| code.to_string()))
}

/// The version of the library.
#[napi]
pub fn version() -> &'static str {
    common::VERSION
}

/// Stops operations.
#[napi]
#[derive(Default)]
pub struct NativeToken {
    pub(crate) inner: common::CancelToken,
}

#[napi]
impl NativeToken {
    /// A token that stops nothing yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        NativeToken::default()
    }

    /// Stops what has it.
    #[napi]
    pub fn cancel(&self) {
        self.inner.cancel();
    }

    /// Stops what has it durably.
    #[napi]
    pub fn suspend(&self) {
        self.inner.suspend();
    }
}

/// The bytes that a path stands for.
#[napi]
pub fn path_to_bytes(path: PathInput) -> Uint8Array {
    Uint8Array::new(path.0)
}

/// The string that stands for the bytes of a path.
#[napi]
pub fn path_from_bytes(bytes: &[u8]) -> SnapshotPath {
    SnapshotPath(bytes.to_vec())
}
