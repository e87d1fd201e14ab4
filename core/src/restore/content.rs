//! Bytes of files: from segments to the place in the file where they belong.

use super::failure::{Failure, Outcome};
use super::job::Job;
use super::sys;
use crate::format::entry::{Entry, Hole, Run};
use crate::tree::{Segments, bytes_of};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};
use std::os::fd::OwnedFd;

/// Most bytes given to one system call, so that a cancellation is noticed in between.
const PIECE: usize = 1024 * 1024;
/// How much of an existing file is read at once to be compared.
const COMPARED: usize = 256 * 1024;
/// What is rewritten when a byte of it differs: no file system stores less.
const BLOCK: usize = 4096;

/// Where content belongs in a file: before, between and behind its holes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout<'a> {
    holes: &'a [Hole],
    offset: u64,
}

impl<'a> Layout<'a> {
    /// At the first byte of content.
    pub(super) fn new(holes: &'a [Hole]) -> Self {
        Layout { holes, offset: 0 }
    }

    /// Where it is, for a [`Layout::resume`] elsewhere: holes that are still to come, and the offset in the file.
    pub(super) fn mark(&self) -> (usize, u64) {
        (self.holes.len(), self.offset)
    }

    /// Where another layout of the same file was.
    pub(super) fn resume(holes: &'a [Hole], (left, offset): (usize, u64)) -> Self {
        Layout { holes: holes.get(holes.len().saturating_sub(left)..).unwrap_or_default(), offset }
    }

    /// Moves on by `length` bytes of content.
    pub(super) fn skip(&mut self, mut length: u64) {
        while length > 0 {
            length -= self.take(length).1;
        }
    }

    /// Moves on by at most `length` bytes of content: the offset in the file and how many of them stand there
    /// together, at least one.
    pub(super) fn take(&mut self, length: u64) -> (u64, u64) {
        while let Some((hole, rest)) = self.holes.split_first() {
            if hole.offset > self.offset {
                break;
            }
            self.offset = self.offset.max(hole.offset.saturating_add(hole.length));
            self.holes = rest;
        }
        let room = self.holes.first().map_or(u64::MAX, |hole| hole.offset - self.offset);
        let (offset, taken) = (self.offset, length.min(room).max(1));
        self.offset = offset.saturating_add(taken);
        (offset, taken)
    }
}

/// Writes content to files.
pub(super) struct Copier<'a> {
    job: &'a Job<'a>,
    segments: Segments<'a>,
    /// What an existing file holds.
    buffer: Vec<u8>,
}

impl<'a> Copier<'a> {
    pub(super) fn new(job: &'a Job<'a>) -> Self {
        Copier { job, segments: Segments::new(job.store), buffer: Vec::new() }
    }

    /// Writes one run. `existing` is how long the file was before; bytes up to there are compared and only written
    /// when they differ.
    pub(super) fn run(
        &mut self,
        file: &OwnedFd,
        layout: &mut Layout<'_>,
        run: &Run,
        existing: Option<u64>,
    ) -> Outcome<()> {
        let segment = self.segments.get(&run.segment).map_err(Failure::content)?;
        self.bytes(file, layout, bytes_of(&segment, run).map_err(Failure::content)?, existing)
    }

