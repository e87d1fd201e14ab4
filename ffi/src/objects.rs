//! The handles of the interface and what they name.

use crate::arena::{Arena, ToC, hand_out, hand_out_made};
use crate::enums::sr_role;
use crate::handles::{Object, get, insert, remove};
use crate::records::{sr_device_info, sr_difference, sr_entry, sr_session_info, sr_slot_info};
use std::ffi::{c_char, c_void};
use std::sync::{Arc, Mutex, PoisonError};
use strongroom_bindings::{
    Backend, CancelToken, DeviceKey, DifferenceListing, EntryListing, Error, FileHandle, Repository, Result, Role, Run,
    Secret, Source,
};

/// Storage. A handle: copy it freely, use it from any thread. 0 is none.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_backend {
    /// Names it.
    pub id: u64,
}

/// A secret that opens a repository. A handle: copy it freely, use it from any thread. 0 is none.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_secret {
    /// Names it.
    pub id: u64,
}

/// The secret keys of a device. A handle: copy it freely, use it from any thread. 0 is none.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_device_key {
    /// Names it.
    pub id: u64,
}

/// An opened repository. A handle: copy it freely, use it from any number of threads at once. 0 is none.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_repository {
    /// Names it.
    pub id: u64,
}

/// What to back up. A handle; one backup uses it up. 0 is none.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_source {
    /// Names it.
    pub id: u64,
}

/// An operation that runs or will run. A handle: copy it freely, use it from any thread. 0 is one with the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_run {
    /// Names it.
    pub id: u64,
}

/// Entries of a snapshot. A handle: copy it freely; threads that pull from it get different entries. 0 is none.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_listing {
    /// Names it.
    pub id: u64,
}

/// Paths on which two snapshots differ. A handle like `sr_listing`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_differences {
    /// Names it.
    pub id: u64,
}

/// A file of a snapshot. A handle: copy it freely; threads that use it wait for each other. 0 is none.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_file {
    /// Names it.
    pub id: u64,
}

/// Texts.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_text_list {
    /// The first of them.
    pub items: *const *const c_char,
    /// How many there are.
    pub count: usize,
}

/// Entries.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_entry_list {
    /// The first of them.
    pub items: *const sr_entry,
    /// How many there are.
    pub count: usize,
}

/// Differences.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_difference_list {
    /// The first of them.
    pub items: *const sr_difference,
    /// How many there are.
    pub count: usize,
}

/// Keys.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_key_list {
    /// The first of them.
    pub items: *const sr_slot_info,
    /// How many there are.
    pub count: usize,
}

/// Devices.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_device_list {
    /// The first of them.
    pub items: *const sr_device_info,
    /// How many there are.
    pub count: usize,
}

/// Sessions.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_session_list {
    /// The first of them.
    pub items: *const sr_session_info,
    /// How many there are.
    pub count: usize,
}

/// What a device's request says.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_device_request {
    /// The device's id, to be compared with what the device itself shows.
    pub id: *const c_char,
    /// The name the device gives itself.
    pub name: *const c_char,
}

pub(crate) struct Entries(pub(crate) EntryListing);
pub(crate) struct Differences(pub(crate) DifferenceListing);
pub(crate) struct File(pub(crate) FileHandle);
pub(crate) struct SourceSlot(pub(crate) Mutex<Option<Source>>);

macro_rules! objects {
    ($($type:ty = $name:literal),* $(,)?) => { $(
        impl Object for $type {
            const NAME: &'static str = $name;
        }
    )* };
}

objects!(
    Backend = "storage",
    Secret = "secret",
    DeviceKey = "device key",
    Repository = "repository",
    SourceSlot = "source",
    Run = "run",
    Entries = "listing",
    Differences = "listing of differences",
    File = "file",
);

pub(crate) fn repository_of(handle: sr_repository, operation: &str) -> Result<Arc<Repository>> {
    get(handle.id, operation)
}

pub(crate) fn run_of(handle: sr_run, operation: &str) -> Result<Run> {
    if handle.id == 0 {
        return Ok(Run::default());
    }
    get::<Run>(handle.id, operation).map(|run| run.as_ref().clone())
}

