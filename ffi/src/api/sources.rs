//! Sources of backups, and what runs with an operation.

use crate::arena::hand_out;
use crate::callbacks::{
    Entries as AppEntries, Listener, Reader, sr_entries_callbacks, sr_progress_function, sr_reader_callbacks,
};
use crate::handles::{get, insert};
use crate::input::{Out, answer, byte_list, bytes};
use crate::objects::{SourceSlot, source, sr_run, sr_source};
use crate::options::{read, sr_budget, sr_files_options, sr_stream_options};
use crate::records::sr_progress;
use crate::types::{sr_bytes, sr_error_record, sr_status};
use std::ffi::c_void;
use std::sync::{Arc, PoisonError};
use strongroom_bindings::{Error, ProgressListener, Run, RunOptions, Source};

/// Files and folders of the file system. `out` is used up by sr_backup, or closed with sr_source_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_source_files(
    options: *const sr_files_options,
    out: *mut sr_source,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "take a source";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(source(Source::files(read(options, OPERATION)?)));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// One file with these bytes, which are copied. `out` is used up by sr_backup, or closed with sr_source_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_source_bytes(
    options: *const sr_stream_options,
    content: sr_bytes,
    out: *mut sr_source,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "take a source";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(source(Source::bytes(read(options, OPERATION)?, bytes(content, OPERATION)?)));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// One file with what a reader gives. When the reader fails, so does the backup. `out` is used up by sr_backup, or closed with sr_source_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_source_reader(
    options: *const sr_stream_options,
    reader: *const sr_reader_callbacks,
    out: *mut sr_source,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "take a source";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(source(Source::reader(read(options, OPERATION)?, Box::new(Reader::new(reader, OPERATION)?))));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// What a tar stream holds. When the reader fails, so does the backup. `out` is used up by sr_backup, or closed with sr_source_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_source_tar(
    reader: *const sr_reader_callbacks,
    out: *mut sr_source,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "take a source";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(source(Source::tar(Box::new(Reader::new(reader, OPERATION)?))));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The app's own entries; `sorted` promises ascending order of their paths, each once. `out` is used up by sr_backup, or closed with sr_source_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_source_entries(
    entries: *const sr_entries_callbacks,
    sorted: bool,
    out: *mut sr_source,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "take a source";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(source(Source::entries(Box::new(AppEntries::new(entries, OPERATION)?), sorted)));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Sets the paths, or any names, by which snapshots of the same thing are known to belong together.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_source_known_as(
    source: sr_source,
    names: *const sr_bytes,
    names_count: usize,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "name a source";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let names = byte_list(names, names_count, OPERATION)?;
            let source = get::<SourceSlot>(source.id, OPERATION)?;
            let mut slot = source.0.lock().unwrap_or_else(PoisonError::into_inner);
            let before = slot.take().ok_or_else(|| Error::closed(OPERATION, "source"))?;
            *slot = Some(before.known_as(names));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// What runs with operations: bounds, and how to stop them and hear of them. `budget` and `progress` may be NULL. An operation that is
/// stopped stays stopped: take a new one for the next. `out` is closed with sr_run_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_run_new(
    budget: *const sr_budget,
    progress: sr_progress_function,
    user_data: *mut c_void,
    out: *mut sr_run,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "prepare an operation";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let budget = read(budget, OPERATION)?;
            let progress =
                Listener::new(progress, user_data).map(|listener| Arc::new(listener) as Arc<dyn ProgressListener>);
            out.put(sr_run { id: insert(Run::new(RunOptions { budget, progress, ..RunOptions::default() })) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Stops the operation as soon as it looks, within 250 ms; it fails with SR_ERROR_KIND_CANCELLED. From any thread.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_run_cancel(run: sr_run, error: *mut *const sr_error_record) -> sr_status {
    const OPERATION: &str = "cancel";
    let work = || -> strongroom_bindings::Result<()> {
        get::<Run>(run.id, OPERATION)?.cancel();
        Ok(())
    };
    // SAFETY: the contract of this function.
    unsafe { answer(error, OPERATION, work) }
}

/// Asks for a durable stop: what is done so far is kept and can be resumed. From any thread.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_run_suspend(run: sr_run, error: *mut *const sr_error_record) -> sr_status {
    const OPERATION: &str = "suspend";
    let work = || -> strongroom_bindings::Result<()> {
        get::<Run>(run.id, OPERATION)?.suspend();
        Ok(())
    };
    // SAFETY: the contract of this function.
    unsafe { answer(error, OPERATION, work) }
}

/// How the operation goes on, as last heard; NULL before it has begun. Freed with sr_free. From any thread.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_run_progress(
    run: sr_run,
    out: *mut *const sr_progress,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "tell progress";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let progress = get::<Run>(run.id, OPERATION)?.progress();
            out.put(progress.map_or(std::ptr::null(), |progress| hand_out(&progress)));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}
