//! Reading the content of the current member.

use super::sparse::Map;
use super::stream::Stream;
use crate::format::entry::Hole;
use crate::problem::Problem;
use crate::source::EntryHandle;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

pub(super) struct TarHandle {
    stream: Arc<Mutex<Stream>>,
    /// The member this belongs to: once the stream has gone on, its content is lost.
    member: u64,
    sparse: Option<Sparse>,
    problem: Option<Problem>,
}

/// Where the reading of a sparse file stands. Small holes that are not kept as such read as zeros.
struct Sparse {
    position: u64,
    size: u64,
    pieces: std::iter::Peekable<std::vec::IntoIter<(u64, u64)>>,
    holes: std::iter::Peekable<std::vec::IntoIter<Hole>>,
}

impl TarHandle {
    pub(super) fn new(
        stream: Arc<Mutex<Stream>>,
        member: u64,
        map: Option<Map>,
        holes: Vec<Hole>,
        problem: Option<Problem>,
    ) -> Self {
        let sparse = map.map(|map| Sparse {
            position: 0,
            size: map.size,
            pieces: map.pieces.into_iter().peekable(),
            holes: holes.into_iter().peekable(),
        });
        TarHandle { stream, member, sparse, problem }
    }
}

impl EntryHandle for TarHandle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        if stream.member() != self.member {
            return Err(io::Error::other("the tar stream has gone on; its files can be read only in their turn"));
        }
        match &mut self.sparse {
            Some(sparse) => sparse.read(&mut stream, buffer),
            None => stream.read(buffer),
        }
    }

    fn take_problem(&mut self) -> Option<Problem> {
        self.problem.take()
    }
}

impl Sparse {
    fn read(&mut self, stream: &mut Stream, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(hole) = self.holes.next_if(|hole| hole.offset <= self.position) {
            self.position = hole.offset + hole.length;
        }
        let end_of = |(offset, length): &(u64, u64)| offset + length;
        while self.pieces.next_if(|piece| end_of(piece) <= self.position).is_some() {}
        let next_hole = self.holes.peek().map_or(self.size, |hole| hole.offset);
        let (end, is_data) = match self.pieces.peek() {
            Some(piece) if piece.0 <= self.position => (end_of(piece), true),
            Some(piece) => (piece.0.min(next_hole), false),
            None => (next_hole, false),
        };
        let left = end.saturating_sub(self.position);
        let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let Some(buffer) = buffer.get_mut(..wanted) else { return Ok(0) };
        let count = if is_data {
            stream.read(buffer)?
        } else {
            buffer.fill(0);
            wanted
        };
        self.position += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }
}