/// The token of a run that was made before; none for no run.
pub(crate) fn token_of(handle: sr_run, operation: &str) -> Result<Option<CancelToken>> {
    let named = (handle.id != 0).then(|| get::<Run>(handle.id, operation)).transpose()?;
    Ok(named.map(|run| run.token().clone()))
}

pub(crate) fn role_of(number: sr_role, operation: &str) -> Result<Role> {
    Role::from_code(number).ok_or_else(|| Error::invalid(operation, format!("{number} is no role")))
}

pub(crate) fn source(source: Source) -> sr_source {
    sr_source { id: insert(SourceSlot(Mutex::new(Some(source)))) }
}

/// Uses a source up. Its handle is closed.
pub(crate) fn take_source(handle: sr_source, operation: &str) -> Result<Source> {
    let slot = get::<SourceSlot>(handle.id, operation)?;
    let taken = slot.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    remove::<SourceSlot>(handle.id);
    taken.ok_or_else(|| Error::closed(operation, "source"))
}

/// Hands a record out where it is wanted.
///
/// # Safety
/// `out` is NULL or can be written to.
pub(crate) unsafe fn tell<T: ToC>(out: *mut *const T::C, record: &T) {
    if !out.is_null() {
        // SAFETY: not NULL, and writable by the contract.
        unsafe { out.write(hand_out(record)) };
    }
}

pub(crate) fn text_list(list: &[String]) -> *const sr_text_list {
    hand_out_made(|arena: &mut Arena| sr_text_list { items: arena.text_list(list), count: list.len() })
}

/// Lets go of an object without a panic leaving: what is dropped may be the app's.
fn close<T: Object>(id: u64) {
    let _ = strongroom_bindings::guard::catch("close a handle", || {
        drop(remove::<T>(id));
        Ok(())
    });
}

/// Lets go of storage; repositories that were opened on it keep it. Closing twice, or nothing, is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn sr_backend_close(backend: sr_backend) {
    close::<Backend>(backend.id);
}

/// Lets go of a secret and wipes it. Closing twice, or nothing, is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn sr_secret_close(secret: sr_secret) {
    close::<Secret>(secret.id);
}

/// Lets go of a device's keys and wipes them. Closing twice, or nothing, is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn sr_device_key_close(key: sr_device_key) {
    close::<DeviceKey>(key.id);
}

/// Lets go of a repository. Operations that are under way go on to their end; listings and files that were opened live on.
/// Closing twice, or nothing, is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn sr_repository_close(repository: sr_repository) {
    close::<Repository>(repository.id);
}

/// Lets go of a source that was not used. Closing twice, or nothing, is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn sr_source_close(source: sr_source) {
    close::<SourceSlot>(source.id);
}

/// Lets go of a run; an operation that uses it goes on. Closing twice, or nothing, is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn sr_run_close(run: sr_run) {
    close::<Run>(run.id);
}

/// Ends a listing. Closing twice, or nothing, is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn sr_listing_close(listing: sr_listing) {
    close::<Entries>(listing.id);
}

/// Ends a listing of differences. Closing twice, or nothing, is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn sr_differences_close(differences: sr_differences) {
    close::<Differences>(differences.id);
}

/// Closes a file. Closing twice, or nothing, is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn sr_file_close(file: sr_file) {
    close::<File>(file.id);
}

/// Frees what the library handed out through an output: a record, a text, the `data` of bytes, an error. NULL, and what was
/// not handed out or was freed before, is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn sr_free(handed_out: *const c_void) {
    let _ = strongroom_bindings::guard::catch("free", || {
        crate::arena::free(handed_out);
        Ok(())
    });
}

/// The version of the library, such as "0.1.0". Lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn sr_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The stable name of an error kind, such as "not_found"; NULL for numbers that are none. Lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn sr_error_kind_name(kind: crate::enums::sr_error_kind) -> *const c_char {
    crate::enums::error_kind_name(kind).map_or(std::ptr::null(), |name| name.as_ptr())
}
