//! What opens a repository, as handles. Whatever is secret is wiped from memory when it is dropped.

use crate::error::{Error, Result};
use strongroom::{DeviceKey as CoreKey, DeviceRequest, RecoveryCode};
use zeroize::Zeroizing;

/// A secret that opens a repository.
#[derive(Debug, Clone)]
pub struct Secret {
    inner: strongroom::Secret,
}

impl Secret {
    /// A passphrase, by its bytes. The bytes are taken over and wiped in the end; a caller wipes copies of its own.
    #[must_use]
    pub fn passphrase(passphrase: Vec<u8>) -> Self {
        Secret { inner: strongroom::Secret::passphrase(passphrase) }
    }

    /// A recovery code as a person typed it.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when it is mistyped.
    pub fn recovery_code(code: &str) -> Result<Self> {
        Ok(Secret { inner: strongroom::Secret::recovery_code(code)? })
    }

    /// The key of this device.
    #[must_use]
    pub fn device(key: &DeviceKey) -> Self {
        Secret { inner: strongroom::Secret::device(key.inner.clone()) }
    }

    /// The key of an account that hosts the repository, 32 bytes.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for any other length.
    pub fn account_key(key: &[u8]) -> Result<Self> {
        let bytes = Zeroizing::new(array(key, "take an account key")?);
        Ok(Secret { inner: strongroom::Secret::account_key(*bytes) })
    }

    /// The same secret, refusing repositories of any other owner than the one with this public key of 32 bytes.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for any other length.
    pub fn expect_owner(&self, owner: &[u8]) -> Result<Self> {
        Ok(Secret { inner: self.inner.clone().expect_owner(array(owner, "expect an owner")?) })
    }

    pub(crate) fn core(&self) -> &strongroom::Secret {
        &self.inner
    }
}

fn array(bytes: &[u8], operation: &str) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| Error::invalid(operation, "it has to have 32 bytes"))
}

/// The secret keys of a device.
#[derive(Debug, Clone)]
pub struct DeviceKey {
    inner: CoreKey,
}

impl DeviceKey {
    /// New random keys.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) when the system's random number generator fails.
    pub fn generate() -> Result<Self> {
        Ok(DeviceKey { inner: CoreKey::generate()? })
    }

    /// Reads what [`export`](Self::export) wrote.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when it is no device key.
    pub fn import(bytes: &[u8]) -> Result<Self> {
        Ok(DeviceKey { inner: CoreKey::from_bytes(bytes)? })
    }

    /// The secret keys as bytes, to be kept where the platform keeps secrets.
    #[must_use]
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        self.inner.to_bytes()
    }

    /// The id the device is listed under.
    #[must_use]
    pub fn id(&self) -> String {
        self.inner.id().to_string()
    }

    /// What an owner needs to add this device. Holds no secret.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that is too long or has control characters.
    pub fn request(&self, name: &str) -> Result<Vec<u8>> {
        Ok(self.inner.request(name)?.to_bytes())
    }
}

/// What a device's request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequestInfo {
    /// The device's id, to be compared with what the device itself shows.
    pub id: String,
    /// The name the device gives itself.
    pub name: String,
}

/// Reads a device's request and checks its signature.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt) when it is none, [`Untrusted`](crate::ErrorKind::Untrusted) when the
/// signature does not fit.
pub fn read_device_request(bytes: &[u8]) -> Result<DeviceRequestInfo> {
    let request = DeviceRequest::from_bytes(bytes)?;
    Ok(DeviceRequestInfo { id: request.id().to_string(), name: request.name().to_owned() })
}

/// A new random recovery code, to be used with [`Secret::recovery_code`] where it is shown to a person as well.
///
/// # Errors
/// [`Internal`](crate::ErrorKind::Internal) when the system's random number generator fails.
pub fn generate_recovery_code() -> Result<Zeroizing<String>> {
    Ok(RecoveryCode::generate()?.reveal())
}

/// A recovery code that was added to a repository. It is shown once and stored nowhere.
pub struct AddedCode {
    /// The id of its key slot.
    pub slot: String,
    /// The code.
    pub code: Zeroizing<String>,
}

impl std::fmt::Debug for AddedCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddedCode").field("slot", &self.slot).finish_non_exhaustive()
    }
}
