//! Functions of the app: storage, readers, writers, entries, progress, log. Each is a struct of function pointers with a
//! `user_data` that is passed to all of them, and a `drop` that is called once when nothing will call them any more.
//!
//! They may be called from threads of the library, storage from several at once. They must return: a C++ exception must
//! not leave one (strongroom.hpp sees to that). They may call any function of this library.

use crate::arena::{Arena, ToC};
use crate::enums::{sr_entry_kind, sr_log_level, sr_problem_reason};
use crate::input::{Extensible, bytes, items, maybe_bytes, sized};
use crate::options::extensible;
use crate::records::{sr_progress, sr_xattr};
use crate::types::{Payload, SR_OK, sr_bytes, sr_status, sr_timestamp};
use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;
use strongroom_bindings::records::{Progress, Xattr};
use strongroom_bindings::{
    EntryKind, Error, ErrorKind, HostBackend, HostContent, HostEntries, HostEntry, HostError, HostObject, HostProblem,
    HostReader, HostResult, HostWriter, LogEvent, LogSink, ProblemReason, ProgressListener, Result,
};

extensible!(
    sr_backend_callbacks,
    sr_reader_callbacks,
    sr_writer_callbacks,
    sr_entries_callbacks,
    sr_log_callbacks,
    sr_entry_to_store
);

/// What a callback that fails may say about it, beside the number it returns. All zero when it is called.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_failure {
    /// What went wrong, for people; ends in NUL, is cut off where it does not.
    pub message: [c_char; 256],
    /// Whether `retry_after_ms` is set.
    pub has_retry_after_ms: bool,
    /// After how many milliseconds the same call may succeed.
    pub retry_after_ms: u64,
    /// Whether `payload` is set.
    pub has_payload: bool,
    /// Anything; comes back in `sr_error_record.payload`.
    pub payload: u64,
}

impl sr_failure {
    fn none() -> Self {
        sr_failure { message: [0; 256], has_retry_after_ms: false, retry_after_ms: 0, has_payload: false, payload: 0 }
    }

    fn error(&self, status: sr_status) -> HostError {
        let kind = ErrorKind::from_code(status).unwrap_or(ErrorKind::Callback);
        let said: Vec<u8> = self
            .message
            .iter()
            .take_while(|byte| **byte != 0)
            .map(|byte| u8::from_ne_bytes(byte.to_ne_bytes()))
            .collect();
        let message = match said.is_empty() {
            true => format!("the app's function failed with {status} ({})", kind.name()),
            false => String::from_utf8_lossy(&said).into_owned(),
        };
        let mut error = HostError::new(kind, message);
        if self.has_retry_after_ms {
            error = error.retry_after(self.retry_after_ms);
        }
        if self.has_payload {
            error = error.payload(Arc::new(Payload(self.payload)));
        }
        error
    }
}

/// Calls a function that tells its failure by number and struct.
fn call(function: impl FnOnce(*mut sr_failure) -> sr_status) -> HostResult<()> {
    let mut failure = sr_failure::none();
    match function(&raw mut failure) {
        SR_OK => Ok(()),
        status => Err(failure.error(status)),
    }
}

/// The app's pointer, and how to let go of it.
struct UserData {
    data: *mut c_void,
    drop: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

// SAFETY: the documentation of every callback struct asks of the app that its functions can be called with `user_data` on
// any thread.
unsafe impl Send for UserData {}
// SAFETY: as above; those that are called from several threads at once say so.
unsafe impl Sync for UserData {}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(function) = self.drop {
            // SAFETY: the app gave the function for this pointer, and this is the one call of it.
            unsafe { function(self.data) };
        }
    }
}

fn missing(what: &str, operation: &str) -> Error {
    Error::invalid(operation, format!("the callback `{what}` is NULL"))
}

/// A name as C text. Names of objects have no NUL.
fn name(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

/// What an app's storage says about an object.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_object {
    /// Its whole name, such as `packs/3f...`; not looked at by `stat`.
    pub name: *const c_char,
    /// Its length in bytes.
    pub length: u64,
    /// When storage received it, by the storage's clock.
    pub modified: sr_timestamp,
}

