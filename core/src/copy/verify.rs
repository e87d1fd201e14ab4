//! Holding copies against their original, path by path.

use super::{Original, is_damage};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result, corrupt};
use crate::format::entry::{Content, Entry};
use crate::format::node::ListChild;
use crate::id::BlobId;
use crate::ingest::Presence;
use crate::path::EntryPath;
use crate::progress::Meter;
use crate::store::read::StoreReader;
use crate::tree::{Cursor, data_length, load_list};
use std::cmp::Ordering;

/// Paths that a copy does not have, and should not: their number, and a hash over them.
#[derive(Clone, Default)]
pub(crate) struct Skipped {
    count: u64,
    hasher: blake3::Hasher,
}

impl Skipped {
    pub(super) fn add(&mut self, path: &EntryPath) {
        self.count += 1;
        self.hasher.update(&(path.key().len() as u64).to_le_bytes()).update(path.key());
    }

    fn is(&self, other: &Skipped) -> bool {
        self.count == other.count && self.hasher.finalize() == other.hasher.finalize()
    }
}

/// A copy to be verified.
pub(crate) struct Copy<'a> {
    pub(crate) reader: &'a StoreReader,
    pub(crate) root: BlobId,
    pub(crate) skipped: &'a Skipped,
}

/// One side of the comparison.
struct Side<'a> {
    copy: &'a Copy<'a>,
    cursor: Cursor<'a>,
    presence: Presence<'a>,
    missing: Skipped,
    /// The first path that is missing.
    first_missing: Option<EntryPath>,
    error: Option<Error>,
}

/// Walks the original once beside all copies. Every entry of a copy must be as the original has it, its content as long
/// as it should be and in the index; and it must have every entry but those that were skipped.
///
/// # Errors
/// Those of the source. What is wrong with a copy is in its place in the list.
pub(crate) fn verify(
    original: Original<'_>,
    copies: &[Copy<'_>],
    meter: &Meter,
    ctx: &Context,
) -> Result<Vec<Result<()>>> {
    let mut sides: Vec<Side<'_>> = copies.iter().map(Side::new).collect();
    let mut cursor = Cursor::new(original.reader, original.root);
    loop {
        ctx.check("verify a copy")?;
        let entry = match cursor.next() {
            Ok(entry) => entry,
            Err(error) if is_damage(&error) => continue,
            Err(error) => return Err(error),
        };
        for side in &mut sides {
            side.look(entry.as_ref());
        }
        let Some(entry) = entry else { break };
        meter.report(|| Some(entry.path.to_string()));
    }
    Ok(sides.into_iter().map(|side| side.error.map_or(Ok(()), Err)).collect())
}

fn differs(path: &EntryPath, detail: &'static str) -> Error {
    corrupt("verify a copy", detail).object(path)
}

impl<'a> Side<'a> {
    fn new(copy: &'a Copy<'a>) -> Self {
        let (cursor, presence) = (Cursor::new(copy.reader, copy.root), Presence::new(copy.reader));
        Side { copy, cursor, presence, missing: Skipped::default(), first_missing: None, error: None }
    }

    fn look(&mut self, entry: Option<&Entry>) {
        if self.error.is_none() {
            let compared = match entry {
                Some(entry) => self.compare(entry),
                None => self.end(),
            };
            self.error = compared.err();
        }
    }

    fn compare(&mut self, entry: &Entry) -> Result<()> {
        let copied = self.cursor.peek()?;
        let order = copied.map_or(Ordering::Greater, |copied| copied.path.cmp(&entry.path));
        match (order, copied) {
            (Ordering::Less, Some(copied)) => Err(differs(&copied.path, "the copy has it, and the original has not")),
            (Ordering::Equal, Some(copied)) => {
                if let Some(detail) = difference(entry, copied) {
                    return Err(differs(&entry.path, detail));
                }
                if !has_length(self.copy.reader, copied)? {
                    return Err(differs(&entry.path, "the content of the copy is not as long as the file"));
                }
                if !self.presence.has_content(copied)? {
                    return Err(differs(&entry.path, "content of the copy is not in the index"));
                }
                self.cursor.advance();
                Ok(())
            }
            _ => {
                self.missing.add(&entry.path);
                self.first_missing.get_or_insert_with(|| entry.path.clone());
                Ok(())
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        if let Some(copied) = self.cursor.peek()? {
            return Err(differs(&copied.path, "the copy has it, and the original has not"));
        }
        if self.missing.is(self.copy.skipped) {
            return Ok(());
        }
        let path = self.first_missing.clone().unwrap_or_default();
        let detail = "the copy does not have it, or another path behind it, and no problem with it was found";
        Err(Error::new(ErrorKind::Corrupt, "verify a copy").object(path).detail(detail))
    }
}

/// In what a copied entry differs from the original; where its content is stored is its own business.
fn difference(original: &Entry, copied: &Entry) -> Option<&'static str> {
    if original.kind != copied.kind {
        return Some("the copy is of another type");
    }
    if original.metadata != copied.metadata {
        return Some("the copy has other metadata");
    }
    if original.size != copied.size || original.holes != copied.holes {
        return Some("the copy has another size or other holes");
    }
    match (&original.content, &copied.content) {
        (Content::Inline(original), Content::Inline(copied)) if original != copied => {
            Some("the copy has other content")
        }
        _ => None,
    }
}

/// Whether the content of an entry is as long as it says.
fn has_length(reader: &StoreReader, entry: &Entry) -> Result<bool> {
    let expected = data_length(entry);
    Ok(match &entry.content {
        Content::Empty => expected == 0,
        Content::Inline(bytes) => bytes.len() as u64 == expected,
        Content::Runs(runs) => runs.iter().fold(0u64, |sum, run| sum.saturating_add(run.bytes)) == expected,
        Content::List { id, levels } => {
            load_list(reader, &ListChild { id: *id, bytes: expected }, *levels)?;
            true
        }
    })
}
