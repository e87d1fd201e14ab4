//! From the paths that were given to what stands at the snapshot's root.

use crate::error::{Error, ErrorKind, Result, invalid};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// What a walk begins with.
#[derive(Debug)]
pub(super) enum Plan {
    /// One folder whose contents stand at the snapshot's root.
    Folder(PathBuf),
    /// The deepest folder that contains every given path.
    Common(Node),
}

/// A given path, or a folder on the way to some.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: OsString,
    pub(super) path: PathBuf,
    /// Sorted by name. Empty exactly when this path was given.
    pub(super) children: Vec<Node>,
    /// A given symlink that is to be taken for the folder it points to.
    pub(super) follow: bool,
}

/// Makes a path absolute without asking what its names are, unless there is a `..` in it, which has a meaning
/// only once the links before it are resolved.
pub(super) fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let components: Vec<_> = path.components().collect();
    let resolved = match components.iter().rposition(|component| *component == Component::ParentDir) {
        None => return components.iter().collect(),
        Some(last) => {
            let before: PathBuf = components.iter().take(last + 1).collect();
            std::fs::canonicalize(before).map(|mut real| {
                real.extend(components.iter().skip(last + 1));
                real
            })
        }
    };
    resolved.unwrap_or(path)
}

/// Sorted as their names sort, depth first, each path once.
pub(super) fn sorted(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort_by(|one, other| one.components().cmp(other.components()));
    paths.dedup();
    paths
}

/// Looks at every path and decides on the snapshot's root.
pub(super) fn plan(paths: &[PathBuf]) -> Result<Plan> {
    let mut given: Vec<Given<'_>> = Vec::new();
    for path in paths {
        if !path.is_absolute() {
            return Err(invalid("back up a path", "it is empty, or the current folder is gone").object(path.display()));
        }
        let found = std::fs::symlink_metadata(path).map_err(|error| named(error, path))?;
        if let Some(outer) = given.last_mut()
            && path.starts_with(outer.path)
        {
            // What lies behind a given link was asked for, so the link is taken for the folder.
            outer.follow |= outer.is_link;
            continue;
        }
        given.push(Given { path, is_link: found.is_symlink(), is_folder: found.is_dir(), follow: false });
    }
    match given.as_slice() {
        [] => Err(invalid("back up a path", "no path was given")),
        [only] if only.is_folder || (only.is_link && only.path.is_dir()) => Ok(Plan::Folder(only.path.to_owned())),
        several => Ok(Plan::Common(tree(several))),
    }
}

struct Given<'a> {
    path: &'a Path,
    is_link: bool,
    is_folder: bool,
    follow: bool,
}

/// None of `given` contains another, and they are sorted.
fn tree(given: &[Given<'_>]) -> Node {
    let mut common = given.first().and_then(|first| first.path.parent()).unwrap_or(Path::new("/"));
    for other in given {
        while !other.path.starts_with(common) {
            common = common.parent().unwrap_or(Path::new("/"));
        }
    }
    let below: Vec<_> = given
        .iter()
        .map(|one| Below {
            names: one.path.strip_prefix(common).unwrap_or(one.path).iter().collect(),
            follow: one.follow,
        })
        .collect();
    Node { name: OsString::new(), path: common.to_owned(), children: children(common, &below, 0), follow: false }
}

/// A given path by the names it has below the common folder.
struct Below<'a> {
    names: Vec<&'a OsStr>,
    follow: bool,
}

/// What stands in the folder `path`, `depth` levels below the common one, of paths that all go through it.
fn children(path: &Path, given: &[Below<'_>], depth: usize) -> Vec<Node> {
    given
        .chunk_by(|one, other| one.names.get(depth) == other.names.get(depth))
        .filter_map(|same| {
            let first = same.first()?;
            let name = *first.names.get(depth)?;
            let path = path.join(name);
            let children = children(&path, same, depth + 1);
            let follow = children.is_empty() && first.follow;
            Some(Node { name: name.to_owned(), path, children, follow })
        })
        .collect()
}

impl Node {
    pub(super) fn is_given(&self) -> bool {
        self.children.is_empty()
    }

    pub(super) fn name_bytes(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

fn named(error: std::io::Error, path: &Path) -> Error {
    let missing = matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory);
    if missing {
        Error::new(ErrorKind::NotFound, "back up a path")
            .object(path.display())
            .detail("there is no such file or folder")
    } else {
        Error::io(error, "back up a path").object(path.display())
    }
}
