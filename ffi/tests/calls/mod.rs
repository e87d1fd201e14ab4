//! Calls of the C interface in an order that bytes say, with handles that are open, closed, of another kind or none, and
//! arguments that make sense or not. Played by the tests and by the fuzz target `c_interface`.
//!
//! What C can do wrong and no library can notice (memory that is not there, a struct of another type) is left out.

use std::ffi::{c_char, c_void};
use std::ptr;
use strongroom_ffi::api::{care::*, files::*, keys::*, look::*, repository::*, sources::*, storage::*, work::*};
use strongroom_ffi::callbacks::{sr_failure, sr_reader_callbacks, sr_writer_callbacks};
use strongroom_ffi::objects::*;
use strongroom_ffi::options::*;
use strongroom_ffi::records::{sr_backup_report, sr_snapshot_listing};
use strongroom_ffi::types::{SR_OK, sr_bytes, sr_error_record, sr_status};

/// The bytes that say what to do; zeros when they are used up.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }
}

/// Every handle that was ever given out, open or closed.
#[derive(Default)]
struct World {
    handles: Vec<u64>,
    /// Ids of snapshots, as C text.
    snapshots: Vec<Vec<u8>>,
}

impl World {
    /// Some handle: mostly one that was given out, at times a number that is none.
    fn handle(&self, script: &mut Script<'_>) -> u64 {
        let choice = usize::from(script.byte());
        match self.handles.len() {
            0 => script.number(),
            _ if choice >= 250 => script.number(),
            _ if choice >= 245 => 0,
            length => self.handles[choice % length],
        }
    }

    fn given(&mut self, status: sr_status, id: u64) {
        if status == SR_OK {
            assert_ne!(id, 0);
            self.handles.push(id);
        }
    }

    fn snapshot(&self, script: &mut Script<'_>) -> *const c_char {
        let choice = usize::from(script.byte());
        match self.snapshots.len() {
            0 => c"00".as_ptr(),
            _ if choice > 250 => ptr::null(),
            _ if choice > 245 => c"\xff".as_ptr(),
            length => self.snapshots[choice % length].as_ptr().cast(),
        }
    }

