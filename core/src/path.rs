//! Paths inside a snapshot.

use crate::error::{Result, invalid};
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The byte between the names of a path in its sorted form. Being the smallest byte, it makes the byte order
/// of paths the depth-first order of the folders: a folder comes right before everything inside it.
pub(crate) const SEPARATOR: u8 = 0;

/// Longest path accepted, in bytes. Far beyond what systems allow in one call, because folders can be nested
/// deeper than `PATH_MAX` by moving them; bounded because a tree node must be.
pub(crate) const MAX_PATH: usize = 16 * 1024;

/// Longest single name, in bytes (`NAME_MAX` of every file system in use is at most 255 characters, which can
/// be up to 1020 bytes).
pub(crate) const MAX_NAME: usize = 1024;

/// The path of an entry inside a snapshot: names of any bytes but `/` and NUL, never `.` or `..`.
///
/// The empty path is the snapshot's root folder. Paths order depth first.
///
/// ```
/// use strongroom::EntryPath;
/// let path = EntryPath::parse("album/1.jpg")?;
/// assert_eq!(path.to_string(), "album/1.jpg");
/// assert!(EntryPath::parse("album")? < path);
/// assert!(EntryPath::parse("../etc").is_err());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EntryPath {
    /// Names joined by [`SEPARATOR`].
    key: Vec<u8>,
}

impl EntryPath {
    /// The root folder.
    #[must_use]
    pub const fn root() -> Self {
        EntryPath { key: Vec::new() }
    }

    /// Reads names separated by `/`; leading, trailing and doubled slashes and `.` are ignored.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for `..`, NUL bytes and overlong names or paths.
    pub fn parse(path: impl AsRef<Path>) -> Result<Self> {
        let mut result = EntryPath::root();
        for component in path.as_ref().components() {
            match component {
                Component::Normal(name) => result.push(name.as_bytes())?,
                Component::RootDir | Component::CurDir => {}
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(
                        invalid("read a path", "'..' has no meaning inside a snapshot").object(path.as_ref().display())
                    );
                }
            }
        }
        Ok(result)
    }

    /// Appends one name.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when the name is empty, `.`, `..`, too long, or
    /// holds `/` or NUL, or when the path becomes too long.
    pub fn push(&mut self, name: &[u8]) -> Result<()> {
        check_name(name).map_err(|why| invalid("build a path", why).object(String::from_utf8_lossy(name)))?;
        if self.key.len() + name.len() + 1 > MAX_PATH {
            return Err(invalid("build a path", "the path is longer than 16 KiB").object(&*self));
        }
        if !self.key.is_empty() {
            self.key.push(SEPARATOR);
        }
        self.key.extend_from_slice(name);
        Ok(())
    }

    /// This path with one more name.
    ///
    /// # Errors
    /// As [`push`](EntryPath::push).
    pub fn join(&self, name: &[u8]) -> Result<Self> {
        let mut longer = EntryPath { key: Vec::with_capacity(self.key.len() + 1 + name.len()) };
        longer.key.extend_from_slice(&self.key);
        longer.push(name)?;
        Ok(longer)
    }

    /// The sorted form, checked.
    pub(crate) fn from_key(key: Vec<u8>) -> Result<Self, &'static str> {
        if key.len() > MAX_PATH {
            return Err("a path is longer than 16 KiB");
        }
        if !key.is_empty() {
            key.split(|byte| *byte == SEPARATOR).try_for_each(check_name)?;
        }
        Ok(EntryPath { key })
    }

    /// The sorted form.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The names from the root down; none for the root itself.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        let empty = self.key.is_empty();
        self.key.split(|byte| *byte == SEPARATOR).filter(move |_| !empty)
    }

    /// The last name; `None` for the root.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.names().next_back()
    }

    /// The folder that holds this path; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<EntryPath> {
        if self.key.is_empty() {
            return None;
        }
        let end = self.key.iter().rposition(|byte| *byte == SEPARATOR).unwrap_or(0);
        self.key.get(..end).map(|key| EntryPath { key: key.to_vec() })
    }

    /// Whether this is the root folder.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.key.is_empty()
    }

    /// How many names it has.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.names().count()
    }

    /// Whether `self` is `folder` or lies below it.
    #[must_use]
    pub fn is_within(&self, folder: &EntryPath) -> bool {
        folder.key.is_empty()
            || match self.key.strip_prefix(folder.key.as_slice()) {
                Some(rest) => rest.is_empty() || rest.first() == Some(&SEPARATOR),
                None => false,
            }
    }

    /// The bytes with `/` between names, as an operating system would take them.
    #[must_use]
    pub fn to_os_bytes(&self) -> Vec<u8> {
        self.key.iter().map(|byte| if *byte == SEPARATOR { b'/' } else { *byte }).collect()
    }

    /// As a relative path of this system.
    #[must_use]
    pub fn to_path_buf(&self) -> PathBuf {
        PathBuf::from(OsStr::from_bytes(&self.to_os_bytes()))
    }
}

/// What is wrong with a name, if anything.
pub(crate) fn check_name(name: &[u8]) -> Result<(), &'static str> {
    match name {
        b"" => Err("a name is empty"),
        b"." | b".." => Err("'.' and '..' are not names"),
        _ if name.len() > MAX_NAME => Err("a name is longer than 1024 bytes"),
        _ if name.iter().any(|byte| *byte == b'/' || *byte == 0) => Err("a name holds '/' or NUL"),
        _ => Ok(()),
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_os_bytes()))
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_path_buf())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text).unwrap()
    }

    #[test]
    fn order_is_depth_first() {
        let mut paths = [path("a.b"), path("a/z"), path("a"), path("b"), path("a/b/c"), path("a/b"), path("")];
        paths.sort();
        let texts: Vec<_> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["", "a", "a/b", "a/b/c", "a/z", "a.b", "b"]);
    }

    #[test]
    fn within_means_the_folder_or_below_it() {
        assert!(path("a/b").is_within(&path("a")));
        assert!(path("a").is_within(&path("a")));
        assert!(path("a").is_within(&path("")));
        assert!(!path("ab").is_within(&path("a")));
        assert!(!path("a").is_within(&path("a/b")));
    }

    #[test]
    fn parents_and_names() {
        assert_eq!(path("a/b").parent(), Some(path("a")));
        assert_eq!(path("a").parent(), Some(path("")));
        assert_eq!(path("").parent(), None);
        assert_eq!(path("").names().count(), 0);
        assert_eq!(path("a/b").name(), Some(&b"b"[..]));
        assert_eq!(path("/a//./b/").depth(), 2);
    }

    #[test]
    fn hostile_keys_are_refused() {
        for key in [&b"\0a"[..], b"a\0", b"a\0\0b", b"..", b"a\0..\0b", b"a/b", b"."] {
            assert!(EntryPath::from_key(key.to_vec()).is_err(), "{key:?}");
        }
        assert!(EntryPath::from_key(vec![b'a'; MAX_NAME + 1]).is_err());
        assert!(EntryPath::from_key(Vec::new()).is_ok());
    }
}
