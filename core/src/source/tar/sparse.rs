//! Sparse files in tar streams, in the four ways there are to write them.

use super::header::{BLOCK, Header, number};
use super::pax::{Extended, decimal};
use super::stream::{Stream, malformed};
use crate::context::Context;
use crate::error::Result;
use crate::format::entry::Hole;
use crate::source::files::keep_longest;

/// Most pieces of data one file can have here: 16 MiB of memory.
const MAX_PIECES: usize = 1 << 20;

/// Where the data of a sparse file goes.
#[derive(Debug, Default)]
pub(super) struct Map {
    /// Offset and length of each piece, none of them empty.
    pub(super) pieces: Vec<(u64, u64)>,
    pub(super) size: u64,
}

const MAP: &str = "the map of a sparse file is malformed";

impl Map {
    /// The map of the current member, if it is sparse. What of its content is a map is read.
    pub(super) fn read(
        header: &Header<'_>,
        extended: &Extended<'_>,
        stream: &mut Stream,
        ctx: &Context,
    ) -> Result<Option<Self>> {
        let (pieces, size) = if header.kind() == b'S' {
            let size = u64::try_from(number(header.field(483, 12)).map_err(malformed)?).map_err(|_| malformed(MAP))?;
            (from_headers(header, stream, ctx)?, size)
        } else if extended.get("GNU.sparse.major") == Some(b"1") {
            let size = extended.number("GNU.sparse.realsize").map_err(malformed)?.ok_or_else(|| malformed(MAP))?;
            (from_content(stream)?, size)
        } else if let Some(size) = extended.number("GNU.sparse.size").map_err(malformed)? {
            (from_records(extended)?, size)
        } else {
            return Ok(None);
        };
        Map::new(pieces, size, stream.left()).map(Some).map_err(malformed)
    }

    /// Checks pieces against the size of the file and the number of bytes that follow.
    fn new(mut pieces: Vec<(u64, u64)>, size: u64, stored: u64) -> Result<Self, &'static str> {
        pieces.retain(|(_, length)| *length > 0);
        let (mut end, mut sum) = (0, 0u64);
        for (offset, length) in &pieces {
            if *offset < end {
                return Err(MAP);
            }
            end = offset.checked_add(*length).ok_or(MAP)?;
            sum = sum.checked_add(*length).ok_or(MAP)?;
        }
        if end > size || sum != stored {
            return Err(MAP);
        }
        Ok(Map { pieces, size })
    }

    /// The holes between the pieces.
    pub(super) fn holes(&self) -> Vec<Hole> {
        let mut holes = Vec::new();
        let mut end = 0;
        for (offset, length) in self.pieces.iter().chain([&(self.size, 0)]) {
            if *offset > end {
                holes.push(Hole { offset: end, length: offset - end });
            }
            end = offset + length;
        }
        keep_longest(&mut holes);
        holes
    }
}

/// The oldest way: in the header, and in blocks after it.
fn from_headers(header: &Header<'_>, stream: &mut Stream, ctx: &Context) -> Result<Vec<(u64, u64)>> {
    let mut pieces = Vec::new();
    add_fields(&mut pieces, header.field(386, 96))?;
    let mut goes_on = header.field(482, 1) != b"\0";
    let stored = stream.left();
    while goes_on {
        // These blocks are not counted in the size of the member.
        stream.begin(0);
        let block: [u8; BLOCK] = stream.header(ctx)?.ok_or_else(super::stream::ends_early)?;
        add_fields(&mut pieces, block.get(..504).unwrap_or_default())?;
        goes_on = block.get(504) != Some(&0);
    }
    stream.begin(stored);
    Ok(pieces)
}

fn add_fields(pieces: &mut Vec<(u64, u64)>, fields: &[u8]) -> Result<()> {
    for pair in fields.chunks_exact(24) {
        let (offset, length) = pair.split_at(12);
        if offset.first() == Some(&0) {
            break;
        }
        let read = |field| number(field).and_then(|value| u64::try_from(value).map_err(|_| MAP)).map_err(malformed);
        push(pieces, read(offset)?, read(length)?)?;
    }
    Ok(())
}

