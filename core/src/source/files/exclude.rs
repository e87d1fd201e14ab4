//! Which paths stay out of the snapshot.

use crate::error::{Error, Result, invalid};
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{FileType, Mode, OFlags, openat};
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::stat::Facts;

/// Name and beginning of the file that marks a cache folder, as <https://bford.info/cachedir/> defines it.
const CACHE_TAG: &[u8] = b"CACHEDIR.TAG";
const CACHE_SIGNATURE: &[u8; 43] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Largest file of patterns that is read.
const MAX_PATTERNS: u64 = 1024 * 1024;

/// What was asked for, not looked at yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    /// Lines and files of patterns in the order they were given: later ones win.
    pub(super) patterns: Vec<Patterns>,
    pub(super) caches: bool,
    pub(super) markers: Vec<Vec<u8>>,
    pub(super) nested: Option<Vec<u8>>,
    pub(super) one_file_system: bool,
    pub(super) max_size: Option<u64>,
}

#[derive(Debug, Clone)]
pub(super) enum Patterns {
    Line(String),
    File(PathBuf),
}

/// The options, ready to be applied.
pub(super) struct Rules {
    patterns: Gitignore,
    caches: bool,
    markers: Vec<Vec<u8>>,
    nested: Option<Vec<u8>>,
    pub(super) one_file_system: bool,
    pub(super) max_size: u64,
}

/// Patterns that a folder brings along for everything below it.
pub(super) struct Scope {
    patterns: Gitignore,
    /// Length of the folder's path, the slash after it included.
    prefix: usize,
    outer: Option<Arc<Scope>>,
}

impl Rules {
    pub(super) fn new(options: &Options) -> Result<Self> {
        let mut builder = GitignoreBuilder::new("");
        for patterns in &options.patterns {
            match patterns {
                Patterns::Line(line) => add(&mut builder, line).map_err(|why| {
                    invalid("read an exclude pattern", format!("the pattern is malformed: {why}")).object(line)
                })?,
                Patterns::File(path) => add_file(&mut builder, path)?,
            }
        }
        let patterns = builder.build().map_err(|error| {
            invalid("read the exclude patterns", "they are malformed, or too large together").because(error)
        })?;
        Ok(Rules {
            patterns,
            caches: options.caches,
            markers: options.markers.clone(),
            nested: options.nested.clone(),
            one_file_system: options.one_file_system,
            max_size: options.max_size.unwrap_or(u64::MAX),
        })
    }

    /// Whether paths have to be matched at all below `scope`.
    pub(super) fn matches_paths(&self, scope: Option<&Arc<Scope>>) -> bool {
        !self.patterns.is_empty() || scope.is_some()
    }

    /// Whether `path`, with slashes and relative to the snapshot's root, is excluded by a pattern. The patterns of
    /// the backup come first, then those of the nearest folder that brings some.
    pub(super) fn excludes(&self, scope: Option<&Arc<Scope>>, path: &[u8], is_folder: bool) -> bool {
        match self.patterns.matched(Path::new(OsStr::from_bytes(path)), is_folder) {
            Match::Ignore(_) => return true,
            Match::Whitelist(_) => return false,
            Match::None => {}
        }
        let mut scope = scope;
        while let Some(one) = scope {
            let below = path.get(one.prefix..).unwrap_or_default();
            match one.patterns.matched(Path::new(OsStr::from_bytes(below)), is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => scope = one.outer.as_ref(),
            }
        }
        false
    }

    /// The name of the entry that alone is kept of a folder, if one marks it as not worth keeping.
    pub(super) fn marker(&self, folder: BorrowedFd<'_>, contains: impl Fn(&[u8]) -> bool) -> Option<&[u8]> {
        let marker = self.markers.iter().map(Vec::as_slice).find(|name| contains(name));
        marker.or_else(|| (self.caches && contains(CACHE_TAG) && is_cache(folder)).then_some(CACHE_TAG))
    }

