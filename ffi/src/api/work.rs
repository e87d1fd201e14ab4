//! Backing up, getting back, copying.

use crate::callbacks::{Writer, sr_writer_callbacks};
use crate::input::{answer, bytes, items, text};
use crate::objects::{repository_of, run_of, sr_repository, sr_run, sr_source, take_source, tell};
use crate::options::{read, sr_backup_options, sr_copy_options, sr_restore_options};
use crate::records::{sr_backup_report, sr_copy_report, sr_restore_report};
use crate::types::{sr_bytes, sr_error_record, sr_status};
use std::ffi::c_char;
use strongroom_bindings::{Repository, Result};

/// Backs up `source`, which is used up by it, and makes a snapshot of it.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_backup(
    repository: sr_repository,
    source: sr_source,
    options: *const sr_backup_options,
    run: sr_run,
    report: *mut *const sr_backup_report,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "back up";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let options = read(options, OPERATION)?;
            let source = take_source(source, OPERATION)?;
            let run = run_of(run, OPERATION)?;
            let made = repository.backup(source, &options, &run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Restores a snapshot, or a part of it, into a folder.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_restore(
    repository: sr_repository,
    snapshot: *const c_char,
    options: *const sr_restore_options,
    run: sr_run,
    report: *mut *const sr_restore_report,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "restore";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let snapshot = text(snapshot, OPERATION)?;
            let options = read(options, OPERATION)?;
            let run = run_of(run, OPERATION)?;
            let made = repository.restore(&snapshot, &options, &run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Writes a snapshot, or the folder or file of it at `path`, as a tar stream.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_export_tar(
    repository: sr_repository,
    snapshot: *const c_char,
    path: sr_bytes,
    writer: *const sr_writer_callbacks,
    run: sr_run,
    report: *mut *const sr_restore_report,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "export a snapshot";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let mut writer = Writer::new(writer, OPERATION)?;
            let snapshot = text(snapshot, OPERATION)?;
            let path = bytes(path, OPERATION)?;
            let run = run_of(run, OPERATION)?;
            let made = repository.export_tar(&snapshot, &path, &mut writer, &run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Copies snapshots to other repositories, each with its own keys.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_copy_to(
    repository: sr_repository,
    destinations: *const sr_repository,
    destinations_count: usize,
    options: *const sr_copy_options,
    run: sr_run,
    report: *mut *const sr_copy_report,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "copy snapshots";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let options = read(options, OPERATION)?;
            let handles = items(destinations, destinations_count, OPERATION)?;
            let others = handles.iter().map(|one| repository_of(*one, OPERATION)).collect::<Result<Vec<_>>>()?;
            let others: Vec<&Repository> = others.iter().map(AsRef::as_ref).collect();
            let run = run_of(run, OPERATION)?;
            let made = repository.copy_to(&others, &options, &run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}
