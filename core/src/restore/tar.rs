//! A tree as a tar stream: POSIX.1-2001 (pax), with extended attributes in the records that star and GNU tar use.

use super::links::{Claim, Links};
use super::report::RestoreReport;
use super::stream::FileReader;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::format::entry::{Entry, EntryKind, Timestamp};
use crate::id::BlobId;
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use crate::progress::{Meter, Phase};
use crate::report::{Outcome, ProblemLog};
use crate::store::blobs::{NodeStore, SegmentStore};
use crate::tree::Cursor;
use std::io::{self, Write};
use std::sync::Arc;
use tar::{EntryType, Header};

const RECORD: usize = 512;
/// Files up to this length are read before anything of them is written, so that a damaged one is left out. In a longer
/// one, whose length is announced already, zeros stand for what cannot be read.
const WHOLE: u64 = 1024 * 1024;
/// Largest numbers that fit into a header.
const MAX_ID: u32 = 0o7_777_777;
const MAX_NUMBER: u64 = 0o77_777_777_777;

/// Writes the tree at `root`, or what is within `path`, to `out`. Names are relative to `path`.
///
/// # Errors
/// As [`run`](super::run); also when `out` fails. What was written until then is no complete stream.
pub(crate) fn to_tar(
    store: &Arc<dyn SegmentStore + Send + Sync>,
    root: BlobId,
    path: &EntryPath,
    out: &mut dyn Write,
    ctx: &Context,
) -> Result<RestoreReport> {
    ctx.check("write a tar stream")?;
    let nodes: &dyn NodeStore = &**store;
    let (base, single) = super::find(nodes, root, path)?;
    let mut stream = Stream {
        store,
        out,
        ctx,
        meter: ctx.meter(),
        base: base.depth(),
        links: Links::within(ctx.limits().memory_bytes() / 8),
        problems: ProblemLog::default(),
        report: RestoreReport::default(),
        buffer: Vec::new(),
    };
    stream.meter.phase(Phase::Restoring);
    let mut cursor = Cursor::from(nodes, root, base.key());
    match single {
        Some(entry) => stream.entry(entry)?,
        None => loop {
            ctx.check_or_suspended("write a tar stream")?;
            match cursor.next() {
                Ok(Some(entry)) if entry.path.is_within(&base) => stream.entry(entry)?,
                Ok(_) => break,
                Err(error) if is_damage(&error) => {
                    let detail = format!("an unknown number of entries cannot be read: {error}");
                    stream.problem(&base, ProblemReason::Damaged, detail);
                }
                Err(error) => return Err(error),
            }
        },
    }
    stream.finish()
}

fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Unsupported)
}

struct Stream<'a> {
    store: &'a Arc<dyn SegmentStore + Send + Sync>,
    out: &'a mut dyn Write,
    ctx: &'a Context,
    meter: Meter,
    /// How many names of a path are left out.
    base: usize,
    links: Links,
    problems: ProblemLog,
    report: RestoreReport,
    buffer: Vec<u8>,
}

