//! Looking at snapshots and what is in them.

use crate::arena::hand_out_made;
use crate::handles::{get, insert};
use crate::input::{Out, answer, bytes, text, texts};
use crate::objects::{
    Differences, Entries, repository_of, run_of, sr_difference_list, sr_differences, sr_entry_list, sr_listing,
    sr_repository, sr_run, sr_text_list, tell, text_list,
};
use crate::options::{read, sr_snapshot_filter};
use crate::records::{sr_entry, sr_repository_stats, sr_snapshot, sr_snapshot_listing};
use crate::types::{sr_bytes, sr_error_record, sr_status, sr_timestamp};
use std::ffi::c_char;
use strongroom_bindings::options::Pattern;

/// The snapshots that `filter` (NULL for all) accepts, oldest first by the clocks of their devices.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_snapshots(
    repository: sr_repository,
    filter: *const sr_snapshot_filter,
    report: *mut *const sr_snapshot_listing,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "list snapshots";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let filter = read(filter, OPERATION)?;
            let made = repository.snapshots(&filter)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// One snapshot by what a person would type: `latest`, or the first digits of its id.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_get_snapshot(
    repository: sr_repository,
    spec: *const c_char,
    filter: *const sr_snapshot_filter,
    report: *mut *const sr_snapshot,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "find the snapshot";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let spec = text(spec, OPERATION)?;
            let filter = read(filter, OPERATION)?;
            let made = repository.snapshot(&spec, &filter)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The entry at a path of a snapshot.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_get_entry(
    repository: sr_repository,
    snapshot: *const c_char,
    path: sr_bytes,
    report: *mut *const sr_entry,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "find a path";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let snapshot = text(snapshot, OPERATION)?;
            let path = bytes(path, OPERATION)?;
            let made = repository.entry(&snapshot, &path)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// How much the repository holds.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_stats(
    repository: sr_repository,
    run: sr_run,
    report: *mut *const sr_repository_stats,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "count what is stored";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;

            let run = run_of(run, OPERATION)?;
            let made = repository.stats(&run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// What is in a folder of a snapshot, directly or at any depth; for anything but a folder, the entry itself. `out` is pulled with
/// sr_listing_next and closed with sr_listing_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_list(
    repository: sr_repository,
    snapshot: *const c_char,
    folder: sr_bytes,
    recursive: bool,
    out: *mut sr_listing,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "list a folder";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let repository = repository_of(repository, OPERATION)?;
            let (snapshot, folder) = (text(snapshot, OPERATION)?, bytes(folder, OPERATION)?);
            let listing = repository.list(&snapshot, &folder, recursive)?;
            out.put(sr_listing { id: insert(Entries(listing)) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The entries of a snapshot whose paths match a glob. `out` is pulled with sr_listing_next and closed with sr_listing_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_find(
    repository: sr_repository,
    snapshot: *const c_char,
    glob: *const c_char,
    any_case: bool,
    out: *mut sr_listing,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "find entries";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let repository = repository_of(repository, OPERATION)?;
            let (snapshot, glob) = (text(snapshot, OPERATION)?, text(glob, OPERATION)?);
            let listing = repository.find(&snapshot, &Pattern { glob, any_case })?;
            out.put(sr_listing { id: insert(Entries(listing)) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The next entries, at most `most` of them; a list of none at the end. `out` is freed with sr_free. A part that could not be read is
/// an error, after which it goes on behind that part.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_listing_next(
    listing: sr_listing,
    most: usize,
    out: *mut *const sr_entry_list,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "list entries";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let batch = get::<Entries>(listing.id, OPERATION)?.0.next(most)?;
            out.put(hand_out_made(|arena| sr_entry_list { items: arena.list(&batch), count: batch.len() }));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The paths on which two snapshots differ, in ascending order. They are looked for on a thread of the library, which `run` stops, and
/// which ends with the listing. `out` is pulled with sr_differences_next and closed with
/// sr_differences_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_diff(
    repository: sr_repository,
    before: *const c_char,
    after: *const c_char,
    run: sr_run,
    out: *mut sr_differences,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "compare snapshots";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let repository = repository_of(repository, OPERATION)?;
            let (before, after) = (text(before, OPERATION)?, text(after, OPERATION)?);
            let listing = repository.diff(&before, &after, run_of(run, OPERATION)?.options())?;
            out.put(sr_differences { id: insert(Differences(listing)) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The next differences, at most `most` of them; a list of none at the end. `out` is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_differences_next(
    differences: sr_differences,
    most: usize,
    out: *mut *const sr_difference_list,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "compare snapshots";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let batch = get::<Differences>(differences.id, OPERATION)?.0.next(most)?;
            out.put(hand_out_made(|arena| sr_difference_list { items: arena.list(&batch), count: batch.len() }));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Adds and removes tags of a snapshot. `tags`, the tags it has then, may be NULL; otherwise it is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_tag(
    repository: sr_repository,
    snapshot: *const c_char,
    add: *const *const c_char,
    add_count: usize,
    remove: *const *const c_char,
    remove_count: usize,
    tags: *mut *const sr_text_list,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "tag a snapshot";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let snapshot = text(snapshot, OPERATION)?;
            let (add, remove) = (texts(add, add_count, OPERATION)?, texts(remove, remove_count, OPERATION)?);
            let list = repository.tag(&snapshot, &add, &remove)?;
            if !tags.is_null() {
                tags.write(text_list(&list));
            }
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Holds a snapshot until a time: before that it is not forgotten. `out` is the hold that is in force then.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_hold(
    repository: sr_repository,
    snapshot: *const c_char,
    until: sr_timestamp,
    out: *mut sr_timestamp,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "hold a snapshot";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let repository = repository_of(repository, OPERATION)?;
            let snapshot = text(snapshot, OPERATION)?;
            out.put(repository.hold(&snapshot, until.into())?.into());
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Ends the hold of a snapshot.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_release(
    repository: sr_repository,
    snapshot: *const c_char,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "release a snapshot";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            repository.release(&text(snapshot, OPERATION)?)?;
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}
