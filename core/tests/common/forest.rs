//! Random folders: what they hold as data, and making them on a file system.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use rustix::fs::{AtFlags, CWD, FileType, Timespec, Timestamps, XattrFlags, mknodat, utimensat};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use strongroom::{ChunkSizes, CreateOptions};

use super::noise;

/// The sizes of a repository, because what is interesting about the length of a file depends on them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) chunk: (u32, u32, u32),
    pub(crate) segment: u32,
    pub(crate) pack: u32,
    pub(crate) inline: u32,
}

impl Sizes {
    /// The least the format allows, so that little data makes many chunks, segments and packs.
    pub(crate) const TINY: Sizes = Sizes { chunk: (1024, 2048, 4096), segment: 64 << 10, pack: 1 << 20, inline: 64 };
    pub(crate) const DEFAULT: Sizes =
        Sizes { chunk: (16 << 10, 64 << 10, 256 << 10), segment: 1 << 20, pack: 16 << 20, inline: 512 };

    pub(crate) fn options(self) -> CreateOptions {
        let (min, average, max) = self.chunk;
        CreateOptions::new()
            .chunk_sizes(ChunkSizes::new(min, average, max))
            .segment_size(self.segment)
            .pack_size(self.pack)
            .inline_limit(self.inline)
    }