    /// The patterns of the ignore file in a folder, if there is one, and what is wrong with it.
    pub(super) fn scope(
        &self,
        folder: BorrowedFd<'_>,
        path: &EntryPath,
        outer: Option<Arc<Scope>>,
        contains: impl Fn(&[u8]) -> bool,
    ) -> (Option<Arc<Scope>>, Vec<Problem>) {
        let Some(name) = self.nested.as_ref().filter(|name| contains(name)) else { return (outer, Vec::new()) };
        let file_path = path.join(name).unwrap_or_default();
        let text = match read_small(folder, name, MAX_PATTERNS) {
            Ok(text) => text,
            Err(error) => return (outer, vec![Problem::reading(file_path, &error)]),
        };
        let mut problems = Vec::new();
        let mut refuse = |detail: String| {
            problems.push(Problem::new(file_path.clone(), ProblemReason::Unsupported, detail));
        };
        let mut builder = GitignoreBuilder::new("");
        for (number, line) in lines(&text) {
            let added = line.map_err(str::to_owned).and_then(|line| add(&mut builder, line));
            if let Err(why) = added {
                refuse(format!("line {number} is not applied: {why}"));
            }
        }
        let patterns = match builder.build() {
            Ok(patterns) => patterns,
            Err(error) => {
                refuse(format!("its patterns are not applied: {error}"));
                return (outer, problems);
            }
        };
        if patterns.is_empty() {
            return (outer, problems);
        }
        let length = path.key().len();
        let prefix = if length == 0 { 0 } else { length + 1 };
        (Some(Arc::new(Scope { patterns, prefix, outer })), problems)
    }
}

fn add(builder: &mut GitignoreBuilder, line: &str) -> Result<(), String> {
    builder.add_line(None, line).map(|_| ()).map_err(|error| error.to_string())
}

fn add_file(builder: &mut GitignoreBuilder, path: &Path) -> Result<()> {
    const OPERATION: &str = "read a file of exclude patterns";
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_PATTERNS + 1).read_to_end(&mut text))
        .map_err(|error| Error::io(error, OPERATION).object(path.display()))?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_PATTERNS) {
        return Err(invalid(OPERATION, "it is larger than 1 MiB").object(path.display()));
    }
    for (number, line) in lines(&text) {
        line.map_err(str::to_owned)
            .and_then(|line| add(builder, line))
            .map_err(|why| invalid(OPERATION, format!("line {number}: {why}")).object(path.display()))?;
    }
    Ok(())
}

/// Lines with their numbers, without a byte order mark.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Result<&str, &'static str>)> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    text.split(|byte| *byte == b'\n').enumerate().map(|(position, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        (position + 1, std::str::from_utf8(line).map_err(|_| "the line is not UTF-8"))
    })
}

fn is_cache(folder: BorrowedFd<'_>) -> bool {
    let limit = u64::try_from(CACHE_SIGNATURE.len()).unwrap_or(0);
    read_start(folder, CACHE_TAG, limit).is_ok_and(|start| start == CACHE_SIGNATURE)
}

/// The whole of a regular file of at most `limit` bytes.
fn read_small(folder: BorrowedFd<'_>, name: &[u8], limit: u64) -> std::io::Result<Vec<u8>> {
    let bytes = read_start(folder, name, limit + 1)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
        return Err(std::io::Error::other(format!("it is larger than {limit} bytes and is not applied")));
    }
    Ok(bytes)
}

fn read_start(folder: BorrowedFd<'_>, name: &[u8], limit: u64) -> std::io::Result<Vec<u8>> {
    let name = CString::new(name)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(openat(folder, &name, flags, Mode::empty())?);
    if Facts::of_open(std::os::fd::AsFd::as_fd(&file))?.file_type != FileType::RegularFile {
        return Err(std::io::Error::other("it is not a regular file and is not applied"));
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
