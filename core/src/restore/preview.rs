//! Dry runs: what a restore would do.

use super::entry::count;
use super::failure::{Failure, Outcome};
use super::file;
use super::folder::Place;
use super::job::Job;
use super::standing::{Standing, judge};
use super::sys;
use crate::format::entry::Entry;
use crate::tree::data_length;
use std::sync::Arc;

/// What a restore would do about a folder: use the one that is there, or make it.
pub(super) fn folder(job: &Job<'_>, parent: &Place, name: &[u8]) -> Outcome<Option<Place>> {
    let looking = |errno| Failure::target(errno, "look at a folder");
    match sys::facts(&parent.fd, name).map_err(looking)? {
        None => Ok(None),
        Some(facts) if facts.is_folder() => {
            let fd = Arc::new(sys::open_folder(&parent.fd, name).map_err(looking)?);
            Ok(Some(Place::new(fd, false, false)))
        }
        Some(_) if job.options.may_clear() => Ok(None),
        Some(facts) => Err(Failure::obstructed(facts.type_name(), "folder")),
    }
}

/// Finds out what a restore would do about anything else.
pub(super) fn entry(job: &Job<'_>, place: Option<&Place>, entry: &Entry, linked: bool) {
    let standing = match place {
        None => Ok(Standing::Nothing),
        Some(place) => judge(job, place, entry),
    };
    let result = match standing {
        Ok(Standing::Keep) => file::Result::Kept,
        Ok(Standing::Same(_)) => file::Result::Unchanged,
        Ok(_) => {
            if !linked {
                job.wrote(data_length(entry));
            }
            file::Result::Written
        }
        Err(failure) => return job.fail(&entry.path, failure),
    };
    count(job, entry, result, linked);
}
