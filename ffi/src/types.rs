//! The small types everything is made of.

use crate::arena::{Arena, ToC};
use crate::enums::sr_error_kind;
use std::ffi::c_char;
use strongroom_bindings::Error;
use strongroom_bindings::records::Timestamp;

/// What a function says: `SR_OK`, or an error kind.
pub type sr_status = u32;

/// It went well. Outputs are written in this case only.
pub const SR_OK: u32 = 0;

/// Bytes of somebody else's. Where the library gives them, they are followed by a NUL that does not count, and live as long
/// as what they are part of; where it takes them, it copies what it keeps. `data` may be NULL when `length` is 0.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_bytes {
    /// The first of them.
    pub data: *const u8,
    /// How many there are.
    pub length: usize,
}

/// A point in time: seconds since 1970-01-01 00:00 UTC, may be negative, and nanoseconds below 10^9 after it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct sr_timestamp {
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds after them.
    pub nanos: u32,
}

impl From<Timestamp> for sr_timestamp {
    fn from(time: Timestamp) -> Self {
        sr_timestamp { seconds: time.seconds, nanos: time.nanos }
    }
}

impl From<sr_timestamp> for Timestamp {
    fn from(time: sr_timestamp) -> Self {
        Timestamp { seconds: time.seconds, nanos: time.nanos }
    }
}

/// What went wrong.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_error_record {
    /// What kind of failure it was.
    pub kind: sr_error_kind,
    /// The stable name of the kind.
    pub kind_name: *const c_char,
    /// The operation that failed, as a verb phrase.
    pub operation: *const c_char,
    /// The object, path or key it failed on. NULL when none is known.
    pub object: *const c_char,
    /// A sentence on what was wrong. NULL when there is none.
    pub detail: *const c_char,
    /// All of it in one line, for people.
    pub message: *const c_char,
    /// What lies behind it, the nearest first.
    pub causes: *const *const c_char,
    /// How many there are.
    pub causes_count: usize,
    /// Whether `retry_after_ms` is set: then the same call may succeed after so many milliseconds.
    pub has_retry_after_ms: bool,
    /// After how many milliseconds.
    pub retry_after_ms: u64,
    /// Whether `payload` is set.
    pub has_payload: bool,
    /// What the app's own function put into `sr_failure.payload`.
    pub payload: u64,
}

/// What a callback passes through an error, for its app to find again.
#[derive(Debug)]
pub(crate) struct Payload(pub(crate) u64);

impl ToC for Error {
    type C = sr_error_record;

    fn to_c(&self, arena: &mut Arena) -> sr_error_record {
        let payload = self.payload.as_ref().and_then(|payload| payload.downcast_ref::<Payload>());
        sr_error_record {
            kind: self.kind.code(),
            kind_name: arena.text(self.kind.name()),
            operation: arena.text(&self.operation),
            object: arena.maybe_text(self.object.as_deref()),
            detail: arena.maybe_text(self.detail.as_deref()),
            message: arena.text(&self.message),
            causes: arena.text_list(&self.causes),
            causes_count: self.causes.len(),
            has_retry_after_ms: self.retry_after_ms.is_some(),
            retry_after_ms: self.retry_after_ms.unwrap_or_default(),
            has_payload: payload.is_some(),
            payload: payload.map_or(0, |payload| payload.0),
        }
    }
}
