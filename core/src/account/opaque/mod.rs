//! OPAQUE (RFC 9807) as this protocol uses it: ristretto255, SHA-512, Triple Diffie-Hellman, and Argon2id on the client.
//!
//! For both sides: a service takes [`Suite`], [`Generator`] and [`CONTEXT`] from here, so that they cannot differ.

pub(crate) mod client;

use crate::crypto::password::{self, Cost};
use crate::crypto::{SecretKey, random};
use crate::error::Result;
use opaque_ke::errors::InternalError;
use opaque_ke::generic_array::{ArrayLength, GenericArray};
use opaque_ke::ksf::Ksf;
use opaque_ke::rand::{self, CryptoRng, RngCore};
use opaque_ke::{CipherSuite, Ristretto255, TripleDh};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// The context that both sides bind a sign-in to.
pub const CONTEXT: &[u8] = b"strongroom account 1";

/// The algorithms.
#[derive(Debug, Clone, Copy)]
pub struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2::Sha512>;
    type Ksf = Argon2id;
}

/// Argon2id as OPAQUE's key stretching function. What is stretched is unique to account and service already, so its
/// salt is sixteen zero bytes (RFC 9807, section 7).
#[derive(Debug, Clone, Copy, Default)]
pub struct Argon2id(Cost);

impl Argon2id {
    /// Of this cost.
    #[must_use]
    pub fn new(cost: Cost) -> Self {
        Argon2id(cost)
    }
}

impl Ksf for Argon2id {
    fn hash<L: ArrayLength<u8>>(&self, input: GenericArray<u8, L>) -> Result<GenericArray<u8, L>, InternalError> {
        let input = Zeroizing::new(input);
        let mut output = GenericArray::default();
        password::stretch_into(&input, &[0; 16], self.0, &mut output).map_err(|_| InternalError::KsfError)?;
        Ok(output)
    }
}

/// Randomness for one step of OPAQUE, drawn beforehand: the system's generator may fail, and a step may not.
pub struct Generator(blake3::OutputReader);

impl Generator {
    /// Draws what one step needs.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) when the system's random number generator fails.
    pub fn new() -> Result<Self> {
        let seed = SecretKey::from_bytes(random()?);
        let mut hasher = blake3::Hasher::new_derive_key("strongroom account opaque randomness 1");
        hasher.update(seed.expose());
        let reader = hasher.finalize_xof();
        hasher.zeroize();
        Ok(Generator(reader))
    }
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generator(..)")
    }
}

impl RngCore for Generator {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Generator {}

impl Drop for Generator {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