    fn path(&self, script: &mut Script<'_>) -> sr_bytes {
        let paths: [&'static [u8]; 7] = [b"file", b"", b"../x", b"a\0b", b"\xff/\xfe", b"folder/file", b"/"];
        let path = paths[usize::from(script.byte()) % paths.len()];
        sr_bytes { data: path.as_ptr(), length: path.len() }
    }
}

fn bytes(text: &'static [u8]) -> sr_bytes {
    sr_bytes { data: text.as_ptr(), length: text.len() }
}

/// A stream of so many bytes, which at the end says what it was told to.
struct Stream {
    left: usize,
    end: u8,
    reenter: u64,
}

unsafe extern "C" fn read_stream(
    data: *mut c_void,
    buffer: *mut u8,
    length: usize,
    count: *mut usize,
    failure: *mut sr_failure,
) -> sr_status {
    // SAFETY: what `sr_source_reader` was given, below.
    let stream = unsafe { &mut *data.cast::<Stream>() };
    // Functions of the app may call the library and close what is in use.
    let mut id = ptr::null();
    // SAFETY: `id` can be written to.
    unsafe { sr_repository_id(sr_repository { id: stream.reenter }, &raw mut id, ptr::null_mut()) };
    sr_free(id.cast());
    let given = length.min(stream.left);
    stream.left -= given;
    // SAFETY: the library gives a buffer of `length` bytes, a count and a failure.
    unsafe {
        ptr::write_bytes(buffer, 7, given);
        count.write(given);
        if stream.left == 0 {
            match stream.end % 5 {
                1 => return 102,
                2 => count.write(length + 1),
                3 => {
                    (*failure).has_payload = true;
                    (*failure).payload = 9;
                    return 9999;
                }
                4 => sr_repository_close(sr_repository { id: stream.reenter }),
                _ => {}
            }
        }
    }
    SR_OK
}

unsafe extern "C" fn drop_stream(data: *mut c_void) {
    // SAFETY: made by `Box::into_raw`, and dropped once.
    drop(unsafe { Box::from_raw(data.cast::<Stream>()) });
}

unsafe extern "C" fn write_some(data: *mut c_void, _: *const u8, _: usize, _: *mut sr_failure) -> sr_status {
    // SAFETY: the number that `sr_export_tar` was given, below.
    unsafe { *data.cast::<u32>() }
}

/// Options in which nothing is set but the size, which is right unless the script says otherwise.
macro_rules! options {
    ($type:ident, $script:expr) => {{
        // All of its bits zero are a value of every struct of options.
        let mut made: $type = std::mem::zeroed();
        made.struct_size = match $script.byte() {
            255 => 0,
            254 => usize::MAX,
            253 => size_of::<usize>(),
            _ => size_of::<$type>(),
        };
        made
    }};
}

/// Plays a script; whatever it says, nothing crashes and every error has a kind.
pub(crate) fn play(data: &[u8]) {
    let mut script = Script(data);
    let mut world = World::default();
    for _ in 0..48 {
        if script.0.is_empty() {
            break;
        }
        let mut error: *const sr_error_record = ptr::null();
        // SAFETY: every pointer below is NULL or to something of ours that lives until the call returns.
        let status = unsafe { call(&mut script, &mut world, &raw mut error) };
        if status == SR_OK {
            assert!(error.is_null());
        } else if !error.is_null() {
            // SAFETY: written by the library, and not freed yet.
            let kind = unsafe { (*error).kind };
            assert_eq!(kind, status);
            assert_ne!(kind, 18, "the library panicked, or says that it is wrong");
            sr_free(error.cast());
            sr_free(error.cast());
        }
    }
    for id in world.handles {
        sr_repository_close(sr_repository { id });
        sr_backend_close(sr_backend { id });
        sr_secret_close(sr_secret { id });
        sr_source_close(sr_source { id });
        sr_run_close(sr_run { id });
        sr_listing_close(sr_listing { id });
        sr_differences_close(sr_differences { id });
        sr_file_close(sr_file { id });
        sr_device_key_close(sr_device_key { id });
    }
}

/// # Safety
/// `error` can be written to.
unsafe fn call(script: &mut Script<'_>, world: &mut World, error: *mut *const sr_error_record) -> sr_status {
    let repository = |script: &mut Script<'_>, world: &World| sr_repository { id: world.handle(script) };
    // SAFETY: see `play`.
    unsafe {
        match script.byte() % 32 {
            0 => {
                let mut out = sr_backend { id: 0 };
                let status = sr_backend_memory(&raw mut out, error);
                world.given(status, out.id);
                status
            }
            1 => {
                let mut out = sr_secret { id: 0 };
                let key = if script.byte() > 250 { bytes(b"short") } else { bytes(&[7; 32]) };
                let status = sr_secret_account_key(key, &raw mut out, error);
                world.given(status, out.id);
                status
            }
            2 | 3 => {
                let (backend, secret) = (world.handle(script), world.handle(script));
                let (backend, secret) = (sr_backend { id: backend }, sr_secret { id: secret });
                let options = options!(sr_create_options, script);
                let mut out = sr_repository { id: 0 };
                let status =
                    sr_repository_create(backend, secret, &raw const options, ptr::null(), &raw mut out, error);
                world.given(status, out.id);
                status
            }
            4 => {
                let (backend, secret) = (world.handle(script), world.handle(script));
                let (backend, secret) = (sr_backend { id: backend }, sr_secret { id: secret });
                let mut out = sr_repository { id: 0 };
                let status = sr_repository_open(backend, secret, ptr::null(), ptr::null(), &raw mut out, error);
                world.given(status, out.id);
                status
            }
            5 | 6 => {
                let mut options = options!(sr_stream_options, script);
                options.path = world.path(script);
                let mut out = sr_source { id: 0 };
                let status = sr_source_bytes(&raw const options, bytes(b"some content"), &raw mut out, error);
                world.given(status, out.id);
                status
            }
            7 => {
                let mut options = options!(sr_stream_options, script);
                options.path = world.path(script);
                let stream = Stream {
                    left: usize::from(script.byte()) * 300,
                    end: script.byte(),
                    reenter: world.handle(script),
                };
                let data = Box::into_raw(Box::new(stream)).cast::<c_void>();
                let mut reader = options!(sr_reader_callbacks, script);
                reader.user_data = data;
                reader.read = Some(read_stream);
                reader.drop = Some(drop_stream);
                let mut out = sr_source { id: 0 };
                let status = sr_source_reader(&raw const options, &raw const reader, &raw mut out, error);
                if status != SR_OK {
                    drop_stream(data);
                }
                world.given(status, out.id);
                status
            }
            8..=11 => {
                let (repository, source) = (repository(script, world), world.handle(script));
                let (source, run) = (sr_source { id: source }, sr_run { id: 0 });
                let options = options!(sr_backup_options, script);
                let mut report: *const sr_backup_report = ptr::null();
                let status = sr_backup(repository, source, &raw const options, run, &raw mut report, error);
                if status == SR_OK {
                    if let Some(id) = (*report).snapshot.as_ref() {
                        world.snapshots.push(std::ffi::CStr::from_ptr(id).to_bytes_with_nul().to_vec());
                    }
                    sr_free(report.cast());
                }
                status
            }
            12 => {
                let mut listing: *const sr_snapshot_listing = ptr::null();
                let filter = options!(sr_snapshot_filter, script);
                let status = sr_snapshots(repository(script, world), &raw const filter, &raw mut listing, error);
                sr_free(listing.cast());
                status
            }
            13 | 14 => {
                let mut out = sr_listing { id: 0 };
                let (repository, snapshot) = (repository(script, world), world.snapshot(script));
                let (path, deep) = (world.path(script), script.byte() & 1 == 0);
                let status = sr_list(repository, snapshot, path, deep, &raw mut out, error);
                world.given(status, out.id);
                status
            }
            15 => {
                let mut out = ptr::null();
                let most = usize::try_from(script.number()).unwrap();
                let status = sr_listing_next(sr_listing { id: world.handle(script) }, most, &raw mut out, error);
                sr_free(out.cast());
                status
            }
            16 => {
                let mut out = sr_file { id: 0 };
                let (repository, snapshot) = (repository(script, world), world.snapshot(script));
                let status = sr_open_file(repository, snapshot, world.path(script), &raw mut out, error);
                world.given(status, out.id);
                status
            }
            17 | 18 => {
                let (mut buffer, mut count) = ([0; 64], 0);
                let (offset, file) = (script.number(), sr_file { id: world.handle(script) });
                let length = usize::from(script.byte() % 65);
                let status = sr_file_read_at(file, offset, buffer.as_mut_ptr(), length, &raw mut count, error);
                assert!(count <= length);
                status
            }
            19 => {
                let mut out = sr_differences { id: 0 };
                let (repository, before) = (repository(script, world), world.snapshot(script));
                let run = sr_run { id: if script.byte() & 1 == 0 { 0 } else { world.handle(script) } };
                let status = sr_diff(repository, before, world.snapshot(script), run, &raw mut out, error);
                world.given(status, out.id);
                status
            }
            20 => {
                let mut out = ptr::null();
                let differences = sr_differences { id: world.handle(script) };
                let status = sr_differences_next(differences, 10, &raw mut out, error);
                sr_free(out.cast());
                status
            }
            21 => {
                let answer: u32 = if script.byte() & 1 == 0 { 0 } else { 12 };
                let mut writer = options!(sr_writer_callbacks, script);
                writer.user_data = (&raw const answer).cast_mut().cast();
                writer.write = Some(write_some);
                let (repository, snapshot) = (repository(script, world), world.snapshot(script));
                let (path, run) = (world.path(script), sr_run { id: world.handle(script) });
                sr_export_tar(repository, snapshot, path, &raw const writer, run, ptr::null_mut(), error)
            }
            22 => {
                let tags = [c"one".as_ptr(), world.snapshot(script)];
                let (repository, snapshot) = (repository(script, world), world.snapshot(script));
                let count = usize::from(script.byte() % 3);
                sr_tag(repository, snapshot, tags.as_ptr(), count, ptr::null(), 0, ptr::null_mut(), error)
            }
            23 => {
                let ids = [world.snapshot(script)];
                let mut options = options!(sr_forget_options, script);
                (options.snapshots, options.snapshots_count) = (ids.as_ptr(), 1);
                let repository = repository(script, world);
                sr_forget(repository, &raw const options, sr_run { id: 0 }, ptr::null_mut(), error)
            }
            24 => {
                let options = options!(sr_check_options, script);
                let repository = repository(script, world);
                sr_check(repository, &raw const options, sr_run { id: 0 }, ptr::null_mut(), error)
            }
            25 => {
                let mut out = ptr::null();
                let status = sr_keys(repository(script, world), &raw mut out, error);
                sr_free(out.cast());
                status
            }
            26 => {
                let mut out = sr_run { id: 0 };
                let budget = options!(sr_budget, script);
                let status = sr_run_new(&raw const budget, None, ptr::null_mut(), &raw mut out, error);
                world.given(status, out.id);
                status
            }
            27 => sr_run_cancel(sr_run { id: world.handle(script) }, error),
            28 => {
                let options = options!(sr_prune_options, script);
                let repository = repository(script, world);
                sr_prune(repository, &raw const options, sr_run { id: 0 }, ptr::null_mut(), error)
            }
            29 => {
                let known: [sr_bytes; 2] = [bytes(b"name"), sr_bytes { data: ptr::null(), length: 3 }];
                let source = sr_source { id: world.handle(script) };
                sr_source_known_as(source, known.as_ptr(), usize::from(script.byte() % 3), error)
            }
            kind => {
                let id = world.handle(script);
                match (kind, script.byte() % 5) {
                    (_, 0) => sr_repository_close(sr_repository { id }),
                    (_, 1) => sr_source_close(sr_source { id }),
                    (_, 2) => sr_file_close(sr_file { id }),
                    (_, 3) => sr_listing_close(sr_listing { id }),
                    _ => sr_backend_close(sr_backend { id }),
                }
                SR_OK
            }
        }
    }
}