/// Where an app's storage lists objects to. Valid during the call of `list` only. Returns `SR_OK`, or a number `list` is
/// to end with and to return.
pub type sr_found = Option<unsafe extern "C" fn(found_data: *mut c_void, object: *const sr_object) -> sr_status>;

/// Storage that an app implements. All functions may be called from several threads at once. Each returns `SR_OK` or an
/// error kind, and may fill in `failure`. Objects are created once and never changed. Names are those of objects:
/// `config`, or a folder, `/` and a file name of lower-case letters, digits, `-` and `.`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sr_backend_callbacks {
    /// sizeof(sr_backend_callbacks).
    pub struct_size: usize,
    /// Passed to all functions.
    pub user_data: *mut c_void,
    /// Stores the concatenation of `parts` under `name`, durably and all or nothing. SR_ERROR_KIND_ALREADY_EXISTS when the
    /// name is taken; the object is then left as it was.
    pub put: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            name: *const c_char,
            parts: *const sr_bytes,
            parts_count: usize,
            failure: *mut sr_failure,
        ) -> sr_status,
    >,
    /// Fills `buffer` with the `length` bytes from `offset` on. SR_ERROR_KIND_NOT_FOUND when there is no such object,
    /// SR_ERROR_KIND_CORRUPT when it ends before.
    pub read: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            name: *const c_char,
            offset: u64,
            buffer: *mut u8,
            length: usize,
            failure: *mut sr_failure,
        ) -> sr_status,
    >,
    /// Tells length and storage time. SR_ERROR_KIND_NOT_FOUND when there is no such object.
    pub stat: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            name: *const c_char,
            object: *mut sr_object,
            failure: *mut sr_failure,
        ) -> sr_status,
    >,
    /// Calls `found` for every object of one folder (empty for the root, where `config` is), in any order. Hold no lock
    /// meanwhile: the other functions may be called before `found` returns.
    pub list: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            folder: *const c_char,
            found: sr_found,
            found_data: *mut c_void,
            failure: *mut sr_failure,
        ) -> sr_status,
    >,
    /// Removes an object. Removing one that does not exist succeeds.
    pub remove: Option<
        unsafe extern "C" fn(user_data: *mut c_void, name: *const c_char, failure: *mut sr_failure) -> sr_status,
    >,
    /// For messages: where this is, without any secret. May be NULL.
    pub location: *const c_char,
    /// For how many milliseconds after a call has returned listings elsewhere may not show what it did.
    pub settling_ms: u64,
    /// Called once when nothing will call the others any more. May be NULL.
    pub drop: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

type Put = unsafe extern "C" fn(*mut c_void, *const c_char, *const sr_bytes, usize, *mut sr_failure) -> sr_status;
type Read = unsafe extern "C" fn(*mut c_void, *const c_char, u64, *mut u8, usize, *mut sr_failure) -> sr_status;
type Stat = unsafe extern "C" fn(*mut c_void, *const c_char, *mut sr_object, *mut sr_failure) -> sr_status;
type List = unsafe extern "C" fn(*mut c_void, *const c_char, sr_found, *mut c_void, *mut sr_failure) -> sr_status;
type Remove = unsafe extern "C" fn(*mut c_void, *const c_char, *mut sr_failure) -> sr_status;

pub(crate) struct Storage {
    user: UserData,
    put: Put,
    read: Read,
    stat: Stat,
    list: List,
    remove: Remove,
    location: String,
    settling_ms: u64,
}

impl Storage {
    /// # Safety
    /// `given` is as [`sized`] asks, and its functions do what the struct's documentation says.
    pub(crate) unsafe fn new(given: *const sr_backend_callbacks, operation: &str) -> Result<Self> {
        // SAFETY: the same contract.
        let made = unsafe { sized(given, operation) }?;
        // SAFETY: NULL, or text by the documentation.
        let location = unsafe { crate::input::maybe_text(made.location, operation) }?;
        let (put, read) = (made.put.ok_or_else(|| missing("put", operation))?, made.read);
        Ok(Storage {
            put,
            read: read.ok_or_else(|| missing("read", operation))?,
            stat: made.stat.ok_or_else(|| missing("stat", operation))?,
            list: made.list.ok_or_else(|| missing("list", operation))?,
            remove: made.remove.ok_or_else(|| missing("remove", operation))?,
            location: location.unwrap_or_else(|| "the app's storage".to_owned()),
            settling_ms: made.settling_ms,
            // Last, so that `drop` is not called for what was refused.
            user: UserData { data: made.user_data, drop: made.drop },
        })
    }
}