impl Stream<'_> {
    fn problem(&mut self, path: &EntryPath, reason: ProblemReason, detail: impl std::fmt::Display) {
        self.meter.add_problems(1);
        self.problems.add(Problem::new(path.clone(), reason, detail));
    }

    fn name(&self, path: &EntryPath) -> Vec<u8> {
        let names: Vec<&[u8]> = path.names().skip(self.base).collect();
        if names.is_empty() { b".".to_vec() } else { names.join(&b'/') }
    }

    fn entry(&mut self, entry: Entry) -> Result<()> {
        let mut name = self.name(&entry.path);
        let (entry_type, link) = match &entry.kind {
            EntryKind::File => (EntryType::Regular, Vec::new()),
            EntryKind::Directory => (EntryType::Directory, Vec::new()),
            EntryKind::Symlink { target } => (EntryType::Symlink, target.clone()),
            EntryKind::Fifo => (EntryType::Fifo, Vec::new()),
            EntryKind::CharDevice { .. } => (EntryType::Char, Vec::new()),
            EntryKind::BlockDevice { .. } => (EntryType::Block, Vec::new()),
            EntryKind::Socket => {
                self.problem(&entry.path, ProblemReason::Unsupported, "tar streams hold no sockets");
                return Ok(());
            }
        };
        if entry_type == EntryType::Directory {
            name.push(b'/');
        }
        if let Some(group) = entry.metadata.hard_link.filter(|_| entry.kind != EntryKind::Directory) {
            match self.links.claim(group, &entry) {
                Claim::First => {}
                Claim::Alone => {
                    let detail = "too many files have several names; this one becomes a copy";
                    self.problem(&entry.path, ProblemReason::Metadata, detail);
                }
                Claim::Later => {
                    if let Some(first) = self.links.first(group).and_then(|(folder, first)| folder.join(&first).ok()) {
                        self.header(&entry, &name, EntryType::Link, &self.name(&first), 0)?;
                        self.report.hard_links += 1;
                        return Ok(());
                    }
                }
            }
        }
        if entry.kind == EntryKind::File {
            if !self.file(&entry, &name)? {
                return Ok(());
            }
        } else {
            self.header(&entry, &name, entry_type, &link, 0)?;
        }
        let counter = match entry.kind {
            EntryKind::File => &mut self.report.files,
            EntryKind::Directory => &mut self.report.directories,
            EntryKind::Symlink { .. } => &mut self.report.symlinks,
            _ => &mut self.report.others,
        };
        *counter += 1;
        if let Some(group) = entry.metadata.hard_link {
            self.links.stands(group, &entry.path);
        }
        self.report.bytes += entry.size;
        self.meter.add_entries(1);
        self.meter.report(|| Some(entry.path.to_string()));
        Ok(())
    }

    /// Writes a file; says whether it is in the stream.
    fn file(&mut self, entry: &Entry, name: &[u8]) -> Result<bool> {
        let mut reader = FileReader::new(Arc::clone(self.store), entry.clone())?;
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(usize::try_from(WHOLE).unwrap_or(RECORD), 0);
        let mut damage = None;
        let mut written = false;
        let mut left = entry.size;
        loop {
            self.ctx.check_or_suspended("write a tar stream")?;
            let part = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let part = buffer.get_mut(..part).unwrap_or_default();
            if damage.is_none() {
                damage = fill(&mut reader, part).err();
            }
            match &damage {
                Some(error) if !is_damage(error) => return damage.map_or(Ok(false), Err),
                Some(error) if !written && entry.size <= WHOLE => {
                    self.problem(&entry.path, ProblemReason::Damaged, error);
                    self.buffer = buffer;
                    return Ok(false);
                }
                Some(_) => part.fill(0),
                None => {}
            }
            if !written {
                self.header(entry, name, EntryType::Regular, &[], entry.size)?;
                written = true;
            }
            self.put(part)?;
            left -= part.len() as u64;
            self.meter.add_bytes(part.len() as u64);
            self.meter.report(|| None);
            if left == 0 {
                break;
            }
        }
        self.pad(entry.size)?;
        self.buffer = buffer;
        if let Some(error) = damage {
            let detail = format!("{error}; zeros stand for what cannot be read");
            self.problem(&entry.path, ProblemReason::Damaged, detail);
        }
        Ok(true)
    }

    fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        let operation = "write a tar stream";
        self.report.bytes_written += bytes.len() as u64;
        while !bytes.is_empty() {
            // Whoever reads the other end may take long for every piece.
            self.ctx.check(operation)?;
            match self.out.write(bytes) {
                Ok(0) => return Err(Error::io(io::ErrorKind::WriteZero.into(), operation)),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(error, operation)),
            }
        }
        Ok(())
    }

    /// Fills the last record.
    fn pad(&mut self, length: u64) -> Result<()> {
        let over = usize::try_from(length % RECORD as u64).unwrap_or(0);
        let zeros = [0; RECORD];
        let rest = if over == 0 { 0 } else { RECORD - over };
        self.put(zeros.get(..rest).unwrap_or_default())
    }

    fn header(&mut self, entry: &Entry, name: &[u8], entry_type: EntryType, link: &[u8], size: u64) -> Result<()> {
        let metadata = &entry.metadata;
        let mut header = Header::new_ustar();
        let mut records = Records::default();
        header.set_entry_type(entry_type);
        header.set_mode(metadata.mode);
        let (uid, gid) = (metadata.owner.uid, metadata.owner.gid);
        header.set_uid(u64::from(uid.min(MAX_ID)));
        header.set_gid(u64::from(gid.min(MAX_ID)));
        for (key, id) in [("uid", uid), ("gid", gid)] {
            if id > MAX_ID {
                records.add(key, id.to_string().as_bytes());
            }
        }
        for (key, name) in [("uname", &metadata.owner.user), ("gname", &metadata.owner.group)] {
            let fits = match key {
                "uname" => header.set_username(name).is_ok(),
                _ => header.set_groupname(name).is_ok(),
            };
            if !fits {
                records.add(key, name.as_bytes());
            }
        }
        header.set_size(size.min(MAX_NUMBER));
        if size > MAX_NUMBER {
            records.add("size", size.to_string().as_bytes());
        }
        let seconds = u64::try_from(metadata.modified.seconds).unwrap_or(0).min(MAX_NUMBER);
        header.set_mtime(seconds);
        if metadata.modified != Timestamp::new(i64::try_from(seconds).unwrap_or(0), 0) {
            records.add("mtime", decimal(metadata.modified).as_bytes());
        }
        if let EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } = entry.kind {
            let numbers = header.set_device_major(major).and_then(|()| header.set_device_minor(minor));
            numbers.map_err(|error| Error::io(error, "write a tar header").object(&entry.path))?;
        }
        let fields = header.as_ustar_mut();
        if let Some(fields) = fields {
            records.field("path", name, &mut fields.name);
            records.field("linkpath", link, &mut fields.linkname);
        }
        if entry_type != EntryType::Link {
            for xattr in &metadata.xattrs {
                records.add_bytes(&xattr_key(&xattr.name), &xattr.value);
            }
        }
        header.set_cksum();
        if !records.bytes.is_empty() {
            let mut extended = Header::new_ustar();
            extended.set_entry_type(EntryType::XHeader);
            extended.set_mode(0o644);
            extended.set_size(records.bytes.len() as u64);
            if let Some(fields) = extended.as_ustar_mut() {
                copy_field(b"PaxHeader", &mut fields.name);
            }
            extended.set_cksum();
            self.put(extended.as_bytes())?;
            self.put(&records.bytes)?;
            self.pad(records.bytes.len() as u64)?;
        }
        self.put(header.as_bytes())
    }

    fn finish(mut self) -> Result<RestoreReport> {
        self.put(&[0; 2 * RECORD])?;
        self.out.flush().map_err(|error| Error::io(error, "write a tar stream"))?;
        self.meter.finish();
        let mut report = self.report;
        report.entries = report.files + report.directories + report.symlinks + report.hard_links + report.others;
        report.elapsed = self.meter.elapsed();
        (report.problems, report.problem_count) = self.problems.finish();
        report.outcome = if report.problem_count == 0 { Outcome::Complete } else { Outcome::Partial };
        Ok(report)
    }
}

