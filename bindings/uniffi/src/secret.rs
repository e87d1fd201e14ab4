//! What opens a repository, as handles.

use crate::failure::NativeResult;
use std::sync::{Arc, PoisonError, RwLock};
use strongroom_bindings::{self as common, DeviceKey, Error, Secret};

/// A secret that opens a repository.
#[derive(Debug, uniffi::Object)]
pub struct SecretHandle {
    inner: RwLock<Option<Secret>>,
}

impl SecretHandle {
    fn of(secret: Secret) -> Arc<Self> {
        Arc::new(SecretHandle { inner: RwLock::new(Some(secret)) })
    }

    pub(crate) fn get(&self) -> common::Result<Secret> {
        let secret = self.inner.read().unwrap_or_else(PoisonError::into_inner).clone();
        secret.ok_or_else(|| Error::closed("use a secret", "secret"))
    }
}

#[uniffi::export]
impl SecretHandle {
    /// A passphrase, by its bytes.
    #[uniffi::constructor]
    pub fn passphrase(passphrase: Vec<u8>) -> Arc<Self> {
        Self::of(Secret::passphrase(passphrase))
    }

    /// A recovery code as a person typed it.
    #[uniffi::constructor]
    pub fn recovery_code(code: String) -> NativeResult<Arc<Self>> {
        Ok(Self::of(Secret::recovery_code(&code)?))
    }

    /// The key of this device.
    #[uniffi::constructor]
    pub fn device(key: Arc<DeviceKeyHandle>) -> NativeResult<Arc<Self>> {
        Ok(Self::of(Secret::device(&key.get()?)))
    }

    /// The key of an account, 32 bytes.
    #[uniffi::constructor]
    pub fn account_key(key: Vec<u8>) -> NativeResult<Arc<Self>> {
        Ok(Self::of(Secret::account_key(&zeroize::Zeroizing::new(key))?))
    }

    /// The same secret, refusing repositories of any other owner than the one with this public key.
    pub fn expect_owner(&self, owner: Vec<u8>) -> NativeResult<Arc<SecretHandle>> {
        Ok(Self::of(self.get()?.expect_owner(&owner)?))
    }

    /// Wipes it.
    pub fn shutdown(&self) {
        *self.inner.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The secret keys of a device.
#[derive(Debug, uniffi::Object)]
pub struct DeviceKeyHandle {
    inner: RwLock<Option<DeviceKey>>,
}

impl DeviceKeyHandle {
    fn of(key: DeviceKey) -> Arc<Self> {
        Arc::new(DeviceKeyHandle { inner: RwLock::new(Some(key)) })
    }

    fn get(&self) -> common::Result<DeviceKey> {
        let key = self.inner.read().unwrap_or_else(PoisonError::into_inner).clone();
        key.ok_or_else(|| Error::closed("use a device's key", "key"))
    }
}

#[uniffi::export]
impl DeviceKeyHandle {
    /// New random keys.
    #[uniffi::constructor]
    pub fn generate() -> NativeResult<Arc<Self>> {
        Ok(Self::of(DeviceKey::generate()?))
    }

    /// Reads what `export_secret` wrote.
    #[uniffi::constructor]
    pub fn import_secret(bytes: Vec<u8>) -> NativeResult<Arc<Self>> {
        Ok(Self::of(DeviceKey::import(&zeroize::Zeroizing::new(bytes))?))
    }

    /// The secret keys as bytes.
    pub fn export_secret(&self) -> NativeResult<Vec<u8>> {
        Ok(self.get()?.export().to_vec())
    }

    /// The id the device is listed under.
    pub fn id(&self) -> NativeResult<String> {
        Ok(self.get()?.id())
    }

    /// What an owner needs to add this device.
    pub fn request(&self, name: String) -> NativeResult<Vec<u8>> {
        Ok(self.get()?.request(&name)?)
    }

    /// Wipes it.
    pub fn shutdown(&self) {
        *self.inner.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What a device's request says.
#[derive(Debug, Clone, uniffi::Record)]
pub struct DeviceRequest {
    /// The device's id, to be compared with what the device itself shows.
    pub id: String,
    /// The name the device gives itself.
    pub name: String,
}

/// Reads a device's request and checks its signature.
#[uniffi::export]
pub fn parse_device_request(bytes: Vec<u8>) -> NativeResult<DeviceRequest> {
    let common::DeviceRequestInfo { id, name } = common::read_device_request(&bytes)?;
    Ok(DeviceRequest { id, name })
}

/// A new random recovery code.
#[uniffi::export]
pub fn new_recovery_code() -> NativeResult<String> {
    Ok(common::generate_recovery_code()?.to_string())
}

/// A recovery code that was added to a repository. It is shown once and stored nowhere.
#[derive(Clone, uniffi::Record)]
pub struct AddedCode {
    /// The id of its key slot.
    pub slot: String,
    /// The code.
    pub code: String,
}