    pub(crate) fn strategy() -> impl Strategy<Value = Sizes> {
        let no_inline = Sizes { inline: 0, ..Sizes::TINY };
        let much_inline = Sizes { inline: 4096, chunk: (2048, 8192, 16384), ..Sizes::TINY };
        let one_chunk_a_segment = Sizes { chunk: (32 << 10, 48 << 10, 64 << 10), ..Sizes::TINY };
        select(vec![Sizes::TINY, no_inline, much_inline, one_chunk_a_segment, Sizes::DEFAULT])
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Forest {
    pub(crate) root: Looks,
    pub(crate) plants: Vec<Plant>,
}

#[derive(Debug, Clone)]
pub(crate) struct Plant {
    /// One of the folders made before it.
    pub(crate) parent: Index,
    pub(crate) name: Vec<u8>,
    pub(crate) sort: Sort,
    pub(crate) looks: Looks,
}

#[derive(Debug, Clone)]
pub(crate) enum Sort {
    Folder,
    File(Body),
    Symlink(Vec<u8>),
    Fifo,
    Socket,
    CharDevice(u32, u32),
    BlockDevice(u32, u32),
    /// One more name for something made before it that is no folder.
    HardLink(Index),
}

#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) length: Length,
    pub(crate) fill: Fill,
    /// Bit `i` makes every 16th piece of `piece` pages from the `i`th on a hole.
    pub(crate) holes: u16,
    pub(crate) piece: u8,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Length {
    Exactly(u64),
    Near(Bound, i8),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    Inline,
    ChunkMin,
    ChunkAverage,
    ChunkMax,
    Segment,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fill {
    Zeros,
    /// Compresses well.
    Text(u8),
    /// Does not compress. Few seeds, so that the same content comes again.
    Noise(u8),
    /// Begins like any other of its kind and ends differently.
    SharedStart(u8),
}

#[derive(Debug, Clone)]
pub(crate) struct Looks {
    pub(crate) mode: u32,
    pub(crate) modified: (i64, u32),
    pub(crate) owner: (u32, u32),
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) acl: Option<Acl>,
    pub(crate) default_acl: Option<Acl>,
    pub(crate) capability: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Acl {
    pub(crate) base: [u16; 4],
    pub(crate) users: BTreeMap<u32, u16>,
    pub(crate) groups: BTreeMap<u32, u16>,
}

fn names() -> impl Strategy<Value = Vec<u8>> {
    let plain =
        select(vec!["a", "b", "c", "ab", "a.b", "a b", "a-b", "...", ".hidden", "-rf", "~", "\u{e9}", "e\u{301}"])
            .prop_map(|name| name.as_bytes().to_vec());
    let odd = select(vec![
        &b"\n"[..],
        b" ",
        b"\\",
        b"a\\x2fb",
        b"*",
        b"\x01",
        b"\xff",
        b"\xff\xfe\x80",
        b"a\xc3",
        b"\x7f\x1b[31m",
        b"CON",
        b"config",
        b".tmp-1",
    ])
    .prop_map(<[u8]>::to_vec);
    let any = proptest::collection::vec((1_u8..=255).prop_filter("a slash", |byte| *byte != b'/'), 1..20)
        .prop_filter("a dot", |name| name != b"." && name != b"..");
    let long = (1_u8..=3).prop_map(|number| [vec![b'x'; 254], vec![b'0' + number]].concat());
    prop_oneof![5 => plain, 3 => odd, 3 => any, 1 => long]
}

fn lengths() -> impl Strategy<Value = Length> {
    let bounds = [Bound::Inline, Bound::ChunkMin, Bound::ChunkAverage, Bound::ChunkMax, Bound::Segment];
    prop_oneof![
        2 => (0_u64..4).prop_map(Length::Exactly),
        6 => (select(bounds.to_vec()), -2_i8..=2).prop_map(|(bound, by)| Length::Near(bound, by)),
        2 => (0_u64..40_000).prop_map(Length::Exactly),
        1 => (0_u64..3_000_000).prop_map(Length::Exactly),
    ]
}

fn bodies() -> impl Strategy<Value = Body> {
    let fill = prop_oneof![
        1 => Just(Fill::Zeros),
        2 => (0_u8..4).prop_map(Fill::Text),
        3 => (0_u8..4).prop_map(Fill::Noise),
        2 => (0_u8..4).prop_map(Fill::SharedStart),
    ];
    let holes = prop_oneof![6 => Just(0), 1 => Just(u16::MAX), 3 => any::<u16>()];
    (lengths(), fill, holes, 1_u8..20).prop_map(|(length, fill, holes, piece)| Body { length, fill, holes, piece })
}

fn sorts() -> impl Strategy<Value = Sort> {
    let targets = prop_oneof![
        select(vec!["a", "..", "../../..", "/etc/passwd", "/", "gone", "."])
            .prop_map(|target| target.as_bytes().to_vec()),
        proptest::collection::vec(1_u8..=255, 1..300),
    ];
    prop_oneof![
        6 => Just(Sort::Folder),
        10 => bodies().prop_map(Sort::File),
        2 => targets.prop_map(Sort::Symlink),
        1 => Just(Sort::Fifo),
        1 => Just(Sort::Socket),
        1 => (0_u32..300, 0_u32..70_000).prop_map(|(major, minor)| Sort::CharDevice(major, minor)),
        1 => (0_u32..300, 0_u32..70_000).prop_map(|(major, minor)| Sort::BlockDevice(major, minor)),
        3 => any::<Index>().prop_map(Sort::HardLink),
    ]
}

fn acls() -> impl Strategy<Value = Acl> {
    let named = || proptest::collection::btree_map(0_u32..100_000, 0_u16..8, 0..3);
    ([0_u16..8, 0..8, 0..8, 0..8], named(), named()).prop_map(|(base, users, groups)| Acl { base, users, groups })
}

fn looks() -> impl Strategy<Value = Looks> {
    let mode = prop_oneof![select(vec![0o644, 0o755, 0o600, 0o4755, 0o2755, 0o1777, 0, 0o7777]), 0_u32..0o10000];
    let modified = prop_oneof![
        select(vec![(0, 0), (-1, 999_999_999), (0, 1), (1_700_000_000, 0), (-2_000_000_000, 5), (4_000_000_000, 7)]),
        (-2_000_000_000_i64..4_000_000_000, 0_u32..1_000_000_000),
    ];
    let owner = prop_oneof![Just((0, 0)), (0_u32..70_000, 0_u32..70_000)];
    let xattr_names = select(vec!["user.a", "user.b", "user.\u{e9}", "user.mime_type", "user.a=b%3D%", "trusted.x"]);
    let xattr_name = prop_oneof![
        4 => xattr_names.prop_map(|name| name.as_bytes().to_vec()),
        1 => proptest::collection::vec(1_u8..=255, 1..40).prop_map(|name| [&b"user."[..], &name].concat()),
    ];
    let xattr_value = prop_oneof![Just(Vec::new()), proptest::collection::vec(any::<u8>(), 0..200)];
    let xattrs =
        prop_oneof![3 => Just(BTreeMap::new()), 1 => proptest::collection::btree_map(xattr_name, xattr_value, 1..4)];
    let acl = || prop_oneof![5 => Just(None), 1 => acls().prop_map(Some)];
    let capability = prop_oneof![9 => Just(false), 1 => Just(true)];
    (mode, modified, owner, xattrs, acl(), acl(), capability).prop_map(
        |(mode, modified, owner, xattrs, acl, default_acl, capability)| Looks {
            mode,
            modified,
            owner,
            xattrs,
            acl,
            default_acl,
            capability,
        },
    )
}

impl Forest {
    pub(crate) fn strategy(plants: std::ops::Range<usize>) -> impl Strategy<Value = Forest> {
        let plant = (any::<Index>(), names(), sorts(), looks());
        let plant = plant.prop_map(|(parent, name, sort, looks)| Plant { parent, name, sort, looks });
        (looks(), proptest::collection::vec(plant, plants)).prop_map(|(root, plants)| Forest { root, plants })
    }

    /// Makes it below `root`, which exists, as far as the system allows.
    pub(crate) fn plant(&self, root: &Path, sizes: Sizes) {
        let mut folders = vec![root.to_path_buf()];
        let mut others: Vec<PathBuf> = Vec::new();
        let mut made: Vec<(PathBuf, &Looks)> = vec![(root.to_path_buf(), &self.root)];
        for plant in &self.plants {
            let path = plant.parent.get(&folders).join(OsStr::from_bytes(&plant.name));
            if path.as_os_str().len() > 3000 || fs::symlink_metadata(&path).is_ok() {
                continue;
            }
            if plant.sort.make(&path, &others, sizes) {
                match &plant.sort {
                    Sort::Folder => folders.push(path.clone()),
                    Sort::HardLink(_) => continue,
                    _ => others.push(path.clone()),
                }
                made.push((path, &plant.looks));
            }
        }
        // From the bottom up: what is made in a folder changes its time.
        for (path, looks) in made.iter().rev() {
            looks.apply(path);
        }
    }
}

impl Sort {
    fn make(&self, path: &Path, others: &[PathBuf], sizes: Sizes) -> bool {
        let node = |kind, device| {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            mknodat(CWD, path, kind, mode, device).is_ok()
        };
        match self {
            Sort::Folder => fs::create_dir(path).unwrap(),
            Sort::File(body) => body.write(path, sizes),
            Sort::Symlink(target) => symlink(OsStr::from_bytes(target), path).unwrap(),
            Sort::Fifo => return node(FileType::Fifo, 0),
            Sort::Socket => return node(FileType::Socket, 0),
            // Only root may; elsewhere there are none.
            Sort::CharDevice(major, minor) => {
                return node(FileType::CharacterDevice, rustix::fs::makedev(*major, *minor));
            }
            Sort::BlockDevice(major, minor) => return node(FileType::BlockDevice, rustix::fs::makedev(*major, *minor)),
            Sort::HardLink(_) if others.is_empty() => return false,
            Sort::HardLink(index) => fs::hard_link(index.get(others), path).unwrap(),
        }
        true
    }
}

impl Length {
    fn resolve(self, sizes: Sizes) -> u64 {
        match self {
            Length::Exactly(length) => length,
            Length::Near(bound, by) => {
                let bound = match bound {
                    Bound::Inline => sizes.inline,
                    Bound::ChunkMin => sizes.chunk.0,
                    Bound::ChunkAverage => sizes.chunk.1,
                    Bound::ChunkMax => sizes.chunk.2,
                    Bound::Segment => sizes.segment,
                };
                u64::from(bound).saturating_add_signed(i64::from(by))
            }
        }
    }
}

impl Fill {
    pub(crate) fn bytes(self, length: usize) -> Vec<u8> {
        match self {
            Fill::Zeros => vec![0; length],
            Fill::Text(seed) => {
                let words = ["backup ", "of ", "every ", "file ", "and ", "folder\n"];
                let picks = noise(u64::from(seed), length / 2 + 1);
                let text: String = picks.iter().map(|pick| words[usize::from(*pick) % words.len()]).collect();
                text.bytes().cycle().take(length).collect()
            }
            Fill::Noise(seed) => noise(u64::from(seed) + 100, length),
            Fill::SharedStart(seed) => {
                let mut bytes = noise(99, length);
                let differs = length.min(length / 3 + 1);
                bytes[length - differs..].copy_from_slice(&noise(u64::from(seed) + 200, differs));
                bytes
            }
        }
    }
}

impl Body {
    pub(crate) fn strategy() -> impl Strategy<Value = Body> {
        bodies()
    }

    pub(crate) fn write(&self, path: &Path, sizes: Sizes) {
        let length = usize::try_from(self.length.resolve(sizes)).unwrap();
        let bytes = self.fill.bytes(length);
        let mut file = fs::File::create(path).unwrap();
        file.set_len(length as u64).unwrap();
        let piece = usize::from(self.piece) * 4096;
        for (number, part) in bytes.chunks(piece).enumerate() {
            if self.holes >> (number % 16) & 1 == 0 {
                file.seek(SeekFrom::Start((number * piece) as u64)).unwrap();
                file.write_all(part).unwrap();
            }
        }
    }
}

/// Whether this process may do what only root may.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Acl {
    /// As the kernel takes it: entries of tag, permissions and id behind a version.
    fn encode(&self) -> Vec<u8> {
        let [user, group, mask, other] = self.base;
        let nobody = u32::MAX;
        let mut entries = vec![(1_u16, user, nobody)];
        entries.extend(self.users.iter().map(|(id, permissions)| (2, *permissions, *id)));
        entries.push((4, group, nobody));
        entries.extend(self.groups.iter().map(|(id, permissions)| (8, *permissions, *id)));
        entries.push((16, mask, nobody));
        entries.push((32, other, nobody));
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(permissions.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }
}

impl Looks {
    /// In the order in which nothing undoes what came before. What the system or the file system refuses is left.
    fn apply(&self, path: &Path) {
        let kind = fs::symlink_metadata(path).unwrap().file_type();
        let set = |name: &[u8], value: &[u8]| {
            let _ = rustix::fs::lsetxattr(path, name, value, XattrFlags::empty());
        };
        if is_root() {
            lchown(path, Some(self.owner.0), Some(self.owner.1)).unwrap();
        }
        for (name, value) in &self.xattrs {
            set(name, value);
        }
        if kind.is_file() && self.capability {
            // Version 2, effective, CAP_NET_RAW permitted.
            set(b"security.capability", &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        if !kind.is_symlink() {
            if let Some(acl) = &self.acl {
                set(b"system.posix_acl_access", &acl.encode());
            }
            if let (Some(acl), true) = (&self.default_acl, kind.is_dir()) {
                set(b"system.posix_acl_default", &acl.encode());
            }
            // Whoever is not root has to be able to read it.
            let readable = if is_root() { 0 } else { 0o700 };
            fs::set_permissions(path, fs::Permissions::from_mode(self.mode | readable)).unwrap();
        }
        let (seconds, nanos) = self.modified;
        let time = Timespec { tv_sec: seconds, tv_nsec: i64::from(nanos) };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
}
