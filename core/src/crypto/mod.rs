//! Cryptographic primitives behind narrow names. Every algorithm of format 1 is chosen here and nowhere else.

pub(crate) mod aead;
pub(crate) mod hash;
pub(crate) mod kem;
pub(crate) mod password;
pub(crate) mod recovery;
pub(crate) mod sign;

use crate::error::{Result, internal};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A 256-bit secret: wiped when dropped, never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct SecretKey([u8; 32]);

impl SecretKey {
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        SecretKey(bytes)
    }

    pub(crate) fn random() -> Result<Self> {
        let mut key = SecretKey([0; 32]);
        fill_random(&mut key.0)?;
        Ok(key)
    }

    pub(crate) const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for one purpose: BLAKE3 in its key derivation mode (BLAKE3 paper, section 5.3), which makes keys
    /// with different contexts independent.
    pub(crate) fn derive(&self, context: &'static str) -> SecretKey {
        SecretKey(blake3::derive_key(context, &self.0))
    }

    /// A key for one purpose and one public value, such as a salt.
    pub(crate) fn derive_with(&self, context: &'static str, value: &[u8]) -> SecretKey {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(&self.0);
        hasher.update(value);
        let derived = SecretKey(*hasher.finalize().as_bytes());
        hasher.zeroize();
        derived
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// Fills `bytes` from the operating system's random number generator.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<()> {
    #[cfg(test)]
    if testing::repeated(bytes) {
        return Ok(());
    }
    getrandom::fill(bytes)
        .map_err(|error| internal("get random bytes", "the system's generator failed").because(error.to_string()))
}

/// `N` random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    fill_random(&mut bytes)?;
    Ok(bytes)
}

/// A buffer of secret bytes that is wiped when dropped.
pub(crate) type SecretBytes = Zeroizing<Vec<u8>>;

/// Bytes that are the same in every run, so that the test vectors can be made again.
#[cfg(test)]
pub(crate) mod testing {
    use std::sync::Mutex;

    static REPEATED: Mutex<Option<blake3::OutputReader>> = Mutex::new(None);

    /// From now on, and for the whole process, nothing is random any more.
    pub(crate) fn repeat(seed: &str) {
        *REPEATED.lock().unwrap() = Some(blake3::Hasher::new().update(seed.as_bytes()).finalize_xof());
    }

    pub(super) fn repeated(bytes: &mut [u8]) -> bool {
        let mut repeated = REPEATED.lock().unwrap();
        repeated.as_mut().map(|reader| reader.fill(bytes)).is_some()
    }
}
