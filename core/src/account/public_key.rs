//! Public keys of accounts, devices and recovery codes, and what is checked with them.

use super::proof::{self, RequestProof, Statement};
use super::wire::{
    AccountId, Base64Url, DeviceCertificate, KnownDevice, Nonce, RecoveryId, RequestDeviceToken, StartSignIn,
    certificate_message, known_device_message, recovery_message, token_request_message,
};
use crate::crypto::sign::VerifyingKey;
use crate::error::{Result, corrupt};
use crate::format::device::DeviceRequest;
use crate::id::DeviceId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub(crate) const CERTIFICATE_CONTEXT: &str = "strongroom account device certificate 1";
pub(crate) const TOKEN_CONTEXT: &str = "strongroom account token request 1";
pub(crate) const SIGN_IN_CONTEXT: &str = "strongroom account sign-in 1";
pub(crate) const RECOVERY_CONTEXT: &str = "strongroom account recovery 1";

/// An Ed25519 public key, whose holder signs for one of the purposes of the protocol; base64url in JSON.
///
/// Checks fail with [`Untrusted`](crate::ErrorKind::Untrusted).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub(crate) VerifyingKey);

impl PublicKey {
    /// Reads 32 bytes.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when they are no public key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        VerifyingKey::from_bytes(bytes).map(PublicKey)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The key that a device signs with.
    #[must_use]
    pub fn of_device(request: &DeviceRequest) -> Self {
        PublicKey(request.verifying)
    }

    /// Checks a device's proof of a request.
    ///
    /// # Errors
    /// When the proof is not this key's for this request.
    pub fn check_request(&self, statement: &Statement<'_>, proof: &RequestProof) -> Result<()> {
        let message = proof.message(statement);
        self.0.verify(proof::DEVICE_CONTEXT, &message, proof.proof(), "check a request")
    }

    /// Checks that an account certified a device. It says nothing about which account or device.
    ///
    /// # Errors
    /// When the signature is not this account's.
    pub fn check_certificate(&self, certificate: &DeviceCertificate) -> Result<()> {
        self.check(CERTIFICATE_CONTEXT, &certificate_message(certificate), &certificate.signature, "check a device")
    }

    /// Checks that a device asked for a token.
    ///
    /// # Errors
    /// When the signature is not this device's.
    pub fn check_token_request(
        &self,
        account: &AccountId,
        device: &DeviceId,
        request: &RequestDeviceToken,
    ) -> Result<()> {
        let message = token_request_message(account, device, request);
        self.check(TOKEN_CONTEXT, &message, &request.signature, "check a request for a token")
    }

    /// Checks that a sign-in comes from a device.
    ///
    /// # Errors
    /// When the signature is not this device's.
    pub fn check_known_device(&self, start: &StartSignIn, device: &KnownDevice) -> Result<()> {
        self.check(SIGN_IN_CONTEXT, &known_device_message(start, device), &device.signature, "check a device")
    }

    /// Checks that somebody holds the recovery code.
    ///
    /// # Errors
    /// When the signature is not this recovery code's.
    pub fn check_recovery(&self, recovery: &RecoveryId, challenge: &Nonce, signature: &Base64Url) -> Result<()> {
        self.check(RECOVERY_CONTEXT, &recovery_message(recovery, challenge), signature, "check a recovery code")
    }

    fn check(
        &self,
        context: &'static str,
        message: &[u8],
        signature: &Base64Url,
        operation: &'static str,
    ) -> Result<()> {
        self.0.verify(context, message, &signature.0, operation)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64Url::encode(&self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Base64Url::deserialize(deserializer)?;
        PublicKey::from_bytes(&bytes.0)
            .map_err(|_| de::Error::custom(corrupt("read a public key", "expected an Ed25519 public key")))
    }
}

#[cfg(feature = "schema")]
mod schema {
    use super::PublicKey;
    use utoipa::openapi::schema::{ObjectBuilder, Type};
    use utoipa::openapi::{RefOr, Schema};
    use utoipa::{PartialSchema, ToSchema};

    impl PartialSchema for PublicKey {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some("^[A-Za-z0-9_-]{43}$"))
                .description(Some("An Ed25519 public key as base64url without padding."))
                .into()
        }
    }

    impl ToSchema for PublicKey {}
}
