//! A small tree with one of everything, for a quickstart without a folder.

use std::fs::{self, File, FileTimes, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Makes the tree in `root`, which must not exist.
pub(super) fn make(root: &Path) -> std::io::Result<()> {
    for folder in ["album/2025", "notes", "empty folder"] {
        fs::create_dir_all(root.join(folder))?;
    }
    let note = "The same words again and again compress well.\n".repeat(400);
    for number in 1..=20 {
        fs::write(root.join(format!("notes/{number:02}.txt")), format!("Note {number}\n{note}"))?;
    }
    for (number, seed) in [(1, 11), (2, 22), (3, 33)] {
        fs::write(root.join(format!("album/2025/{number}.jpg")), noise(seed, 700_000))?;
    }
    // Stored once, like every other duplicate.
    fs::copy(root.join("album/2025/1.jpg"), root.join("album/cover.jpg"))?;
    fs::write(root.join("empty file"), "")?;
    fs::hard_link(root.join("notes/01.txt"), root.join("notes/first.txt"))?;
    symlink("notes/02.txt", root.join("link"))?;
    symlink("nowhere/at/all", root.join("broken link"))?;

    let mut sparse = File::create(root.join("disk.img"))?;
    sparse.seek(SeekFrom::Start(8 << 20))?;
    sparse.write_all(b"the end of a file that is mostly hole")?;

    // Not every file system takes these, and none of them is needed.
    let _ = fs::write(root.join(std::ffi::OsStr::from_bytes(b"not \xff UTF-8")), "a name of any bytes");
    let _ = rustix::fs::lsetxattr(
        root.join("notes/03.txt"),
        "user.comment",
        b"an extended attribute",
        rustix::fs::XattrFlags::empty(),
    );
    let _ = rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o640),
        0,
    );

    fs::set_permissions(root.join("notes/04.txt"), Permissions::from_mode(0o600))?;
    fs::set_permissions(root.join("notes/05.txt"), Permissions::from_mode(0o4755))?;
    let long_ago = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    File::options().write(true).open(root.join("notes/06.txt"))?.set_times(FileTimes::new().set_modified(long_ago))
}

/// Bytes that do not compress.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(&mut next).take(length.div_ceil(8)).flatten().collect();
    bytes.truncate(length);
    bytes
}
