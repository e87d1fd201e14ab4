//! Sealing to a public key: HPKE (RFC 9180) in base mode with the hybrid X-Wing KEM (ML-KEM-768 and X25519,
//! draft-connolly-cfrg-xwing-kem), HKDF-SHA256 and ChaCha20-Poly1305.

use super::{SecretBytes, SecretKey, random};
use crate::error::{Result, corrupt, internal};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use std::convert::Infallible;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// Length of a public key.
pub(crate) const PUBLIC_KEY: usize = 1216;
/// Length of an encapsulated key.
pub(crate) const ENCAPSULATED: usize = 1120;
/// What sealing adds to a plaintext.
pub(crate) const OVERHEAD: usize = ENCAPSULATED + 16;

/// Seals; cannot open.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicKey(<XWing as Kem>::PublicKey);

/// Opens what was sealed to its public key. Kept as the 32-byte seed it is expanded from.
#[derive(Clone)]
pub(crate) struct PrivateKey(SecretKey);

impl PublicKey {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        <XWing as Kem>::PublicKey::from_bytes(bytes)
            .map(PublicKey)
            .map_err(|_| corrupt("read a public key", "it is not an X-Wing public key"))
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    /// Seals `plaintext` to the holder of the private key: encapsulated key, ciphertext, tag.
    pub(crate) fn seal(&self, info: &[u8], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let failed = |_| internal("seal to a public key", "encapsulation failed");
        let mut random = Drawn::new()?;
        let (encapsulated, mut context) = hpke::setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeS::Base,
            &self.0,
            info,
            &mut random,
        )
        .map_err(failed)?;
        let mut sealed = encapsulated.to_bytes().to_vec();
        sealed.extend_from_slice(&context.seal(plaintext, aad).map_err(failed)?);
        Ok(sealed)
    }
}

/// Randomness for one encapsulation, drawn beforehand: the system's generator may fail, and the encapsulation may not.
struct Drawn(blake3::OutputReader);

impl Drawn {
    fn new() -> Result<Self> {
        let seed = Zeroizing::new(random::<64>()?);
        let mut hasher = blake3::Hasher::new_derive_key("strongroom encapsulation randomness");
        hasher.update(seed.as_slice());
        let reader = hasher.finalize_xof();
        hasher.zeroize();
        Ok(Drawn(reader))
    }
}

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(X-Wing)")
    }
}

impl PrivateKey {
    pub(crate) fn from_seed(seed: SecretKey) -> Self {
        PrivateKey(seed)
    }

    pub(crate) fn seed(&self) -> &SecretKey {
        &self.0
    }

    pub(crate) fn public_key(&self) -> Result<PublicKey> {
        Ok(PublicKey(XWing::sk_to_pk(&self.expand()?)))
    }

    pub(crate) fn open(&self, info: &[u8], aad: &[u8], sealed: &[u8], operation: &'static str) -> Result<SecretBytes> {
        let broken = || corrupt(operation, "it does not authenticate: damaged, or sealed to another key");
        let Some((encapsulated, ciphertext)) = sealed.split_at_checked(ENCAPSULATED) else {
            return Err(corrupt(operation, "it is too short to be sealed to a public key"));
        };
        let encapsulated = <XWing as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| broken())?;
        let mut context = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.expand()?,
            &encapsulated,
            info,
        )
        .map_err(|_| broken())?;
        context.open(ciphertext, aad).map(Zeroizing::new).map_err(|_| broken())
    }

    fn expand(&self) -> Result<<XWing as Kem>::PrivateKey> {
        <XWing as Kem>::PrivateKey::from_bytes(self.0.expose())
            .map_err(|_| internal("expand a private key", "the seed was refused"))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn only_the_private_key_opens_and_everything_is_bound() {
        let private = PrivateKey::from_seed(SecretKey::from_bytes([1; 32]));
        let public = private.public_key().unwrap();
        assert_eq!(public.to_bytes().len(), PUBLIC_KEY);
        assert_eq!(PublicKey::from_bytes(&public.to_bytes()).unwrap(), public);
        let sealed = public.seal(b"info", b"aad", b"session key").unwrap();
        assert_eq!(sealed.len(), OVERHEAD + 11);
        assert_eq!(private.open(b"info", b"aad", &sealed, "open").unwrap().as_slice(), b"session key");
        let other = PrivateKey::from_seed(SecretKey::from_bytes([2; 32]));
        for result in [
            other.open(b"info", b"aad", &sealed, "open"),
            private.open(b"other", b"aad", &sealed, "open"),
            private.open(b"info", b"other", &sealed, "open"),
            private.open(b"info", b"aad", &sealed[..sealed.len() - 1], "open"),
            private.open(b"info", b"aad", &sealed[..7], "open"),
        ] {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }
}
