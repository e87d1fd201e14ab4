//! The keys of an account. All of them come from one master key, which leaves a client only wrapped.
//!
//! A wrap is: a version, the purpose, a salt (for a device: a key sealed to it), a commitment to the wrapping key, and
//! the sealed master key. Commitment and seal bind all that stands before them, so a wrap opens under one key only, and
//! as what it was made for only.

use super::PublicKey;
use super::public_key::{CERTIFICATE_CONTEXT, RECOVERY_CONTEXT};
use super::wire::{
    AccountId, Base64Url, Capabilities, DeviceCertificate, Nonce, RecoveryId, VaultId, certificate_message,
    recovery_message,
};
use crate::crypto::aead::{self, SEAL_OVERHEAD};
use crate::crypto::kem::{self, PublicKey as KemPublicKey};
use crate::crypto::recovery::RecoveryCode;
use crate::crypto::sign::SigningKey;
use crate::crypto::{SecretKey, hash, random};
use crate::error::{Error, ErrorKind, Result, corrupt, unsupported};
use crate::format::device::{DeviceKey, DeviceRequest};
use std::fmt;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const SALT: usize = 32;
const COMMITMENT: usize = 32;
const SEALED: usize = 32 + SEAL_OVERHEAD;
/// A key sealed to a device.
const SEALED_KEY: usize = 32 + kem::OVERHEAD;
const DEVICE_INFO: &[u8] = b"strongroom account device wrap 1";

/// What a wrap is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Password = 1,
    Recovery = 2,
    Device = 3,
}

impl Purpose {
    /// Length of what stands between the purpose and the commitment.
    fn salt(self) -> usize {
        match self {
            Purpose::Password | Purpose::Recovery => SALT,
            Purpose::Device => SEALED_KEY,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Purpose::Password => "open the master key with the password",
            Purpose::Recovery => "open the master key with the recovery code",
            Purpose::Device => "open the master key with the device's key",
        }
    }
}

/// The master key of an account: whoever has it can read the account's vaults and add devices.
///
/// Made by the client at registration; a service only ever sees it wrapped. Never part of `Debug` or any message, and
/// wiped from memory when dropped.
#[derive(Clone)]
pub struct MasterKey(SecretKey);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

impl MasterKey {
    pub(crate) fn generate() -> Result<Self> {
        SecretKey::random().map(MasterKey)
    }

    #[cfg(test)]
    pub(crate) fn from_bytes_for_tests(key: [u8; 32]) -> Self {
        MasterKey(SecretKey::from_bytes(key))
    }

    #[cfg(test)]
    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The key that opens the repository in a vault, for [`Secret::account_key`](crate::Secret::account_key). Each vault
    /// has its own, so that a service cannot pass one vault off as another.
    #[must_use]
    pub fn vault_key(&self, vault: &VaultId) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.0.derive_with("strongroom account vault key 1", vault.as_bytes()).expose())
    }

    /// What the account's signatures are checked with.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.signing_key().verifying_key())
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::from_seed(self.0.derive("strongroom account signing key 1"))
    }

    /// States that a device belongs to the account. `now` is in milliseconds since 1970 UTC.
    #[must_use]
    pub fn certify(
        &self,
        account_id: AccountId,
        device: &DeviceRequest,
        grants: Capabilities,
        now: i64,
    ) -> DeviceCertificate {
        let mut certificate = DeviceCertificate {
            account_id,
            device_id: device.id(),
            grants,
            issued_at: now,
            signature: Base64Url::default(),
        };
        let signature = self.signing_key().sign(CERTIFICATE_CONTEXT, &certificate_message(&certificate));
        certificate.signature = Base64Url(signature.to_vec());
        certificate
    }

    pub(crate) fn wrap_by_export_key(&self, export_key: &[u8]) -> Result<Vec<u8>> {
        self.wrap(&password_key(export_key), Purpose::Password, &random::<SALT>()?)
    }

    pub(crate) fn wrap_by_recovery_code(&self, code: &RecoveryCode) -> Result<Vec<u8>> {
        self.wrap(&recovery_key(code), Purpose::Recovery, &random::<SALT>()?)
    }

    /// Wraps the key for a device, whose request says it is who it is.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) when the system's random number generator fails.
    pub fn wrap_for_device(&self, device: &DeviceRequest) -> Result<Vec<u8>> {
        let key = SecretKey::random()?;
        let public = KemPublicKey::from_bytes(device.kem.as_slice())?;
        let sealed_key = public.seal(DEVICE_INFO, device.id().as_bytes(), key.expose())?;
        self.wrap(&key, Purpose::Device, &sealed_key)
    }

    fn wrap(&self, key: &SecretKey, purpose: Purpose, salt: &[u8]) -> Result<Vec<u8>> {
        let mut wrap = vec![VERSION, purpose as u8];
        wrap.extend_from_slice(salt);
        let commitment = commitment(key, &wrap);
        let sealed = aead::seal(&sealing_key(key, &wrap), &wrap, self.0.expose())?;
        wrap.extend_from_slice(commitment.expose());
        wrap.extend_from_slice(&sealed);
        Ok(wrap)
    }

    pub(crate) fn unwrap_by_export_key(wrap: &[u8], export_key: &[u8]) -> Result<Self> {
        Wrap::read(wrap, Purpose::Password)?.open(&password_key(export_key))
    }

    pub(crate) fn unwrap_by_recovery_code(wrap: &[u8], code: &RecoveryCode) -> Result<Self> {
        Wrap::read(wrap, Purpose::Recovery)?.open(&recovery_key(code))
    }

    /// Opens the wrap that was made for a device.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) when it was made for another device, or damaged;
    /// [`Unsupported`](ErrorKind::Unsupported) when it is of a later version.
    pub fn unwrap_by_device(wrap: &[u8], device: &DeviceKey) -> Result<Self> {
        let wrap = Wrap::read(wrap, Purpose::Device)?;
        let operation = Purpose::Device.name();
        let opened = device.kem().open(DEVICE_INFO, device.id().as_bytes(), wrap.salt, operation)?;
        let key: [u8; 32] =
            opened.as_slice().try_into().map_err(|_| corrupt(operation, "the sealed key is not 32 bytes long"))?;
        wrap.open(&SecretKey::from_bytes(key))
    }
}

