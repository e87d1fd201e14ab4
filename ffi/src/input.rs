//! Arguments as they come from C, looked at before they are used. All unsafe reading of an app's memory is here.

use crate::arena::hand_out;
use crate::types::{SR_OK, sr_bytes, sr_error_record, sr_status};
use std::ffi::{CStr, c_char};
use std::mem::{MaybeUninit, size_of};
use std::slice;
use strongroom_bindings::guard::catch;
use strongroom_bindings::{Error, Result};

/// Runs the body of a function of the interface: no panic leaves it, and an error is told by number and record.
///
/// # Safety
/// `error` is NULL or can be written to.
pub(crate) unsafe fn answer(
    error: *mut *const sr_error_record,
    operation: &str,
    work: impl FnOnce() -> Result<()>,
) -> sr_status {
    match catch(operation, work) {
        Ok(()) => SR_OK,
        Err(failure) => {
            if !error.is_null() {
                // SAFETY: not NULL, and writable by the contract of every function that has this parameter.
                unsafe { error.write(hand_out(&failure)) };
            }
            failure.kind.code()
        }
    }
}

/// An output, which must not be NULL.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    /// `out` is NULL or can be written to.
    pub(crate) unsafe fn new(out: *mut T, operation: &str) -> Result<Self> {
        if out.is_null() {
            return Err(Error::invalid(operation, "an output is NULL"));
        }
        Ok(Out(out))
    }

    pub(crate) fn put(self, value: T) {
        // SAFETY: not NULL by `new`, and writable by its contract, which holds during the call this belongs to.
        unsafe { self.0.write(value) };
    }
}

/// Longest text that is taken. A caller's text without an end is found out at some point, if not at the end of its page.
const MAX_TEXT: usize = 1024 * 1024;

/// Text that ends in NUL. NULL is none.
///
/// # Safety
/// `text` is NULL or points to bytes that end in NUL.
pub(crate) unsafe fn maybe_text(text: *const c_char, operation: &str) -> Result<Option<String>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and ends in NUL by the contract.
    let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
    if bytes.len() > MAX_TEXT {
        return Err(Error::invalid(operation, "a text is longer than 1 MiB"));
    }
    let text = str::from_utf8(bytes).map_err(|_| Error::invalid(operation, "a text is not UTF-8"))?;
    Ok(Some(text.to_owned()))
}

/// Text that must be there.
///
/// # Safety
/// As [`maybe_text`].
pub(crate) unsafe fn text(given: *const c_char, operation: &str) -> Result<String> {
    // SAFETY: the same contract.
    unsafe { maybe_text(given, operation) }?.ok_or_else(|| Error::invalid(operation, "a text is NULL"))
}

/// The bytes behind a pointer, copied.
///
/// # Safety
/// `bytes.data` is NULL or points to `bytes.length` readable bytes.
pub(crate) unsafe fn bytes(bytes: sr_bytes, operation: &str) -> Result<Vec<u8>> {
    // SAFETY: the same contract.
    Ok(unsafe { items(bytes.data, bytes.length, operation) }?.to_vec())
}

/// Bytes that may be left out by NULL.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn maybe_bytes(given: sr_bytes, operation: &str) -> Result<Option<Vec<u8>>> {
    if given.data.is_null() && given.length == 0 {
        return Ok(None);
    }
    // SAFETY: the same contract.
    unsafe { bytes(given, operation) }.map(Some)
}

/// The items of a list.
///
/// # Safety
/// `data` is NULL or points to `count` readable items that stay as they are during the call.
pub(crate) unsafe fn items<'a, T>(data: *const T, count: usize, operation: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Error::invalid(operation, "a list with a length is NULL"));
    }
    if !data.is_aligned() {
        return Err(Error::invalid(operation, "a list is not aligned"));
    }
    let fits = count.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok());
    if !fits {
        return Err(Error::invalid(operation, "a length is larger than any memory"));
    }
    // SAFETY: not NULL, aligned, no longer than memory can be, and readable by the contract.
    Ok(unsafe { slice::from_raw_parts(data, count) })
}

