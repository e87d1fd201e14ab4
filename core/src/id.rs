//! Identifiers: fixed-width byte strings that print as lower-case hexadecimal.

/// Writes bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }));
        }
    }
    text
}

/// Reads lower-case hexadecimal of exactly `N` bytes.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    fn nibble(digit: u8) -> Option<u8> {
        match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        }
    }
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

macro_rules! identifier {
    ($(#[$meta:meta])* $name:ident, $width:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub(crate) [u8; $width]);

        impl $name {
            /// Width in bytes.
            pub const LEN: usize = $width;

            /// Takes the bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $width]) -> Self {
                $name(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $width] {
                &self.0
            }

            /// The first eight hexadecimal digits, for tables people read.
            #[must_use]
            pub fn short(&self) -> String {
                let mut text = self.to_string();
                text.truncate(8);
                text
            }

            #[allow(dead_code)] // not every kind of id is parsed from a slice
            pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map($name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::id::hex(&self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Error;

            fn from_str(text: &str) -> $crate::Result<Self> {
                $crate::id::unhex(text).map($name).ok_or_else(|| {
                    let expected = concat!("expected ", $width, " bytes in lower-case hexadecimal");
                    $crate::error::invalid("read an id", expected).object(text)
                })
            }
        }
    };
}
#[cfg(feature = "account")]
pub(crate) use identifier;

identifier! {
    /// Names a repository: random, chosen when it is created.
    RepositoryId, 16
}
identifier! {
    /// Names a pack: the BLAKE3 hash of all its bytes.
    PackId, 32
}
identifier! {
    /// Names a segment: a keyed hash over the ids of its blobs, so that it commits to their content.
    SegmentId, 32
}
identifier! {
    /// Names a blob: the keyed BLAKE3 hash of its plaintext.
    BlobId, 32
}
identifier! {
    /// Names a snapshot: the BLAKE3 hash of the stored object.
    SnapshotId, 32
}
identifier! {
    /// Names an index object: the BLAKE3 hash of the stored object.
    IndexId, 32
}
identifier! {
    /// Names a writer's session: random.
    SessionId, 16
}
identifier! {
    /// Names a device: derived from its public keys.
    DeviceId, 16
}
identifier! {
    /// Names a key slot: random.
    SlotId, 16
}
identifier! {
    /// Names a lineage: the backups of one host and set of paths.
    LineageId, 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hexadecimal_goes_there_and_back(bytes: [u8; 32]) {
            let id = PackId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse::<PackId>().unwrap(), id);
        }
    }

    #[test]
    fn upper_case_and_wrong_lengths_are_refused() {
        assert!("00".repeat(16).parse::<SessionId>().is_ok());
        assert!("AA".repeat(16).parse::<SessionId>().is_err());
        assert!("00".repeat(15).parse::<SessionId>().is_err());
        assert!("0".repeat(31).parse::<SessionId>().is_err());
    }
}