fn fill(reader: &mut FileReader, mut part: &mut [u8]) -> Result<()> {
    while !part.is_empty() {
        let count = reader.read_some(part)?;
        if count == 0 {
            return Err(crate::error::corrupt("write a tar stream", "a file is shorter than it should be"));
        }
        part = part.get_mut(count..).unwrap_or_default();
    }
    Ok(())
}

/// Seconds since 1970 with their fraction.
fn decimal(time: Timestamp) -> String {
    if time.seconds < 0 && time.nanos > 0 {
        // Nanoseconds count forwards from the second before.
        let whole = (time.seconds + 1).unsigned_abs();
        return format!("-{whole}.{:09}", 1_000_000_000 - time.nanos);
    }
    format!("{}.{:09}", time.seconds, time.nanos)
}

/// The key of an attribute's record, with the two bytes escaped that GNU tar escapes: `=` would end the key.
fn xattr_key(name: &[u8]) -> Vec<u8> {
    let mut key = b"SCHILY.xattr.".to_vec();
    for byte in name {
        match byte {
            b'%' => key.extend_from_slice(b"%25"),
            b'=' => key.extend_from_slice(b"%3D"),
            byte => key.push(*byte),
        }
    }
    key
}

fn copy_field(bytes: &[u8], field: &mut [u8]) {
    for (to, from) in field.iter_mut().zip(bytes) {
        *to = *from;
    }
}

/// Records of an extended header.
#[derive(Default)]
struct Records {
    bytes: Vec<u8>,
    is_binary: bool,
}

impl Records {
    /// Adds a record. Its length, which stands in front of it, counts its own digits.
    fn add(&mut self, key: &str, value: &[u8]) {
        self.add_bytes(key.as_bytes(), value);
    }

    fn add_bytes(&mut self, key: &[u8], value: &[u8]) {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while rest + length.to_string().len() != length {
            length = rest + length.to_string().len();
        }
        self.bytes.extend_from_slice(format!("{length} ").as_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.push(b'=');
        self.bytes.extend_from_slice(value);
        self.bytes.push(b'\n');
    }

    /// Puts a name into a field of the header, or into a record when it is too long for it or no text.
    fn field(&mut self, key: &str, value: &[u8], field: &mut [u8]) {
        copy_field(value, field);
        let is_text = std::str::from_utf8(value).is_ok();
        if value.len() <= field.len() && is_text && value.is_ascii() {
            return;
        }
        if !is_text && !self.is_binary {
            self.is_binary = true;
            self.add("hdrcharset", b"BINARY");
        }
        self.add(key, value);
    }
}