/// Room to write to.
///
/// # Safety
/// `data` is NULL or points to `length` writable bytes nobody else uses during the call.
pub(crate) unsafe fn room<'a>(data: *mut u8, length: usize, operation: &str) -> Result<&'a mut [u8]> {
    if length == 0 {
        return Ok(&mut []);
    }
    if data.is_null() {
        return Err(Error::invalid(operation, "a buffer with a length is NULL"));
    }
    if isize::try_from(length).is_err() {
        return Err(Error::invalid(operation, "a length is larger than any memory"));
    }
    // SAFETY: not NULL, no longer than memory can be, and ours during the call by the contract.
    Ok(unsafe { slice::from_raw_parts_mut(data, length) })
}

/// The texts of a list.
///
/// # Safety
/// As [`items`], and every item as [`text`].
pub(crate) unsafe fn texts(data: *const *const c_char, count: usize, operation: &str) -> Result<Vec<String>> {
    // SAFETY: the same contract.
    let list = unsafe { items(data, count, operation) }?;
    // SAFETY: the same contract, item by item.
    list.iter().map(|item| unsafe { text(*item, operation) }).collect()
}

/// The byte strings of a list.
///
/// # Safety
/// As [`items`], and every item as [`bytes`].
pub(crate) unsafe fn byte_list(data: *const sr_bytes, count: usize, operation: &str) -> Result<Vec<Vec<u8>>> {
    // SAFETY: the same contract.
    let list = unsafe { items(data, count, operation) }?;
    // SAFETY: the same contract, item by item.
    list.iter().map(|item| unsafe { bytes(*item, operation) }).collect()
}

/// A struct that begins with its own size, for which all bits zero is a value: what is not set.
///
/// # Safety
/// Implementors are `repr(C)`, begin with a `usize`, and hold only numbers, `bool`s, pointers, optional functions, and
/// structs of these, so that zeroed memory is a valid value.
pub(crate) unsafe trait Extensible: Copy {
    /// What it is called in messages.
    const NAME: &'static str;
}

/// Larger structs are no structs of this library, of whatever version.
const MAX_STRUCT: usize = 4096;

/// Reads a struct of whatever version the caller was compiled for: what an older one lacks is not set, and what a newer
/// one has on top must not be set. NULL is a struct in which nothing is set.
///
/// # Safety
/// `given` is NULL or points to as many readable bytes as its first field says, at least one `size_t`; its `bool`s are 0
/// or 1.
pub(crate) unsafe fn sized<T: Extensible>(given: *const T, operation: &str) -> Result<T> {
    let mut made = MaybeUninit::<T>::zeroed();
    if !given.is_null() {
        // SAFETY: the contract says that the first field can be read; nothing is asked of its alignment.
        let size = unsafe { given.cast::<usize>().read_unaligned() };
        if !(size_of::<usize>()..=MAX_STRUCT).contains(&size) {
            let detail = format!("struct_size of {} is {size}; set it to sizeof({})", T::NAME, T::NAME);
            return Err(Error::invalid(operation, detail));
        }
        // SAFETY: so many bytes can be read by the contract.
        let source = unsafe { slice::from_raw_parts(given.cast::<u8>(), size) };
        let (known, newer) = source.split_at_checked(size_of::<T>()).unwrap_or((source, &[]));
        if newer.iter().any(|byte| *byte != 0) {
            let detail = format!("{} has something set that this version does not know", T::NAME);
            return Err(Error::new(strongroom_bindings::ErrorKind::Unsupported, operation, detail));
        }
        // SAFETY: `known` is at most as long as a T, and what it is copied over is ours.
        unsafe { std::ptr::copy_nonoverlapping(known.as_ptr(), made.as_mut_ptr().cast::<u8>(), known.len()) };
    }
    // SAFETY: zeroed memory is a T by the contract of the trait, and so is one over which an app's T was copied.
    Ok(unsafe { made.assume_init() })
}
