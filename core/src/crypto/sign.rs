//! Signatures: Ed25519 (RFC 8032), verified strictly so that a signature has one form.

use super::SecretKey;
use crate::error::{Error, ErrorKind, Result, corrupt};
use ed25519_dalek::{Signature, Signer, SigningKey as Ed25519, VerifyingKey as Ed25519Public};
use std::fmt;

pub(crate) const PUBLIC_KEY: usize = 32;
pub(crate) const SIGNATURE: usize = 64;

/// Signs. Kept as the 32-byte seed.
#[derive(Clone)]
pub(crate) struct SigningKey(SecretKey);

/// Verifies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct VerifyingKey(Ed25519Public);

impl SigningKey {
    pub(crate) fn from_seed(seed: SecretKey) -> Self {
        SigningKey(seed)
    }

    pub(crate) fn seed(&self) -> &SecretKey {
        &self.0
    }

    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(Ed25519::from_bytes(self.0.expose()).verifying_key())
    }

    /// Signs `context`, a byte of its length before it, and `message`: a signature made for one purpose never
    /// passes for another.
    pub(crate) fn sign(&self, context: &'static str, message: &[u8]) -> [u8; SIGNATURE] {
        Ed25519::from_bytes(self.0.expose()).sign(&framed(context, message)).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl VerifyingKey {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes: &[u8; PUBLIC_KEY] =
            bytes.try_into().map_err(|_| corrupt("read a public key", "it is not 32 bytes long"))?;
        Ed25519Public::from_bytes(bytes)
            .map(VerifyingKey)
            .map_err(|_| corrupt("read a public key", "it is not a point of the curve"))
    }

    pub(crate) fn to_bytes(self) -> [u8; PUBLIC_KEY] {
        self.0.to_bytes()
    }

    pub(crate) fn verify(
        &self,
        context: &'static str,
        message: &[u8],
        signature: &[u8],
        operation: &'static str,
    ) -> Result<()> {
        let untrusted = || Error::new(ErrorKind::Untrusted, operation).detail("the signature does not verify");
        let signature = Signature::from_slice(signature).map_err(|_| untrusted())?;
        self.0.verify_strict(&framed(context, message), &signature).map_err(|_| untrusted())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", crate::id::hex(&self.to_bytes()))
    }
}

fn framed(context: &'static str, message: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(1 + context.len() + message.len());
    // Contexts are constants of this crate, all far below 256 bytes.
    framed.push(u8::try_from(context.len()).unwrap_or(u8::MAX));
    framed.extend_from_slice(context.as_bytes());
    framed.extend_from_slice(message);
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_for_one_message_purpose_and_key() {
        let key = SigningKey::from_seed(SecretKey::from_bytes([3; 32]));
        let signature = key.sign("test", b"message");
        let public = VerifyingKey::from_bytes(&key.verifying_key().to_bytes()).unwrap();
        public.verify("test", b"message", &signature, "verify").unwrap();
        let other = SigningKey::from_seed(SecretKey::from_bytes([4; 32])).verifying_key();
        for result in [
            public.verify("test", b"massage", &signature, "verify"),
            public.verify("rest", b"message", &signature, "verify"),
            public.verify("test", b"message", &signature[1..], "verify"),
            other.verify("test", b"message", &signature, "verify"),
        ] {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Untrusted);
        }
    }
}
