//! Compression: zstd (RFC 8878), with contexts that are kept between uses because making one costs more than a
//! small segment.

use crate::cancel::CancelToken;
use crate::error::{Result, corrupt, internal, unsupported};
use std::fmt;
use std::io;
use std::sync::Mutex;
use zstd::zstd_safe::{self, InBuffer, OutBuffer, get_error_name};

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
    token: CancelToken,
    idle: Mutex<Vec<zstd::bulk::Compressor<'static>>>,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("level", &self.level).finish_non_exhaustive()
    }
}

/// Levels of zstd this crate offers.
pub(crate) const LEVELS: std::ops::RangeInclusive<i32> = -7..=19;

/// Room for what comes behind, a tag: without it all of a segment would be moved to make some.
const BEHIND: usize = 64;
/// What zstd compresses in one go: the most that a block of a frame holds.
const BLOCK: usize = 128 * 1024;
/// From this level on a segment takes so long that cancellation is looked for between its blocks.
const SLOW: i32 = 10;
/// So does one of this length at any level.
const LONG: usize = 8 * 1024 * 1024;

impl Compressor {
    pub(crate) fn new(level: i32) -> Self {
        Compressor {
            level: level.clamp(*LEVELS.start(), *LEVELS.end()),
            token: CancelToken::new(),
            idle: Mutex::default(),
        }
    }

    /// Gives up with [`Cancelled`](crate::ErrorKind::Cancelled) once this is cancelled.
    pub(crate) fn cancelled_by(self, token: &CancelToken) -> Self {
        Compressor { token: token.clone(), ..self }
    }

    /// Appends `raw` to `out`, compressed if that makes it shorter by more than a few bytes.
    pub(crate) fn compress(&self, raw: &[u8], out: &mut Vec<u8>) -> Result<Compression> {
        let failed = |error: io::Error| internal("compress", "zstd failed").because(error);
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut context = match idle {
            Some(context) => context,
            None => zstd::bulk::Compressor::new(self.level).map_err(failed)?,
        };
        let packed = if self.level >= SLOW || raw.len() > LONG {
            self.compress_blocks(raw, context.context_mut())?
        } else {
            context.compress(raw).map_err(failed)?
        };
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(context);
        }
        if packed.len() + packed.len() / 64 < raw.len() {
            out.reserve_exact(packed.len() + BEHIND);
            out.extend_from_slice(&packed);
            Ok(Compression::Zstd)
        } else {
            // Not three times in memory at once.
            drop(packed);
            out.reserve_exact(raw.len() + BEHIND);
            out.extend_from_slice(raw);
            Ok(Compression::Stored)
        }
    }

    /// Compresses into one frame with its length in its header, as in one go, and looks for cancellation before each block.
    fn compress_blocks(&self, raw: &[u8], context: &mut zstd_safe::CCtx<'static>) -> Result<Vec<u8>> {
        let failed = |detail: &'static str| internal("compress", detail);
        let mut packed = Vec::with_capacity(zstd_safe::compress_bound(raw.len()));
        let mut out = OutBuffer::around(&mut packed);
        context.set_pledged_src_size(Some(raw.len() as u64)).map_err(|code| failed(get_error_name(code)))?;
        for block in raw.chunks(BLOCK) {
            self.token.check("compress")?;
            let mut input = InBuffer::around(block);
            context.compress_stream(&mut out, &mut input).map_err(|code| failed(get_error_name(code)))?;
            if input.pos() < block.len() {
                return Err(failed("zstd left a part of its input"));
            }
        }
        match context.end_stream(&mut out).map_err(|code| failed(get_error_name(code)))? {
            0 => Ok(packed),
            _ => Err(failed("zstd needs more room than it said")),
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

    /// What is compressed block by block is the same kind of frame, and no longer.
    #[test]
    fn slow_levels_go_block_by_block() {
        let text: Vec<u8> = (0..500_000u64).flat_map(|n| (n * n % 9973).to_string().into_bytes()).collect();
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 7, 12 * BLOCK] {
            let raw = &text[..length];
            let compressor = Compressor::new(19);
            for _ in 0..2 {
                let mut packed = Vec::new();
                let compression = compressor.compress(raw, &mut packed).unwrap();
                assert_eq!(decompress(compression, &packed, length).unwrap(), raw);
                if compression == Compression::Zstd {
                    assert_eq!(zstd_safe::get_frame_content_size(&packed).unwrap(), Some(length as u64));
                    let whole = zstd::bulk::compress(raw, 19).unwrap();
                    assert!(packed.len() <= whole.len() + whole.len() / 100 + 3, "{} {}", packed.len(), whole.len());
                }
            }
        }
    }

    #[test]
    fn slow_levels_and_long_segments_are_cancelled_between_blocks() {
        for (level, length) in [(19, 2 * BLOCK), (-1, LONG + 1)] {
            let token = CancelToken::new();
            let compressor = Compressor::new(level).cancelled_by(&token);
            compressor.compress(&vec![1; length], &mut Vec::new()).unwrap();
            token.cancel();
            let error = compressor.compress(&vec![1; length], &mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
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