impl HostBackend for Storage {
    fn put(&self, object: &str, parts: &[&[u8]]) -> HostResult<()> {
        let object = name(object);
        let parts: Vec<_> = parts.iter().map(|part| sr_bytes { data: part.as_ptr(), length: part.len() }).collect();
        // SAFETY: the app's function, with what its documentation says; all of it lives until the call returns.
        call(|failure| unsafe { (self.put)(self.user.data, object.as_ptr(), parts.as_ptr(), parts.len(), failure) })
    }

    fn read(&self, object: &str, offset: u64, length: u64) -> HostResult<Vec<u8>> {
        let object = name(object);
        let too_long = || HostError::new(ErrorKind::LimitExceeded, "the range does not fit into memory");
        let length = usize::try_from(length).map_err(|_| too_long())?;
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(length).map_err(|_| too_long())?;
        buffer.resize(length, 0);
        let start: *mut u8 = buffer.as_mut_ptr();
        // SAFETY: as above; the buffer has `length` bytes.
        call(|failure| unsafe { (self.read)(self.user.data, object.as_ptr(), offset, start, length, failure) })?;
        Ok(buffer)
    }

    fn stat(&self, object: &str) -> HostResult<HostObject> {
        let text = name(object);
        let mut found = sr_object { name: std::ptr::null(), length: 0, modified: sr_timestamp::default() };
        let out = &raw mut found;
        // SAFETY: as above; `out` can be written to.
        call(|failure| unsafe { (self.stat)(self.user.data, text.as_ptr(), out, failure) })?;
        Ok(HostObject { name: object.to_owned(), length: found.length, modified: found.modified.into() })
    }

    fn list(&self, folder: &str, found: &mut dyn FnMut(HostObject) -> HostResult<()>) -> HostResult<()> {
        let folder = name(folder);
        let mut listing = Listing { found, stopped: None };
        let data = (&raw mut listing).cast::<c_void>();
        // SAFETY: as above; `data` is the listing, which `found_object` takes it for and which outlives the call.
        let listed =
            call(|failure| unsafe { (self.list)(self.user.data, folder.as_ptr(), Some(found_object), data, failure) });
        match listing.stopped {
            Some(error) => Err(error),
            None => listed,
        }
    }

    fn delete(&self, object: &str) -> HostResult<()> {
        let object = name(object);
        // SAFETY: as above.
        call(|failure| unsafe { (self.remove)(self.user.data, object.as_ptr(), failure) })
    }

    fn location(&self) -> String {
        self.location.clone()
    }

    fn settling_ms(&self) -> u64 {
        self.settling_ms
    }
}

struct Listing<'a> {
    found: &'a mut dyn FnMut(HostObject) -> HostResult<()>,
    stopped: Option<HostError>,
}

/// Takes one object of the app's listing.
unsafe extern "C" fn found_object(found_data: *mut c_void, object: *const sr_object) -> sr_status {
    if found_data.is_null() || object.is_null() {
        return ErrorKind::InvalidArgument.code();
    }
    // SAFETY: the app passes on what `list` was given, which is a listing nobody else uses during that call.
    let listing = unsafe { &mut *found_data.cast::<Listing<'_>>() };
    // SAFETY: not NULL, and an object by the documentation.
    let object = unsafe { *object };
    let taken = strongroom_bindings::guard::catch("list a folder of objects", || {
        // SAFETY: its name is text by the documentation.
        let name = unsafe { crate::input::text(object.name, "list a folder of objects") }?;
        let object = HostObject { name, length: object.length, modified: object.modified.into() };
        Ok((listing.found)(object))
    });
    match taken {
        Ok(Ok(())) => SR_OK,
        Ok(Err(error)) => {
            listing.stopped.get_or_insert(error);
            ErrorKind::Cancelled.code()
        }
        Err(error) => {
            listing.stopped.get_or_insert(HostError::new(error.kind, error.message.clone()));
            error.kind.code()
        }
    }
}

/// A stream of bytes that an app gives. Used by one thread at a time.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sr_reader_callbacks {
    /// sizeof(sr_reader_callbacks).
    pub struct_size: usize,
    /// Passed to all functions.
    pub user_data: *mut c_void,
    /// Puts at most `length` bytes into `buffer`, and how many into `count`; 0 at the end.
    pub read: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            buffer: *mut u8,
            length: usize,
            count: *mut usize,
            failure: *mut sr_failure,
        ) -> sr_status,
    >,
    /// Called once when nothing will call the others any more. May be NULL.
    pub drop: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

