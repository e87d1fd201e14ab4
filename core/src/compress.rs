//! Compression: zstd (RFC 8878), with contexts that are kept between uses because making one costs more than a
//! small segment.

use crate::error::{Result, corrupt, internal, unsupported};
use std::fmt;
use std::sync::Mutex;

/// How a segment is compressed. The number is part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Compression {
    Stored = 0,
    Zstd = 1,
}

impl Compression {
    pub(crate) fn from_number(number: u8) -> Result<Self> {
        match number {
            0 => Ok(Compression::Stored),
            1 => Ok(Compression::Zstd),
            _ => Err(unsupported("decompress a segment", format!("compression {number} is not known to this build"))),
        }
    }
}

/// Compresses at one level. Shared between threads.
pub(crate) struct Compressor {
    level: i32,
    idle: Mutex<Vec<zstd::bulk::Compressor<'static>>>,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("level", &self.level).finish_non_exhaustive()
    }
}

/// Levels of zstd this crate offers.
pub(crate) const LEVELS: std::ops::RangeInclusive<i32> = -7..=19;

impl Compressor {
    pub(crate) fn new(level: i32) -> Self {
        Compressor { level: level.clamp(*LEVELS.start(), *LEVELS.end()), idle: Mutex::default() }
    }

    /// Appends `raw` to `out`, compressed if that makes it shorter by more than a few bytes.
    pub(crate) fn compress(&self, raw: &[u8], out: &mut Vec<u8>) -> Result<Compression> {
        let failed = |error: std::io::Error| internal("compress", "zstd failed").because(error);
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut context = match idle {
            Some(context) => context,
            None => zstd::bulk::Compressor::new(self.level).map_err(failed)?,
        };
        let packed = context.compress(raw).map_err(failed)?;
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(context);
        }
        if packed.len() + packed.len() / 64 < raw.len() {
            out.extend_from_slice(&packed);
            Ok(Compression::Zstd)
        } else {
            out.extend_from_slice(raw);
            Ok(Compression::Stored)
        }
    }
}

/// Decompresses to exactly `length` bytes; anything else is damage. Never allocates more than that.
pub(crate) fn decompress(compression: Compression, packed: &[u8], length: usize) -> Result<Vec<u8>> {
    let wrong = || corrupt("decompress a segment", "its content does not have the length it should have");
    let raw = match compression {
        Compression::Stored => packed.to_vec(),
        Compression::Zstd => {
            // One frame: several could be cut apart and joined in more than one way.
            if zstd::zstd_safe::find_frame_compressed_size(packed).ok() != Some(packed.len()) {
                return Err(corrupt("decompress a segment", "it is not exactly one zstd frame"));
            }
            let mut raw = Vec::with_capacity(length);
            zstd::bulk::Decompressor::new()
                .and_then(|mut context| context.decompress_to_buffer(packed, &mut raw))
                .map_err(|error| corrupt("decompress a segment", "zstd refused it").because(error))?;
            raw
        }
    };
    if raw.len() == length { Ok(raw) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn there_and_back(raw: Vec<u8>, repeat in 1usize..50) {
            let raw = raw.repeat(repeat);
            let mut packed = Vec::new();
            let compression = Compressor::new(3).compress(&raw, &mut packed).unwrap();
            prop_assert!(packed.len() <= raw.len());
            prop_assert_eq!(decompress(compression, &packed, raw.len()).unwrap(), raw);
        }

        #[test]
        fn rubbish_is_refused(packed: Vec<u8>, length in 0usize..10_000) {
            if let Ok(raw) = decompress(Compression::Zstd, &packed, length) {
                prop_assert_eq!(raw.len(), length);
            }
        }
    }

    #[test]
    fn it_is_one_frame_and_nothing_else() {
        let half = zstd::bulk::compress(&[7; 1000], 3).unwrap();
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
        assert_eq!(decompress(Compression::Zstd, &half, 1000).unwrap(), [7; 1000]);
        for wrong in [[half.as_slice(), &half].concat(), [half.as_slice(), &skippable].concat(), Vec::new()] {
            for length in [0, 1000, 2000] {
                assert_eq!(decompress(Compression::Zstd, &wrong, length).unwrap_err().kind(), ErrorKind::Corrupt);
            }
        }
    }

    #[test]
    fn a_bomb_expands_to_no_more_than_was_announced() {
        let mut packed = Vec::new();
        Compressor::new(3).compress(&vec![0; 1 << 26], &mut packed).unwrap();
        assert!(packed.len() < 10_000);
        assert_eq!(decompress(Compression::Zstd, &packed, 1000).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