/// The parts of a wrap.
struct Wrap<'a> {
    purpose: Purpose,
    bound: &'a [u8],
    salt: &'a [u8],
    commitment: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Wrap<'a> {
    fn read(bytes: &'a [u8], purpose: Purpose) -> Result<Self> {
        let operation = purpose.name();
        if bytes.first().is_some_and(|version| *version != VERSION) {
            return Err(unsupported(operation, "the wrap is of a version this build does not know"));
        }
        let broken = || corrupt(operation, "the wrap is damaged, or one of another kind");
        if bytes.get(1) != Some(&(purpose as u8)) || bytes.len() != 2 + purpose.salt() + COMMITMENT + SEALED {
            return Err(broken());
        }
        let (bound, rest) = bytes.split_at_checked(2 + purpose.salt()).ok_or_else(broken)?;
        let (commitment, sealed) = rest.split_at_checked(COMMITMENT).ok_or_else(broken)?;
        Ok(Wrap { purpose, bound, salt: bound.get(2..).unwrap_or_default(), commitment, sealed })
    }

    fn open(&self, key: &SecretKey) -> Result<MasterKey> {
        let operation = self.purpose.name();
        if !hash::equal(commitment(key, self.bound).expose(), self.commitment) {
            return Err(Error::new(ErrorKind::WrongKey, operation).detail("the wrap was made for another key"));
        }
        let opened = Zeroizing::new(aead::open(&sealing_key(key, self.bound), self.bound, self.sealed, operation)?);
        let master: [u8; 32] =
            opened.as_slice().try_into().map_err(|_| corrupt(operation, "the wrapped key is not 32 bytes long"))?;
        Ok(MasterKey(SecretKey::from_bytes(master)))
    }
}

fn commitment(key: &SecretKey, bound: &[u8]) -> SecretKey {
    key.derive_with("strongroom account wrap commitment 1", bound)
}

fn sealing_key(key: &SecretKey, bound: &[u8]) -> SecretKey {
    key.derive_with("strongroom account wrap key 1", bound)
}

fn password_key(export_key: &[u8]) -> SecretKey {
    hash::derive("strongroom account password wrap 1", &[export_key])
}

fn recovery_key(code: &RecoveryCode) -> SecretKey {
    code.key().derive("strongroom account recovery wrap 1")
}

/// The key that shows that somebody has the recovery code, without showing the code.
fn recovery_signing_key(code: &RecoveryCode) -> SigningKey {
    SigningKey::from_seed(code.key().derive("strongroom account recovery signing key 1"))
}

/// What [`prove_recovery`] is checked with.
pub(crate) fn recovery_public_key(code: &RecoveryCode) -> PublicKey {
    PublicKey(recovery_signing_key(code).verifying_key())
}

pub(crate) fn prove_recovery(code: &RecoveryCode, recovery: &RecoveryId, challenge: &Nonce) -> Base64Url {
    let signature = recovery_signing_key(code).sign(RECOVERY_CONTEXT, &recovery_message(recovery, challenge));
    Base64Url(signature.to_vec())
}

#[cfg(test)]
mod tests;