    /// Writes bytes that follow each other in the content.
    pub(super) fn bytes(
        &mut self,
        file: &OwnedFd,
        layout: &mut Layout<'_>,
        mut bytes: &[u8],
        existing: Option<u64>,
    ) -> Outcome<()> {
        while !bytes.is_empty() {
            let (offset, length) = layout.take(bytes.len() as u64);
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len());
            let (now, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
            match existing {
                None => write(self.job, file, now, offset)?,
                Some(end) => self.rewrite(file, now, offset, end)?,
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Writes what differs from what the file holds.
    fn rewrite(&mut self, file: &OwnedFd, bytes: &[u8], mut offset: u64, end: u64) -> Outcome<()> {
        self.buffer.resize(COMPARED, 0);
        for piece in bytes.chunks(COMPARED) {
            self.job.go_on()?;
            let held = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX).min(piece.len());
            let held = self.buffer.get_mut(..held).unwrap_or_default();
            let held = read(file, held, offset)?;
            let mut changed: Option<(usize, usize)> = None;
            let mut at = 0;
            for (new, old) in piece.chunks(BLOCK).zip(held.chunks(BLOCK).chain(std::iter::repeat(&[][..]))) {
                let next = at + new.len();
                if new != old {
                    changed = Some((changed.map_or(at, |(from, _)| from), next));
                } else if let Some((from, to)) = changed.take() {
                    write(self.job, file, piece.get(from..to).unwrap_or_default(), offset + from as u64)?;
                }
                at = next;
            }
            if let Some((from, to)) = changed {
                write(self.job, file, piece.get(from..to).unwrap_or_default(), offset + from as u64)?;
            }
            offset += piece.len() as u64;
        }
        Ok(())
    }

    /// Makes the holes of a file what they were, and the file as long as it was, once its content is written.
    pub(super) fn finish(&mut self, file: &OwnedFd, entry: &Entry, existing: Option<u64>) -> Outcome<()> {
        for hole in &entry.holes {
            let end = hole.offset.saturating_add(hole.length);
            if !self.job.options.sparse {
                zero(self.job, file, hole.offset, end)?;
            } else if let Some(length) = existing {
                self.empty(file, hole.offset, end.min(length))?;
            }
        }
        let last = entry.holes.last().map_or(0, |hole| hole.offset.saturating_add(hole.length));
        let ends_in_hole = last == entry.size && self.job.options.sparse;
        if ends_in_hole && entry.size > 0 {
            sys::truncate(file, entry.size).map_err(|errno| Failure::target(errno, "set a file's length"))?;
        }
        Ok(())
    }

    /// Turns a range of an existing file into a hole where it is none.
    fn empty(&mut self, file: &OwnedFd, offset: u64, end: u64) -> Outcome<()> {
        if offset >= end {
            return Ok(());
        }
        match sys::next_data(file, offset) {
            Ok(Some(data)) if data < end => {}
            Ok(_) => return Ok(()),
            // Where holes cannot be found there may be none: all of it is emptied.
            Err(_) => {}
        }
        match sys::punch(file, offset, end - offset) {
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => zero(self.job, file, offset, end),
            Err(errno) => Err(Failure::target(errno, "make a hole in a file")),
        }
    }
}

fn zero(job: &Job<'_>, file: &OwnedFd, mut offset: u64, end: u64) -> Outcome<()> {
    static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
    while offset < end {
        let length = usize::try_from(end - offset).unwrap_or(usize::MAX).min(ZEROS.len());
        write(job, file, ZEROS.get(..length).unwrap_or_default(), offset)?;
        offset += length as u64;
    }
    Ok(())
}

fn write(job: &Job<'_>, file: &OwnedFd, bytes: &[u8], mut offset: u64) -> Outcome<()> {
    let failed = |errno| Failure::target(errno, "write a file");
    for mut piece in bytes.chunks(PIECE) {
        job.go_on()?;
        while !piece.is_empty() {
            let written = retry_on_intr(|| pwrite(file, piece, offset)).map_err(failed)?;
            if written == 0 {
                return Err(failed(Errno::NOSPC));
            }
            piece = piece.get(written..).unwrap_or_default();
            offset += written as u64;
            job.wrote(written as u64);
        }
    }
    Ok(())
}

/// Fills as much of `buffer` as the file holds from `offset` on.
fn read<'b>(file: &OwnedFd, buffer: &'b mut [u8], offset: u64) -> Outcome<&'b [u8]> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let from = offset + filled as u64;
        match retry_on_intr(|| pread(file, &mut *rest, from)) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(errno) => return Err(Failure::target(errno, "read a file that exists")),
        }
    }
    Ok(buffer.get(..filled).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_goes_around_holes() {
        let holes = [Hole { offset: 0, length: 10 }, Hole { offset: 15, length: 5 }];
        let mut layout = Layout::new(&holes);
        assert_eq!(layout.take(100), (10, 5));
        assert_eq!(layout.take(3), (20, 3));
        assert_eq!(layout.take(3), (23, 3));
        let mut layout = Layout::new(&holes);
        layout.skip(4);
        let mut other = Layout::resume(&holes, layout.mark());
        assert_eq!(other.take(9), (14, 1));
        assert_eq!(other.take(9), (20, 9));
        assert_eq!(Layout::new(&[]).take(9), (0, 9));
    }
}
