//! What operations return, as C structs: flat, read-only, and owned by the one allocation that was handed out.

mod care;
mod entries;
mod keys;
mod reports;
mod snapshots;

pub use care::*;
pub use entries::*;
pub use keys::*;
pub use reports::*;
pub use snapshots::*;

use crate::arena::{Arena, ToC};
use crate::types::{sr_bytes, sr_error_record};
use std::ffi::c_char;
use strongroom_bindings::records;

/// Bytes of a file or object: from `start` on and before `end`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_byte_range {
    /// The first of them.
    pub start: u64,
    /// The first behind them.
    pub end: u64,
}

impl ToC for records::ByteRange {
    type C = sr_byte_range;

    fn to_c(&self, _arena: &mut Arena) -> sr_byte_range {
        let records::ByteRange { start, end } = self;
        sr_byte_range { start: *start, end: *end }
    }
}

/// A value that an app attached under a name.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_attached {
    /// The name.
    pub name: *const c_char,
    /// The value.
    pub value: sr_bytes,
}

impl ToC for records::Attached {
    type C = sr_attached;

    fn to_c(&self, arena: &mut Arena) -> sr_attached {
        let records::Attached { name, value } = self;
        sr_attached { name: arena.text(name), value: arena.bytes(value) }
    }
}

/// Something in storage that could not be read, used or removed, and why.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_rejected {
    /// Its name or id.
    pub object: *const c_char,
    /// Why.
    pub error: sr_error_record,
}

impl ToC for records::Rejected {
    type C = sr_rejected;

    fn to_c(&self, arena: &mut Arena) -> sr_rejected {
        let records::Rejected { object, error } = self;
        sr_rejected { object: arena.text(object), error: error.to_c(arena) }
    }
}

/// An object in storage, and what is to be said about it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sr_object_note {
    /// Its name.
    pub object: *const c_char,
    /// What there is to say.
    pub detail: *const c_char,
}

impl ToC for records::ObjectNote {
    type C = sr_object_note;

    fn to_c(&self, arena: &mut Arena) -> sr_object_note {
        let records::ObjectNote { object, detail } = self;
        sr_object_note { object: arena.text(object), detail: arena.text(detail) }
    }
}
