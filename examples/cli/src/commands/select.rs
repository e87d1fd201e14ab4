//! Choosing among snapshots.

use crate::exit::{Failure, Result};
use crate::output::units::parse_time;
use clap::{Args, ValueHint};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use strongroom::{EntryPath, ErrorKind, Repository, Snapshot, SnapshotFilter, Timestamp};

/// Conditions on snapshots; all that are given must hold.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Choosing among snapshots")]
pub(crate) struct FilterArgs {
    /// Only snapshots made on this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Only snapshots of exactly this path, maybe among others
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    path: Vec<OsString>,
    /// Only snapshots with this tag
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only snapshots made at this time or later: 2026-01-31, '2026-01-31 18:30', or 7d for seven days ago
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    after: Option<Timestamp>,
    /// Only snapshots made before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    before: Option<Timestamp>,
}

impl FilterArgs {
    /// Whether no condition is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.path.is_empty() && self.filter() == SnapshotFilter::all()
    }

    /// All conditions but those on paths, which need a second look.
    fn filter(&self) -> SnapshotFilter {
        let mut filter = SnapshotFilter::all();
        if let Some(host) = &self.host {
            filter = filter.host(host);
        }
        for tag in &self.tag {
            filter = filter.tag(tag);
        }
        if let Some(after) = self.after {
            filter = filter.after(after);
        }
        if let Some(before) = self.before {
            filter = filter.before(before);
        }
        filter
    }

    /// Whether a snapshot is of these paths: as they were typed, for streams known by a name, or made absolute.
    fn accepts_paths(&self, snapshot: &Snapshot) -> bool {
        self.path.iter().all(|wanted| {
            let absolute = std::path::absolute(wanted).unwrap_or_else(|_| wanted.into());
            let absolute = absolute.components().collect::<std::path::PathBuf>().into_os_string().into_vec();
            snapshot.paths.iter().any(|path| path == wanted.as_bytes() || *path == absolute)
        })
    }

    /// The snapshots that fit, oldest first, and what could not be read among all.
    pub(crate) fn list(&self, repository: &Repository) -> Result<(Vec<Snapshot>, Vec<strongroom::Error>)> {
        let (mut found, mut unreadable) = (Vec::new(), Vec::new());
        for snapshot in repository.snapshots(&self.filter())? {
            match snapshot {
                Ok(snapshot) if self.accepts_paths(&snapshot) => found.push(snapshot),
                Ok(_) => {}
                Err(error) => unreadable.push(error),
            }
        }
        Ok((found, unreadable))
    }

    /// The snapshot that `latest`, among those that fit, or the beginning of an id names.
    pub(crate) fn one(&self, repository: &Repository, spec: &str) -> Result<Snapshot> {
        if spec == "latest" && !self.path.is_empty() {
            let newest = self.list(repository)?.0.pop();
            return newest.ok_or_else(|| {
                strongroom::Error::new(ErrorKind::NotFound, "find the snapshot")
                    .object(spec)
                    .detail("there is no snapshot that matches")
                    .into()
            });
        }
        repository.snapshot(spec, &self.filter()).map_err(|error| {
            let not_found = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidArgument);
            let failure = Failure::from(error);
            if not_found { failure.hint("`strongroom snapshots` lists the snapshots there are") } else { failure }
        })
    }
}

/// Says where to look when a path is not in a snapshot.
pub(crate) fn missing_path(error: strongroom::Error, snapshot: &Snapshot, path: &EntryPath) -> Failure {
    let is_missing = error.kind() == ErrorKind::NotFound && !path.is_root();
    let failure = Failure::from(error);
    if !is_missing {
        return failure;
    }
    let id = snapshot.id.short();
    let base = match snapshot.paths.as_slice() {
        [only] => format!("paths in this snapshot begin below {}; ", String::from_utf8_lossy(only)),
        _ => String::new(),
    };
    failure.hint(format!("{base}`strongroom ls {id}` shows what is in it"))
}

/// An id among others by its first digits.
pub(crate) fn by_prefix<Id: Copy + ToString>(
    ids: impl IntoIterator<Item = Id>,
    prefix: &str,
    what: &'static str,
) -> Result<Id> {
    let prefix = prefix.to_ascii_lowercase();
    let matching: Vec<Id> = ids.into_iter().filter(|id| id.to_string().starts_with(&prefix)).collect();
    match matching.as_slice() {
        [one] if !prefix.is_empty() => Ok(*one),
        [] => Err(strongroom::Error::new(ErrorKind::NotFound, "find what is named")
            .object(prefix)
            .detail(format!("there is no such {what}"))
            .into()),
        _ => Err(Failure::usage(format!("`{prefix}` is the beginning of several; give more digits of the {what}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_named_by_a_prefix_that_is_theirs_alone() {
        let ids = ["aabb", "aacc", "dd"];
        assert_eq!(by_prefix(ids, "aab", "key").unwrap(), "aabb");
        assert_eq!(by_prefix(ids, "D", "key").unwrap(), "dd");
        assert!(by_prefix(ids, "aa", "key").is_err());
        assert!(by_prefix(ids, "", "key").is_err());
        assert_eq!(by_prefix(ids, "ee", "key").err().unwrap().kind(), Some(ErrorKind::NotFound));
    }
}