pub(crate) struct Reader {
    user: UserData,
    read: unsafe extern "C" fn(*mut c_void, *mut u8, usize, *mut usize, *mut sr_failure) -> sr_status,
}

impl Reader {
    /// # Safety
    /// As [`Storage::new`].
    pub(crate) unsafe fn new(given: *const sr_reader_callbacks, operation: &str) -> Result<Self> {
        // SAFETY: the same contract.
        let made = unsafe { sized(given, operation) }?;
        let read = made.read.ok_or_else(|| missing("read", operation))?;
        Ok(Reader { read, user: UserData { data: made.user_data, drop: made.drop } })
    }
}

impl HostReader for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> HostResult<usize> {
        let mut count = 0;
        let (start, length, out) = (buffer.as_mut_ptr(), buffer.len(), &raw mut count);
        // SAFETY: the app's function, with what its documentation says; buffer and count live until the call returns.
        call(|failure| unsafe { (self.read)(self.user.data, start, length, out, failure) })?;
        Ok(count)
    }
}

/// A stream of bytes that an app takes. Used by one thread at a time.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sr_writer_callbacks {
    /// sizeof(sr_writer_callbacks).
    pub struct_size: usize,
    /// Passed to all functions.
    pub user_data: *mut c_void,
    /// Takes all of `data`.
    pub write: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            data: *const u8,
            length: usize,
            failure: *mut sr_failure,
        ) -> sr_status,
    >,
    /// Called once when nothing will call the others any more. May be NULL.
    pub drop: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

pub(crate) struct Writer {
    user: UserData,
    write: unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut sr_failure) -> sr_status,
}

impl Writer {
    /// # Safety
    /// As [`Storage::new`].
    pub(crate) unsafe fn new(given: *const sr_writer_callbacks, operation: &str) -> Result<Self> {
        // SAFETY: the same contract.
        let made = unsafe { sized(given, operation) }?;
        let write = made.write.ok_or_else(|| missing("write", operation))?;
        Ok(Writer { write, user: UserData { data: made.user_data, drop: made.drop } })
    }
}

impl HostWriter for Writer {
    fn write(&mut self, data: &[u8]) -> HostResult<()> {
        // SAFETY: the app's function, with what its documentation says; the data lives until the call returns.
        call(|failure| unsafe { (self.write)(self.user.data, data.as_ptr(), data.len(), failure) })
    }
}

/// An entry that an app gives. All zero but `struct_size`, `path` and `kind` is an empty file or folder with the defaults.
/// What it points to is copied before the next call of `next`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sr_entry_to_store {
    /// sizeof(sr_entry_to_store); the library sets it before it calls `next`.
    pub struct_size: usize,
    /// Where it stands in the snapshot: names of any bytes with `/` between them.
    pub path: sr_bytes,
    /// What it is.
    pub kind: sr_entry_kind,
    /// The bytes of a regular file, if they are in memory.
    pub content: sr_bytes,
    /// Reads the bytes of a regular file, if they are not. NULL otherwise. The struct is copied; its `drop` is called when
    /// the file was read, or was not needed.
    pub reader: *const sr_reader_callbacks,
    /// Whether `size` is set.
    pub has_size: bool,
    /// How many bytes a reader will give, if that is known.
    pub size: u64,
    /// Where a symbolic link points. NULL for anything else.
    pub target: sr_bytes,
    /// For one more name of the file that another entry stands for: the path of that entry. NULL otherwise.
    pub hard_link_to: sr_bytes,
    /// Major number of a device.
    pub device_major: u32,
    /// Minor number of a device.
    pub device_minor: u32,
    /// Whether `mode` is set.
    pub has_mode: bool,
    /// Permission bits.
    pub mode: u32,
    /// Whether `uid` and `gid` are set.
    pub has_owner: bool,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Whether `modified` is set.
    pub has_modified: bool,
    /// Last change of content.
    pub modified: sr_timestamp,
    /// Whether `changed` is set.
    pub has_changed: bool,
    /// Last change of anything. With it and a size, a later backup sees without reading that a file is unchanged.
    pub changed: sr_timestamp,
    /// Extended attributes.
    pub xattrs: *const sr_xattr,
    /// How many there are.
    pub xattrs_count: usize,
    /// For something that belongs to the backup and cannot be read: why. 0 otherwise.
    pub problem: sr_problem_reason,
    /// What to say of the problem, for people. May be NULL.
    pub problem_detail: *const c_char,
}

