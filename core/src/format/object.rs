//! The eight bytes every object begins with.

use crate::error::{Result, corrupt, unsupported};

/// What an object is. The number is byte 6 of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Config = 1,
    KeySlot = 2,
    DeviceList = 3,
    Pack = 4,
    Index = 5,
    Snapshot = 6,
    Mark = 7,
    Lease = 8,
    Checkpoint = 9,
    LocalTree = 10,
    DeviceKey = 11,
    DeviceRequest = 12,
    Condemnation = 13,
    Parity = 14,
    LocalReferences = 15,
}

const MAGIC: [u8; 6] = *b"SRoom\0";
const VERSION: u8 = 1;

/// Length of the header.
pub(crate) const HEADER: usize = 8;

/// The header of an object of this kind in the version this build writes.
pub(crate) const fn header(kind: Kind) -> [u8; HEADER] {
    let [a, b, c, d, e, f] = MAGIC;
    [a, b, c, d, e, f, kind as u8, VERSION]
}

/// Checks the header and returns what follows it.
pub(crate) fn strip<'a>(bytes: &'a [u8], kind: Kind, operation: &'static str) -> Result<&'a [u8]> {
    let Some(([magic @ .., found, version], rest)) = bytes.split_first_chunk::<HEADER>() else {
        return Err(corrupt(operation, "it is too short to be an object of a repository"));
    };
    if *magic != MAGIC {
        return Err(corrupt(operation, "it does not begin like an object of a repository"));
    }
    if *found != kind as u8 {
        return Err(corrupt(operation, format!("it is an object of kind {found}, not {}", kind as u8)));
    }
    if *version != VERSION {
        let detail = format!("it has format version {version}; this build knows {VERSION}");
        return Err(unsupported(operation, detail));
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_later_version_is_unsupported_and_everything_else_corrupt() {
        let mut bytes = header(Kind::Pack).to_vec();
        bytes.push(9);
        assert_eq!(strip(&bytes, Kind::Pack, "read").unwrap(), [9]);
        assert_eq!(strip(&bytes, Kind::Index, "read").unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(strip(&bytes[..7], Kind::Pack, "read").unwrap_err().kind(), ErrorKind::Corrupt);
        bytes[7] = 2;
        assert_eq!(strip(&bytes, Kind::Pack, "read").unwrap_err().kind(), ErrorKind::Unsupported);
        bytes[0] = 0;
        assert_eq!(strip(&bytes, Kind::Pack, "read").unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
