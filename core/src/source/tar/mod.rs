//! A tar stream as a source.

mod handle;
mod header;
mod pax;
mod sparse;
mod stream;

#[cfg(test)]
mod tests;

use self::handle::TarHandle;
use self::header::{BLOCK, Header};
use self::pax::{Extended, Pax};
use self::sparse::Map;
use self::stream::{Stream, ends_early, malformed};
use super::{EntrySource, SourceItem};
use crate::context::Context;
use crate::error::Result;
use crate::format::entry::{Content, Entry, EntryKind, Metadata, Owner};
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

/// Largest extended header or long name that is read.
const MAX_HEADER: u64 = 16 * 1024 * 1024;

/// The members of an uncompressed tar stream, with all metadata it holds.
///
/// Understands the formats of old tar, ustar, pax and GNU tar: long names, times with fractions, owners by number
/// and name, extended attributes (`SCHILY.xattr.`), hard links, symlinks, devices, pipes, and sparse files in all
/// their versions. Of several members of one name the last one counts. Names that are absolute or hold `..` are
/// named as problems and left out; so are members of a type that is not known. ACLs that the stream holds as
/// text, and not as extended attributes, are named as a problem of the member, which is kept without them.
///
/// The stream must have the mark at its end (two blocks of zeros, of which one is enough): without it, part of it
/// may be missing, and the backup fails. The reader is read to its end.
pub struct TarSource {
    stream: Arc<Mutex<Stream>>,
    global: Pax,
    owner: Arc<Owner>,
    ended: bool,
}

impl TarSource {
    /// Reads members from `reader`. A `BufReader` around a file or pipe spares small reads.
    #[must_use]
    pub fn new(reader: impl Read + Send + 'static) -> Self {
        TarSource {
            stream: Arc::new(Mutex::new(Stream::new(Box::new(reader)))),
            global: Pax::default(),
            owner: Arc::default(),
            ended: false,
        }
    }

    fn owner(&mut self, owner: Owner) -> Arc<Owner> {
        if *self.owner != owner {
            self.owner = Arc::new(owner);
        }
        Arc::clone(&self.owner)
    }

    /// Turns one header, with what was said before it, into an item. `None` for what is no member.
    fn member(&mut self, header: &Header<'_>, before: &Before, ctx: &Context) -> Result<Option<SourceItem>> {
        let global = std::mem::take(&mut self.global);
        let item = self.member_with(header, before, &Extended { own: &before.pax, global: &global }, ctx);
        self.global = global;
        item
    }

    fn member_with(
        &mut self,
        header: &Header<'_>,
        before: &Before,
        extended: &Extended<'_>,
        ctx: &Context,
    ) -> Result<Option<SourceItem>> {
        let shared = Arc::clone(&self.stream);
        let mut stream = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let mut name = extended.get("GNU.sparse.name").or_else(|| extended.get("path")).map(<[u8]>::to_vec);
        name = name.or_else(|| before.name.clone());
        let name = name.unwrap_or_else(|| header.path());
        let target = extended.get("linkpath").or(before.target.as_deref()).unwrap_or_else(|| header.link_name());

        let kind = Kind::of(header, &name, target).map_err(malformed)?;
        let size = match &kind {
            // Some programs state the size of the file it links to, whose bytes do not follow.
            Kind::HardLink => 0,
            _ => extended.number("size").map_err(malformed)?.map_or_else(|| header.size(), Ok).map_err(malformed)?,
        };
        stream.begin(size);
        if matches!(kind, Kind::Label) {
            return Ok(None);
        }
        let map = match &kind {
            Kind::Entry(EntryKind::File) => Map::read(header, extended, &mut stream, ctx)?,
            _ => None,
        };
        let path = match entry_path(&name) {
            Ok(path) => path,
            Err(why) => return Ok(Some(refused(EntryPath::root(), &name, &why))),
        };
        let (kind, link) = match kind {
            Kind::Entry(kind) => (kind, None),
            Kind::HardLink => match entry_path(target) {
                Ok(target) => (EntryKind::File, Some(target)),
                Err(why) => return Ok(Some(refused(path, target, &format!("as the target of a hard link, {why}")))),
            },
            Kind::Label | Kind::Unknown => {
                let detail = format!("members of type {:?} are not known", char::from(header.kind()));
                return Ok(Some(SourceItem::Problem(Problem::new(path, ProblemReason::Unsupported, detail))));
            }
        };
        let (metadata, problem) = self.metadata(header, extended, &path).map_err(malformed)?;
        let is_file = kind == EntryKind::File;
        let mut entry = Entry { path, kind, metadata, size: 0, holes: Vec::new(), content: Content::Empty };
        if let Some(target) = link {
            return Ok(Some(SourceItem::Link(entry, target)));
        }
        if is_file {
            entry.size = map.as_ref().map_or(size, |map| map.size);
            entry.holes = map.as_ref().map(Map::holes).unwrap_or_default();
        }
        let member = stream.member();
        drop(stream);
        let handle = TarHandle::new(shared, member, map, entry.holes.clone(), problem);
        Ok(Some(SourceItem::Entry(entry, Box::new(handle))))
    }

