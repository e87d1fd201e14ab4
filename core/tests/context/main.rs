//! The context of every operation: cancellation, progress, deadlines, memory and threads.

#[path = "../common/mod.rs"]
mod common;

mod cancel;
mod concurrent;
mod deadline;
mod memory;
mod moments;
mod panics;
mod progress;
mod threads;
mod together;

use peak_alloc::PeakAlloc;
use std::io::{self, Read};
use std::time::Duration;
use strongroom::EntryPath;

/// Counts what is allocated, for tests that run alone in a process.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).unwrap()
}

/// Pseudo-random bytes without end, made as they are read.
struct Noise(blake3::OutputReader);

impl Noise {
    fn new(seed: u64) -> Self {
        Noise(blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof())
    }
}

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.fill(buffer);
        Ok(buffer.len())
    }
}

/// Gives a piece and takes its time for it, as a slow disk does.
struct Slow<R> {
    inner: R,
    piece: usize,
    pause: Duration,
    before_read: Box<dyn FnMut() + Send>,
}

impl<R: Read> Slow<R> {
    fn new(inner: R, piece: usize, pause: Duration) -> Self {
        Slow { inner, piece, pause, before_read: Box::new(|| {}) }
    }

    fn before_read(mut self, call: impl FnMut() + Send + 'static) -> Self {
        self.before_read = Box::new(call);
        self
    }
}

impl<R: Read> Read for Slow<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.before_read)();
        std::thread::sleep(self.pause);
        let length = self.piece.min(buffer.len());
        self.inner.read(&mut buffer[..length])
    }
}