/// Entries that an app gives. Used by one thread at a time.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sr_entries_callbacks {
    /// sizeof(sr_entries_callbacks).
    pub struct_size: usize,
    /// Passed to all functions.
    pub user_data: *mut c_void,
    /// Fills in the next entry; sets `is_over` instead when there is none.
    pub next: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            entry: *mut sr_entry_to_store,
            is_over: *mut bool,
            failure: *mut sr_failure,
        ) -> sr_status,
    >,
    /// Called once when nothing will call the others any more. May be NULL.
    pub drop: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

pub(crate) struct Entries {
    user: UserData,
    next: unsafe extern "C" fn(*mut c_void, *mut sr_entry_to_store, *mut bool, *mut sr_failure) -> sr_status,
}

impl Entries {
    /// # Safety
    /// As [`Storage::new`].
    pub(crate) unsafe fn new(given: *const sr_entries_callbacks, operation: &str) -> Result<Self> {
        // SAFETY: the same contract.
        let made = unsafe { sized(given, operation) }?;
        let next = made.next.ok_or_else(|| missing("next", operation))?;
        Ok(Entries { next, user: UserData { data: made.user_data, drop: made.drop } })
    }
}

impl HostEntries for Entries {
    fn next(&mut self) -> HostResult<Option<HostEntry>> {
        // SAFETY: a NULL struct is one in which nothing is set.
        let empty = unsafe { sized::<sr_entry_to_store>(std::ptr::null(), TAKE) };
        let mut entry = empty.map_err(host)?;
        entry.struct_size = size_of::<sr_entry_to_store>();
        let mut is_over = false;
        let (out, over) = (&raw mut entry, &raw mut is_over);
        // SAFETY: the app's function, with what its documentation says; both outputs live until the call returns.
        call(|failure| unsafe { (self.next)(self.user.data, out, over, failure) })?;
        if is_over {
            return Ok(None);
        }
        // SAFETY: the app filled it in as its documentation says.
        unsafe { taken(&entry) }.map(Some).map_err(host)
    }
}

const TAKE: &str = "take entries from the app";

fn host(error: Error) -> HostError {
    HostError::new(error.kind, error.message.clone())
}