/// Versions 0.0, with two records for each piece, and 0.1, with one for all.
fn from_records(extended: &Extended<'_>) -> Result<Vec<(u64, u64)>> {
    let mut pieces = Vec::new();
    if let Some(map) = extended.get("GNU.sparse.map") {
        let mut numbers = map.split(|byte| *byte == b',').map(decimal);
        while let Some(offset) = numbers.next() {
            let (Some(offset), Some(Some(length))) = (offset, numbers.next()) else { return Err(malformed(MAP)) };
            push(&mut pieces, offset, length)?;
        }
        return Ok(pieces);
    }
    let mut offset = None;
    for (key, value) in extended.own.records() {
        match key {
            b"GNU.sparse.offset" => offset = Some(decimal(value).ok_or_else(|| malformed(MAP))?),
            b"GNU.sparse.numbytes" => {
                let length = decimal(value).ok_or_else(|| malformed(MAP))?;
                push(&mut pieces, offset.take().ok_or_else(|| malformed(MAP))?, length)?;
            }
            _ => {}
        }
    }
    Ok(pieces)
}

/// Version 1.0: lines of numbers before the data, filled up to whole blocks.
fn from_content(stream: &mut Stream) -> Result<Vec<(u64, u64)>> {
    let mut lines = Lines { stream, block: [0; BLOCK], at: BLOCK };
    let count = lines.number()?;
    let mut pieces = Vec::new();
    for _ in 0..count {
        let (offset, length) = (lines.number()?, lines.number()?);
        push(&mut pieces, offset, length)?;
    }
    Ok(pieces)
}

struct Lines<'a> {
    stream: &'a mut Stream,
    block: [u8; BLOCK],
    at: usize,
}

impl Lines<'_> {
    fn number(&mut self) -> Result<u64> {
        let mut digits = Vec::new();
        loop {
            if self.at == BLOCK {
                self.fill()?;
            }
            let byte = self.block.get(self.at).copied().unwrap_or(0);
            self.at += 1;
            match byte {
                b'\n' => return decimal(&digits).ok_or_else(|| malformed(MAP)),
                _ if digits.len() < 20 => digits.push(byte),
                _ => return Err(malformed(MAP)),
            }
        }
    }

    fn fill(&mut self) -> Result<()> {
        let mut filled = 0;
        while let Some(rest) = self.block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.stream.read(rest) {
                Ok(0) | Err(_) => return Err(malformed(MAP)),
                Ok(count) => filled += count,
            }
        }
        self.at = 0;
        Ok(())
    }
}

fn push(pieces: &mut Vec<(u64, u64)>, offset: u64, length: u64) -> Result<()> {
    if pieces.len() >= MAX_PIECES {
        return Err(malformed("a sparse file has more than a million pieces"));
    }
    pieces.push((offset, length));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_what_the_pieces_leave() {
        let map = Map::new(vec![(5, 5), (10, 0), (20, 1), (30, 0)], 30, 6).unwrap();
        let hole = |offset, length| Hole { offset, length };
        assert_eq!(map.holes(), [hole(0, 5), hole(10, 10), hole(21, 9)]);
        assert!(Map::new(vec![(0, 3)], 3, 3).unwrap().holes().is_empty());
        assert_eq!(Map::new(vec![], 7, 0).unwrap().holes(), [hole(0, 7)]);
    }

    #[test]
    fn maps_that_make_no_sense_are_refused() {
        for (pieces, size, stored) in [
            (vec![(0, 5)], 4, 5),
            (vec![(0, 5)], 9, 4),
            (vec![(3, 2), (0, 2)], 9, 4),
            (vec![(0, 3), (2, 3)], 9, 6),
            (vec![(u64::MAX, 2)], u64::MAX, 2),
        ] {
            assert!(Map::new(pieces, size, stored).is_err());
        }
    }
}
