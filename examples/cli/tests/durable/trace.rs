//! What strace wrote down.

use std::collections::HashMap;
use std::path::PathBuf;

/// What is watched.
pub(crate) const CALLS: &str = "trace=openat,creat,write,writev,pwrite64,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,\
                         unlink,unlinkat,rmdir,fsync,fdatasync,syncfs";

/// A call that succeeded, with absolute paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Create(PathBuf),
    Write(PathBuf),
    /// Begins; what is done from here on is not covered.
    SyncBegins(PathBuf),
    Sync(PathBuf),
    Rename {
        from: PathBuf,
        to: PathBuf,
        keeps: bool,
    },
    MakeFolder(PathBuf),
    Remove(PathBuf),
}

/// Calls in the order in which they ended; of a flush the beginning, too.
pub(crate) fn read_trace(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: HashMap<&str, String> = HashMap::new();
    for line in text.lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        if let Some(begin) = rest.strip_suffix(" <unfinished ...>") {
            if let Some(path) = flushed(begin) {
                calls.push(Call::SyncBegins(path));
            }
            unfinished.insert(thread, begin.to_owned());
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let begin = unfinished.remove(thread).unwrap();
            calls.extend(call(&format!("{begin}{end}")));
        } else {
            if let Some(path) = flushed(rest) {
                calls.push(Call::SyncBegins(path));
            }
            calls.extend(call(rest));
        }
    }
    calls
}

/// The file of a flush.
fn flushed(text: &str) -> Option<PathBuf> {
    let arguments = text.strip_prefix("fsync(").or_else(|| text.strip_prefix("fdatasync("))?;
    handle(arguments)
}

/// The path in `5</path>`.
fn handle(text: &str) -> Option<PathBuf> {
    let (_, path) = text.split_once('<')?;
    Some(path.split_once('>')?.0.into())
}

/// The path made of a folder's handle and a name, at place `number` of the arguments.
fn named(arguments: &str, number: usize) -> Option<PathBuf> {
    let mut pieces = arguments.split(", ");
    let mut folder = None;
    let mut found = Vec::new();
    for piece in pieces.by_ref() {
        if let Some(name) = piece.strip_prefix('"').and_then(|piece| piece.split_once('"')) {
            found.push(folder.clone().unwrap_or_else(PathBuf::new).join(name.0));
        } else if piece.contains('<') {
            folder = handle(piece);
        }
    }
    found.into_iter().nth(number)
}

fn call(text: &str) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    if result.starts_with('-') {
        return None;
    }
    Some(match name {
        "openat" | "creat" if arguments.contains("O_CREAT") => Call::Create(named(arguments, 0)?),
        "write" | "writev" | "pwrite64" => Call::Write(handle(arguments)?),
        "fsync" | "fdatasync" => Call::Sync(handle(arguments)?),
        "rename" | "renameat" | "renameat2" => {
            Call::Rename { from: named(arguments, 0)?, to: named(arguments, 1)?, keeps: false }
        }
        "link" | "linkat" => Call::Rename { from: named(arguments, 0)?, to: named(arguments, 1)?, keeps: true },
        "mkdir" | "mkdirat" => Call::MakeFolder(named(arguments, 0)?),
        "unlink" | "unlinkat" | "rmdir" => Call::Remove(named(arguments, 0)?),
        _ => return None,
    })
}

#[test]
fn lines_are_understood() {
    let text = "\
12 openat(AT_FDCWD</w>, \"a/.tmp-1\", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600) = 7</w/a/.tmp-1>
12 writev(7</w/a/.tmp-1>, [{iov_base=\"\"..., iov_len=3}], 1) = 3
12 fdatasync(7</w/a/.tmp-1> <unfinished ...>
13 mkdirat(AT_FDCWD</w>, \"/w/b\", 0777) = -1 EEXIST (File exists)
12 <... fdatasync resumed>)          = 0
12 renameat2(AT_FDCWD</w>, \"/w/a/.tmp-1\", AT_FDCWD</w>, \"/w/a/x\", RENAME_NOREPLACE) = 0
12 +++ exited with 0 +++
";
    let (temporary, name): (PathBuf, PathBuf) = ("/w/a/.tmp-1".into(), "/w/a/x".into());
    let expected = [
        Call::Create(temporary.clone()),
        Call::Write(temporary.clone()),
        Call::SyncBegins(temporary.clone()),
        Call::Sync(temporary.clone()),
        Call::Rename { from: temporary, to: name, keeps: false },
    ];
    assert_eq!(read_trace(text), expected);
}
