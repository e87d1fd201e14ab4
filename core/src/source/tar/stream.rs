//! The bytes of a tar stream, one member after the other.

use super::header::BLOCK;
use crate::context::Context;
use crate::error::{Error, Result, corrupt};
use std::io::{self, Read};

const OPERATION: &str = "read the tar stream";

pub(super) struct Stream {
    reader: Box<dyn Read + Send>,
    /// Counts members, so that what belongs to an earlier one can be told.
    member: u64,
    /// Bytes of the current member that are still to come.
    left: u64,
    /// Bytes after it up to the next header.
    padding: u64,
}

impl Stream {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Stream { reader, member: 0, left: 0, padding: 0 }
    }

    pub(super) fn member(&self) -> u64 {
        self.member
    }

    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Skips what is left of the current member and reads the block after it; `None` at the end of the stream.
    pub(super) fn header(&mut self, ctx: &Context) -> Result<Option<[u8; BLOCK]>> {
        self.member += 1;
        let mut skip = self.left.saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        let mut scratch = [0; 16 * 1024];
        while skip > 0 {
            ctx.check(OPERATION)?;
            let wanted = usize::try_from(skip).map_or(scratch.len(), |skip| skip.min(scratch.len()));
            match self.read_some(scratch.get_mut(..wanted).unwrap_or_default()).map_err(failed)? {
                0 => return Err(ends_early()),
                count => skip -= u64::try_from(count).unwrap_or(0),
            }
        }
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_some(rest).map_err(failed)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(ends_early()),
                count => filled += count,
            }
        }
        Ok(Some(block))
    }

    /// Says that `size` bytes of content follow.
    pub(super) fn begin(&mut self, size: u64) {
        let block = u64::try_from(BLOCK).unwrap_or(1);
        self.left = size;
        self.padding = (block - size % block) % block;
    }

    /// Content of the current member; 0 at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        match self.read_some(buffer)? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the tar stream ends in the middle of a file")),
            count => {
                self.left -= u64::try_from(count).unwrap_or(0);
                Ok(count)
            }
        }
    }

    /// The whole content of a member that says something about the next one.
    pub(super) fn read_whole(&mut self, limit: u64) -> Result<Vec<u8>> {
        if self.left > limit {
            return Err(corrupt(OPERATION, "a header is larger than any that makes sense"));
        }
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.read(&mut buffer).map_err(failed)? {
                0 => return Ok(bytes),
                count => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            }
        }
    }

    /// Reads to the end of the reader, so that a program at the other end of a pipe is not stopped.
    pub(super) fn drain(&mut self, ctx: &Context) -> Result<()> {
        let mut scratch = [0; 16 * 1024];
        while self.read_some(&mut scratch).map_err(failed)? > 0 {
            ctx.check(OPERATION)?;
        }
        Ok(())
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Ok(count) if count > buffer.len() => return Err(io::Error::other("the reader gave a wrong length")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

pub(super) fn malformed(why: &'static str) -> Error {
    corrupt(OPERATION, why)
}

pub(super) fn ends_early() -> Error {
    corrupt(OPERATION, "it ends early: without the mark at its end, or in the middle of a member")
}

fn failed(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::UnexpectedEof { ends_early() } else { Error::io(error, OPERATION) }
}