    fn metadata(
        &mut self,
        header: &Header<'_>,
        extended: &Extended<'_>,
        path: &EntryPath,
    ) -> Result<(Metadata, Option<Problem>), &'static str> {
        let mut lost = Vec::new();
        let mut id = |key: &str, in_header: i64| -> Result<u32, &'static str> {
            let in_header = u64::try_from(in_header).unwrap_or(u64::MAX);
            let id = u32::try_from(extended.number(key)?.unwrap_or(in_header));
            Ok(id.unwrap_or_else(|_| {
                lost.push(format!("its {key} is not a number up to {0}, and stored as {0}", u32::MAX));
                u32::MAX
            }))
        };
        let (uid, gid) = (id("uid", header.uid()?)?, id("gid", header.gid()?)?);
        let (user, group) = header.names();
        let name =
            |key, in_header| String::from_utf8(extended.get(key).unwrap_or(in_header).to_vec()).unwrap_or_default();
        let owner = Owner { uid, gid, user: name("uname", user), group: name("gname", group) };
        let has_acl = extended.get("SCHILY.acl.access").or_else(|| extended.get("SCHILY.acl.default")).is_some();
        let metadata = Metadata {
            mode: header.mode()?,
            owner: self.owner(owner),
            modified: extended.time("mtime")?.map_or_else(|| header.modified(), Ok)?,
            xattrs: extended.xattrs(),
            ..Metadata::default()
        };
        let is_acl = |name: &[u8]| name.starts_with(b"system.posix_acl_");
        if has_acl && !metadata.xattrs.iter().any(|xattr| is_acl(&xattr.name)) {
            lost.push("its ACL is written as text, which is not taken over".to_owned());
        }
        let problem = (!lost.is_empty()).then(|| Problem::new(path.clone(), ProblemReason::Metadata, lost.join("; ")));
        Ok((metadata, problem))
    }
}

/// What earlier headers say about the next member.
#[derive(Default)]
struct Before {
    pax: Pax,
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Before {
    fn is_empty(&self) -> bool {
        self.pax.is_empty() && self.name.is_none() && self.target.is_none()
    }
}

enum Kind {
    Entry(EntryKind),
    HardLink,
    /// Says something about the archive and is no member.
    Label,
    Unknown,
}

impl Kind {
    fn of(header: &Header<'_>, name: &[u8], target: &[u8]) -> Result<Self, &'static str> {
        Ok(match header.kind() {
            // Old tar had no type for folders.
            b'0' | 0 if name.ends_with(b"/") => Kind::Entry(EntryKind::Directory),
            b'0' | 0 | b'7' | b'S' => Kind::Entry(EntryKind::File),
            b'1' => Kind::HardLink,
            b'2' => Kind::Entry(EntryKind::Symlink { target: target.to_vec() }),
            b'3' => {
                let (major, minor) = header.device()?;
                Kind::Entry(EntryKind::CharDevice { major, minor })
            }
            b'4' => {
                let (major, minor) = header.device()?;
                Kind::Entry(EntryKind::BlockDevice { major, minor })
            }
            // What GNU tar's incremental archives add to a folder is of no use here.
            b'5' | b'D' => Kind::Entry(EntryKind::Directory),
            b'6' => Kind::Entry(EntryKind::Fifo),
            b'V' => Kind::Label,
            _ => Kind::Unknown,
        })
    }
}

impl EntrySource for TarSource {
    fn next(&mut self, ctx: &Context) -> Result<Option<SourceItem>> {
        let mut before = Before::default();
        let shared = Arc::clone(&self.stream);
        while !self.ended {
            ctx.check("read the tar stream")?;
            let mut stream = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let block = stream.header(ctx)?.ok_or_else(ends_early)?;
            if block == [0; BLOCK] {
                if !before.is_empty() {
                    return Err(ends_early());
                }
                stream.drain(ctx)?;
                self.ended = true;
                break;
            }
            let header = Header::read(&block).map_err(malformed)?;
            let content = |stream: &mut Stream| {
                stream.begin(header.size().map_err(malformed)?);
                stream.read_whole(MAX_HEADER)
            };
            match header.kind() {
                b'x' | b'X' => before.pax.add(&content(&mut stream)?).map_err(malformed)?,
                b'g' => self.global.add(&content(&mut stream)?).map_err(malformed)?,
                b'L' => before.name = Some(until_nul(content(&mut stream)?)),
                b'K' => before.target = Some(until_nul(content(&mut stream)?)),
                _ => {
                    drop(stream);
                    if let Some(item) = self.member(&header, &before, ctx)? {
                        return Ok(Some(item));
                    }
                    before = Before::default();
                }
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for TarSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TarSource").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// A name in the stream as a path of the snapshot, if it stays inside it.
fn entry_path(name: &[u8]) -> Result<EntryPath, String> {
    if name.starts_with(b"/") {
        return Err("it is absolute".to_owned());
    }
    let mut path = EntryPath::root();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err("it leads outside through '..'".to_owned()),
            part => path.push(part).map_err(|error| error.to_string())?,
        }
    }
    Ok(path)
}

fn refused(path: EntryPath, name: &[u8], why: &str) -> SourceItem {
    let detail = format!("the name {:?} is refused: {why}", String::from_utf8_lossy(name));
    SourceItem::Problem(Problem::new(path, ProblemReason::Unsupported, detail))
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}
