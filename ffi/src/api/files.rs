//! Files of a snapshot.

use crate::arena::hand_out;
use crate::handles::{get, insert};
use crate::input::{Out, answer, bytes, room, text};
use crate::objects::{File, repository_of, sr_file, sr_repository};
use crate::records::sr_entry;
use crate::types::{sr_bytes, sr_error_record, sr_status};
use std::ffi::c_char;

/// Opens a file of a snapshot for reading at any place. `out` is closed with sr_file_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_open_file(
    repository: sr_repository,
    snapshot: *const c_char,
    path: sr_bytes,
    out: *mut sr_file,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "open a file of the snapshot";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let repository = repository_of(repository, OPERATION)?;
            let (snapshot, path) = (text(snapshot, OPERATION)?, bytes(path, OPERATION)?);
            out.put(sr_file { id: insert(File(repository.open_file(&snapshot, &path)?)) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Length of the file.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_file_length(file: sr_file, out: *mut u64, error: *mut *const sr_error_record) -> sr_status {
    const OPERATION: &str = "read a file of the snapshot";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(get::<File>(file.id, OPERATION)?.0.length());
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The entry that is read; freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_file_entry(
    file: sr_file,
    out: *mut *const sr_entry,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "read a file of the snapshot";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(hand_out(get::<File>(file.id, OPERATION)?.0.entry()));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Fills `buffer` from the position on; `out` is how many bytes came: fewer than `length` only at the end of the file.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_file_read(
    file: sr_file,
    buffer: *mut u8,
    length: usize,
    out: *mut usize,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "read a file of the snapshot";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let file = get::<File>(file.id, OPERATION)?;
            out.put(file.0.read(room(buffer, length, OPERATION)?)?);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Fills `buffer` from `offset` on, without regard to the position, which stays; `out` is how many bytes came.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_file_read_at(
    file: sr_file,
    offset: u64,
    buffer: *mut u8,
    length: usize,
    out: *mut usize,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "read a file of the snapshot";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let file = get::<File>(file.id, OPERATION)?;
            out.put(file.0.read_at(offset, room(buffer, length, OPERATION)?)?);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Sets the position to so many bytes behind the start; it may lie behind the end, where nothing is read.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_file_seek(file: sr_file, position: u64, error: *mut *const sr_error_record) -> sr_status {
    const OPERATION: &str = "read a file of the snapshot";
    let work = || -> strongroom_bindings::Result<()> {
        get::<File>(file.id, OPERATION)?.0.seek_to(position)?;
        Ok(())
    };
    // SAFETY: the contract of this function.
    unsafe { answer(error, OPERATION, work) }
}

/// The position.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_file_position(
    file: sr_file,
    out: *mut u64,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "read a file of the snapshot";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(get::<File>(file.id, OPERATION)?.0.position()?);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}