/// # Safety
/// Every pointer of the entry is NULL or points to what its documentation says.
unsafe fn taken(entry: &sr_entry_to_store) -> Result<HostEntry> {
    // A reader is taken first, so that it is dropped whatever is wrong with the rest.
    // SAFETY: the contract, here and in all that follow in this function.
    let reader = if entry.reader.is_null() { None } else { Some(unsafe { Reader::new(entry.reader, TAKE) }?) };
    let kind = EntryKind::from_code(entry.kind)
        .ok_or_else(|| Error::invalid(TAKE, format!("{} is no kind of entry", entry.kind)))?;
    // SAFETY: as above.
    let mut made = HostEntry::new(unsafe { bytes(entry.path, TAKE) }?, kind);
    // SAFETY: as above.
    let content = unsafe { maybe_bytes(entry.content, TAKE) }?;
    made.content = match (reader, content) {
        (Some(_), Some(_)) => return Err(Error::invalid(TAKE, "an entry has both bytes and a reader")),
        (Some(reader), None) => Some(HostContent::Reader(Box::new(reader))),
        (None, content) => content.map(HostContent::Bytes),
    };
    made.size = entry.has_size.then_some(entry.size);
    // SAFETY: as above.
    made.target = unsafe { maybe_bytes(entry.target, TAKE) }?;
    // SAFETY: as above.
    made.hard_link_to = unsafe { maybe_bytes(entry.hard_link_to, TAKE) }?;
    (made.device_major, made.device_minor) = (entry.device_major, entry.device_minor);
    made.mode = entry.has_mode.then_some(entry.mode);
    made.uid = entry.has_owner.then_some(entry.uid);
    made.gid = entry.has_owner.then_some(entry.gid);
    made.modified = entry.has_modified.then(|| entry.modified.into());
    made.changed = entry.has_changed.then(|| entry.changed.into());
    // SAFETY: as above.
    for xattr in unsafe { items(entry.xattrs, entry.xattrs_count, TAKE) }? {
        // SAFETY: as above.
        let (name, value) = unsafe { (bytes(xattr.name, TAKE)?, bytes(xattr.value, TAKE)?) };
        made.xattrs.push(Xattr { name, value });
    }
    if entry.problem != 0 {
        let reason = ProblemReason::from_code(entry.problem)
            .ok_or_else(|| Error::invalid(TAKE, format!("{} is no reason of a problem", entry.problem)))?;
        // SAFETY: as above.
        let detail = unsafe { crate::input::maybe_text(entry.problem_detail, TAKE) }?;
        made.problem =
            Some(HostProblem { reason, detail: detail.unwrap_or_else(|| "the app cannot read it".to_owned()) });
    }
    Ok(made)
}

/// Hears of progress, on a thread of the library, some ten times a second at most. What `progress` points to lives until
/// it returns. Anything but `SR_OK` ends the operation, which then fails with that.
pub type sr_progress_function = Option<
    unsafe extern "C" fn(user_data: *mut c_void, progress: *const sr_progress, failure: *mut sr_failure) -> sr_status,
>;

pub(crate) struct Listener {
    user: UserData,
    function: unsafe extern "C" fn(*mut c_void, *const sr_progress, *mut sr_failure) -> sr_status,
}

impl Listener {
    pub(crate) fn new(function: sr_progress_function, user_data: *mut c_void) -> Option<Self> {
        Some(Listener { function: function?, user: UserData { data: user_data, drop: None } })
    }
}

impl ProgressListener for Listener {
    fn progress(&self, progress: &Progress) -> HostResult<()> {
        let mut arena = Arena::default();
        let made = progress.to_c(&mut arena);
        // SAFETY: the app's function, with what its documentation says; record and arena live until the call returns.
        call(|failure| unsafe { (self.function)(self.user.data, &raw const made, failure) })
    }
}

/// Hears what happens, on whatever thread it happens, from several at once.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sr_log_callbacks {
    /// sizeof(sr_log_callbacks).
    pub struct_size: usize,
    /// Passed to all functions.
    pub user_data: *mut c_void,
    /// Something happened. `operation` is a name of docs/bindings.md; both texts live until it returns.
    pub log: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            level: sr_log_level,
            operation: *const c_char,
            message: *const c_char,
        ),
    >,
    /// Called once when nothing will call the others any more. May be NULL.
    pub drop: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

pub(crate) struct Log {
    user: UserData,
    log: unsafe extern "C" fn(*mut c_void, sr_log_level, *const c_char, *const c_char),
}

impl Log {
    /// # Safety
    /// As [`Storage::new`]; NULL is no log.
    pub(crate) unsafe fn shared(given: *const sr_log_callbacks, operation: &str) -> Result<Option<Arc<dyn LogSink>>> {
        if given.is_null() {
            return Ok(None);
        }
        // SAFETY: the same contract.
        let made = unsafe { sized(given, operation) }?;
        let log = made.log.ok_or_else(|| missing("log", operation))?;
        Ok(Some(Arc::new(Log { log, user: UserData { data: made.user_data, drop: made.drop } })))
    }
}

impl LogSink for Log {
    fn log(&self, event: &LogEvent) {
        let mut arena = Arena::default();
        let (operation, message) = (arena.text(&event.operation), arena.text(&event.message));
        // SAFETY: the app's function, with what its documentation says; the texts live until the call returns.
        unsafe { (self.log)(self.user.data, event.level.code(), operation, message) };
    }
}
