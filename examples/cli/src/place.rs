//! Places: where a repository is, and where the cache is.

use crate::exit::{Failure, Result};
use crate::output::text::printable;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A folder: a path, or `file:` and a path.
    Folder(PathBuf),
    /// A vault of the account this machine is signed in to: `account:` and its name, or the first digits of its id.
    Vault(String),
}

impl Place {
    /// What a person wrote.
    pub(crate) fn parse(place: &OsStr) -> Result<Self> {
        let bytes = place.as_bytes();
        let path = match scheme(bytes) {
            None => bytes,
            // `file:///path`, as a URL has it.
            Some("file") => {
                let path = bytes.get("file:".len()..).unwrap_or_default();
                path.strip_prefix(b"//").filter(|rest| rest.starts_with(b"/")).unwrap_or(path)
            }
            Some("account") => {
                let name = bytes.get("account:".len()..).unwrap_or_default();
                return match std::str::from_utf8(name) {
                    Ok(name) if !name.is_empty() => Ok(Place::Vault(name.to_owned())),
                    _ => Err(Failure::usage("`account:` is followed by the name of a vault")
                        .hint("`strongroom account vault list` shows the vaults")),
                };
            }
            Some(scheme) => {
                return Err(Failure::usage(format!("`{scheme}:` is not a kind of place this command knows")).hint(
                    format!("repositories are folders, or account:VAULT; if a folder is really called like this, write ./{scheme}:…"),
                ));
            }
        };
        if path.is_empty() {
            return Err(Failure::usage("the place of the repository is empty"));
        }
        Ok(Place::Folder(PathBuf::from(OsStr::from_bytes(path))))
    }

    /// The folder, if it is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Place::Folder(folder) => Some(folder),
            Place::Vault(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Folder(folder) => write!(f, "{}", printable(folder.as_os_str().as_bytes())),
            Place::Vault(name) => write!(f, "account:{}", printable(name.as_bytes())),
        }
    }
}

/// The scheme of a URL, such as `s3` or `https`.
fn scheme(place: &[u8]) -> Option<&str> {
    let end = place.iter().position(|byte| *byte == b':')?;
    let scheme = std::str::from_utf8(place.get(..end)?).ok()?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some(scheme)
}

/// The cache folder: as asked for, or where the system's users expect it.
pub(crate) fn cache_folder(asked: Option<&Path>) -> Option<PathBuf> {
    if let Some(folder) = asked.filter(|folder| !folder.as_os_str().is_empty()) {
        return Some(folder.to_owned());
    }
    default_cache(std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME"))
}

/// The folder for what makes this machine a device of an account: as asked for, or where the system's users expect it.
pub(crate) fn account_folder(asked: Option<&Path>) -> Option<PathBuf> {
    if let Some(folder) = asked.filter(|folder| !folder.as_os_str().is_empty()) {
        return Some(folder.to_owned());
    }
    default_folder(std::env::var_os("XDG_CONFIG_HOME"), std::env::var_os("HOME"), ".config")
}

fn default_cache(xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    default_folder(xdg, home, ".cache")
}

fn default_folder(xdg: Option<OsString>, home: Option<OsString>, below_home: &str) -> Option<PathBuf> {
    // The XDG specification has relative paths ignored.
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let base = xdg.and_then(absolute).or_else(|| Some(home.and_then(absolute)?.join(below_home)))?;
    Some(base.join("strongroom"))
}

/// Makes the cache folder, marks it as one, and sees whether it can be written.
pub(crate) fn prepare_cache(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let tag = folder.join("CACHEDIR.TAG");
    match std::fs::OpenOptions::new().write(true).create_new(true).open(&tag) {
        Ok(mut file) => file.write_all(
            b"Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of strongroom. All of it can be made again.\n",
        ),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => tempfile::tempfile_in(folder).map(drop),
        Err(error) => Err(error),
    }
}

/// The machine's name.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_paths_or_vaults_and_other_schemes_are_refused() {
        let place = |text: &str| Place::parse(OsStr::new(text));
        let path = |text: &str| Place::Folder(PathBuf::from(text));
        assert_eq!(place("/srv/repo").unwrap(), path("/srv/repo"));
        assert_eq!(place("file:/srv/repo").unwrap(), path("/srv/repo"));
        assert_eq!(place("file:///srv/repo").unwrap(), path("/srv/repo"));
        assert_eq!(place("file:repo").unwrap(), path("repo"));
        assert_eq!(place("./s3:repo").unwrap(), path("./s3:repo"));
        assert_eq!(place("a b:c").unwrap(), path("a b:c"));
        assert_eq!(place("account:my photos").unwrap(), Place::Vault("my photos".to_owned()));
        assert_eq!(place("./account:x").unwrap(), path("./account:x"));
        for refused in ["s3:bucket", "https://host/", "sftp:x", "", "file:", "account:"] {
            assert!(place(refused).is_err(), "{refused}");
        }
        assert!(Place::parse(OsStr::from_bytes(b"account:\xff")).is_err());
    }

    #[test]
    fn the_cache_is_where_xdg_puts_it() {
        let of = |xdg: Option<&str>, home: Option<&str>| {
            default_cache(xdg.map(OsString::from), home.map(OsString::from)).map(|path| path.display().to_string())
        };
        assert_eq!(of(Some("/x"), Some("/h")).as_deref(), Some("/x/strongroom"));
        assert_eq!(of(Some("x"), Some("/h")).as_deref(), Some("/h/.cache/strongroom"));
        assert_eq!(of(None, Some("/h")).as_deref(), Some("/h/.cache/strongroom"));
        assert_eq!(of(None, None), None);
    }

    #[test]
    fn a_cache_is_marked_and_must_be_writable() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("a/b");
        prepare_cache(&cache).unwrap();
        prepare_cache(&cache).unwrap();
        assert!(std::fs::read_to_string(cache.join("CACHEDIR.TAG")).unwrap().starts_with("Signature: 8a477f59"));
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(prepare_cache(&folder.path().join("file")).is_err());
    }
}
