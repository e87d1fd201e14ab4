//! Stretching passphrases: Argon2id (RFC 9106).

use super::SecretKey;
use crate::error::{Result, internal, invalid, unsupported};
use crate::threads::Pool;
use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

/// Cost of one try at a passphrase, for its holder and for whoever guesses.
///
/// ```
/// use strongroom::Cost;
/// assert_eq!(Cost::default(), Cost::new(64 * 1024, 3, 4)?);
/// assert!(Cost::new(1024, 1, 1).is_err());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub(crate) memory_kib: u32,
    /// Passes over the memory.
    pub(crate) passes: u32,
    /// Lanes.
    pub(crate) lanes: u32,
}

impl Cost {
    /// RFC 9106, section 4, second recommended option: 64 MiB, 3 passes, 4 lanes.
    pub const DEFAULT: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 4 };

    /// The least that is accepted, written or read: 19 MiB and 2 passes in all, or what costs as much.
    pub const FLOOR: Cost = Cost { memory_kib: 19 * 1024, passes: 2, lanes: 1 };

    /// The most that is accepted: a key slot comes from storage, and must not make its reader run out of memory.
    pub const CEILING: Cost = Cost { memory_kib: 1024 * 1024, passes: 32, lanes: 16 };

    /// A cost in KiB of memory, passes over it and lanes.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) below [`FLOOR`](Self::FLOOR) or above
    /// [`CEILING`](Self::CEILING).
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self> {
        let cost = Cost { memory_kib, passes, lanes };
        match cost.check() {
            Ok(()) => Ok(cost),
            Err(error) => Err(invalid(error.operation(), error.detail_text().unwrap_or_default().to_owned())),
        }
    }

    pub(crate) fn check(self) -> Result<()> {
        let (floor, ceiling) = (Cost::FLOOR, Cost::CEILING);
        if self.memory_kib < floor.memory_kib || self.passes < floor.passes || self.lanes < floor.lanes {
            return Err(unsupported(
                "stretch a passphrase",
                "the Argon2id cost is below the floor of 19 MiB, 2 passes",
            ));
        }
        if self.memory_kib > ceiling.memory_kib || self.passes > ceiling.passes || self.lanes > ceiling.lanes {
            return Err(unsupported("stretch a passphrase", "the Argon2id cost is above 1 GiB, 32 passes or 16 lanes"));
        }
        Ok(())
    }
}

impl Default for Cost {
    fn default() -> Self {
        Cost::DEFAULT
    }
}

/// A key from a passphrase. Takes the time and memory `cost` says, and a thread for each lane where there are
/// processors for them.
pub(crate) fn stretch(passphrase: &[u8], salt: &[u8; 16], cost: Cost) -> Result<SecretKey> {
    let mut key = Zeroizing::new([0; 32]);
    stretch_into(passphrase, salt, cost, key.as_mut_slice())?;
    Ok(SecretKey::from_bytes(*key))
}

/// As [`stretch`], into bytes of any length.
pub(crate) fn stretch_into(passphrase: &[u8], salt: &[u8; 16], cost: Cost, into: &mut [u8]) -> Result<()> {
    cost.check()?;
    let failed = |error: argon2::Error| internal("stretch a passphrase", "Argon2id failed").because(error.to_string());
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(into.len())).map_err(failed)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    // Lanes are computed on the pool at hand, and there must be one: else a pool of the whole process would begin.
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    let threads = processors.min(usize::try_from(cost.lanes).unwrap_or(1)).max(1);
    Pool::new(threads)?.install(|| argon2.hash_password_into(passphrase, salt, into)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn cost_is_bounded_both_ways() {
        for cost in [
            Cost { memory_kib: 1024, ..Cost::DEFAULT },
            Cost { passes: 1, ..Cost::DEFAULT },
            Cost { memory_kib: u32::MAX, ..Cost::DEFAULT },
            Cost { passes: 1000, ..Cost::DEFAULT },
            Cost { lanes: 0, ..Cost::DEFAULT },
        ] {
            assert_eq!(stretch(b"pass", &[0; 16], cost).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }

    #[test]
    fn salt_and_passphrase_both_matter() {
        let key = |passphrase: &[u8], salt| *stretch(passphrase, &[salt; 16], Cost::FLOOR).unwrap().expose();
        assert_eq!(key(b"a", 1), key(b"a", 1));
        assert_ne!(key(b"a", 1), key(b"b", 1));
        assert_ne!(key(b"a", 1), key(b"a", 2));
    }
}
