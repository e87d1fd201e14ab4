//! What a person or program opens a repository with.

use crate::crypto::SecretKey;
use crate::crypto::recovery::RecoveryCode;
use crate::crypto::sign::{PUBLIC_KEY, VerifyingKey};
use crate::error::{Error, ErrorKind, Result, corrupt};
use crate::format::device::DeviceKey;
use crate::format::slot::{self, Method, Slot};
use std::fmt;
use zeroize::Zeroizing;

/// A secret that opens a repository: a passphrase, a recovery code, a device's key or an account's.
///
/// Never part of `Debug` or any message, and wiped from memory when dropped.
///
/// ```
/// use strongroom::{DeviceKey, Secret};
/// let secret = Secret::passphrase("correct horse battery staple");
/// assert_eq!(format!("{secret:?}"), "Secret::Passphrase(..)");
/// let secret = Secret::device(DeviceKey::generate()?);
/// assert!(Secret::recovery_code("mistyped").is_err());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone)]
pub struct Secret {
    pub(super) inner: Inner,
    owner: Option<[u8; PUBLIC_KEY]>,
}

#[derive(Clone)]
pub(super) enum Inner {
    Passphrase(Zeroizing<Vec<u8>>),
    RecoveryCode(RecoveryCode),
    Device(Box<DeviceKey>),
    AccountKey(SecretKey),
}

impl Secret {
    fn new(inner: Inner) -> Self {
        Secret { inner, owner: None }
    }

    /// A passphrase. Its bytes count as they are: the same letters in another Unicode normalization form are
    /// another passphrase.
    #[must_use]
    pub fn passphrase(passphrase: impl Into<Vec<u8>>) -> Self {
        Secret::new(Inner::Passphrase(Zeroizing::new(passphrase.into())))
    }

    /// A recovery code as a person typed it.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when it is mistyped.
    pub fn recovery_code(code: &str) -> Result<Self> {
        RecoveryCode::parse(code).map(Secret::from)
    }

    /// The key of this device.
    ///
    /// A device's public keys are no secret, so whoever controls the storage could make a repository of their own
    /// for it. A device that has opened a repository before should [expect](Self::expect_owner) the same owner.
    #[must_use]
    pub fn device(key: DeviceKey) -> Self {
        Secret::new(Inner::Device(Box::new(key)))
    }

    /// The key of an account that hosts the repository.
    #[must_use]
    pub fn account_key(key: [u8; 32]) -> Self {
        Secret::new(Inner::AccountKey(SecretKey::from_bytes(key)))
    }

    /// Refuses repositories of any other owner than the one with this public key, which belongs to one repository
    /// alone.
    #[must_use]
    pub fn expect_owner(mut self, owner: [u8; 32]) -> Self {
        self.owner = Some(owner);
        self
    }

    pub(super) fn check_owner(&self, found: &VerifyingKey, operation: &'static str) -> Result<()> {
        match self.owner {
            Some(expected) if expected != found.to_bytes() => Err(Error::new(ErrorKind::Untrusted, operation)
                .detail("it belongs to another owner than the one this device knows")),
            _ => Ok(()),
        }
    }

    /// The device whose key this is.
    pub(super) fn device_key(&self) -> Option<&DeviceKey> {
        match &self.inner {
            Inner::Device(key) => Some(key),
            _ => None,
        }
    }

    /// What this is, for messages.
    pub(super) fn name(&self) -> &'static str {
        match self.inner {
            Inner::Passphrase(_) => "passphrase",
            Inner::RecoveryCode(_) => "recovery code",
            Inner::Device(_) => "device key",
            Inner::AccountKey(_) => "account key",
        }
    }

    /// Whether a slot is of the kind this opens: of the same method and, for devices, of the same device.
    pub(super) fn fits(&self, slot: &Slot) -> bool {
        match (&self.inner, &slot.head.method) {
            (Inner::Passphrase(_), Method::Passphrase { .. })
            | (Inner::RecoveryCode(_), Method::RecoveryCode { .. })
            | (Inner::AccountKey(_), Method::AccountKey { .. }) => true,
            (Inner::Device(key), Method::Device { .. }) => slot.head.device == Some(key.id()),
            _ => false,
        }
    }

    /// The key-encryption key for a slot that fits. For a passphrase this costs what the slot says.
    pub(super) fn wrap_key(&self, slot: &Slot, operation: &'static str) -> Result<SecretKey> {
        match (&self.inner, &slot.head.method) {
            (Inner::Passphrase(passphrase), Method::Passphrase { salt, cost }) => {
                crate::crypto::password::stretch(passphrase, salt, *cost)
            }
            (Inner::RecoveryCode(code), Method::RecoveryCode { salt }) => Ok(slot::recovery_wrap(&code.key(), salt)),
            (Inner::AccountKey(key), Method::AccountKey { salt }) => Ok(slot::account_wrap(key, salt)),
            (Inner::Device(key), Method::Device { sealed_key }) => {
                slot::open_for_device(key.kem(), &slot.head.repository, &slot.head.id, sealed_key, operation)
            }
            _ => Err(corrupt(operation, "the slot is of another method")),
        }
    }
}

impl From<RecoveryCode> for Secret {
    fn from(code: RecoveryCode) -> Self {
        Secret::new(Inner::RecoveryCode(code))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.inner {
            Inner::Passphrase(_) => "Secret::Passphrase(..)",
            Inner::RecoveryCode(_) => "Secret::RecoveryCode(..)",
            Inner::Device(_) => "Secret::Device(..)",
            Inner::AccountKey(_) => "Secret::AccountKey(..)",
        })
    }
}
