//! Memory that is handed to C: everything that belongs to one result hangs on one pointer, and is freed by it.

use crate::types::sr_bytes;
use std::any::Any;
use std::collections::HashMap;
use std::ffi::{CString, c_char, c_void};
use std::ptr;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// Makes the C form of a value, whose parts live in an arena.
pub(crate) trait ToC {
    /// The C form.
    type C: 'static;

    fn to_c(&self, arena: &mut Arena) -> Self::C;
}

/// The parts of one result.
#[derive(Default)]
pub(crate) struct Arena {
    parts: Vec<Box<dyn Any>>,
}

// SAFETY: the parts are C structs of numbers and pointers into other parts of the same arena, and owned bytes. Between
// `hand_out` and `free` nothing in here touches them; `free` only drops them, on whichever thread it is called.
unsafe impl Send for Arena {}

/// What is handed out and not yet freed, by its address.
static HANDED_OUT: Mutex<Option<HashMap<usize, Arena>>> = Mutex::new(None);

impl Arena {
    /// Keeps `items` where they are until the arena is freed.
    fn keep<T: 'static>(&mut self, items: Vec<T>) -> *const T {
        let items = items.into_boxed_slice();
        let start = if items.is_empty() { ptr::null() } else { items.as_ptr() };
        self.parts.push(Box::new(items));
        start
    }

    /// Text that ends in NUL. NUL within it, which no text of the engine's own has, is shown as the replacement character.
    pub(crate) fn text(&mut self, text: &str) -> *const c_char {
        let made = CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default();
        let start = made.as_ptr();
        self.parts.push(Box::new(made));
        start
    }

    pub(crate) fn maybe_text(&mut self, text: Option<&str>) -> *const c_char {
        text.map_or(ptr::null(), |text| self.text(text))
    }

    /// Text that is wiped when it is freed.
    pub(crate) fn secret_text(&mut self, text: &str) -> *const c_char {
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() + 1));
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        let start = bytes.as_ptr().cast();
        self.parts.push(Box::new(bytes));
        start
    }

    /// Bytes that are wiped when they are freed.
    pub(crate) fn secret_bytes(&mut self, bytes: &[u8]) -> sr_bytes {
        let kept = Zeroizing::new(bytes.to_vec());
        let made = sr_bytes { data: kept.as_ptr(), length: kept.len() };
        self.parts.push(Box::new(kept));
        made
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> sr_bytes {
        // One more than there are, so that there is an address even for none, and text in them ends in NUL.
        let mut kept = Vec::with_capacity(bytes.len() + 1);
        kept.extend_from_slice(bytes);
        kept.push(0);
        sr_bytes { data: self.keep(kept), length: bytes.len() }
    }

    pub(crate) fn maybe_bytes(&mut self, bytes: Option<&[u8]>) -> sr_bytes {
        bytes.map_or(sr_bytes { data: ptr::null(), length: 0 }, |bytes| self.bytes(bytes))
    }

    pub(crate) fn bytes_list(&mut self, list: &[Vec<u8>]) -> *const sr_bytes {
        let made = list.iter().map(|bytes| self.bytes(bytes)).collect();
        self.keep(made)
    }

    pub(crate) fn text_list(&mut self, list: &[String]) -> *const *const c_char {
        let made = list.iter().map(|text| self.text(text)).collect();
        self.keep(made)
    }

    pub(crate) fn list<T: ToC>(&mut self, list: &[T]) -> *const T::C {
        let made = list.iter().map(|one| one.to_c(self)).collect();
        self.keep(made)
    }

    pub(crate) fn maybe<T: ToC>(&mut self, one: Option<&T>) -> *const T::C {
        let Some(one) = one else { return ptr::null() };
        let made = vec![one.to_c(self)];
        self.keep(made)
    }

    /// Makes the arena the owner of what `root` points to, and `root` what it is freed by.
    fn hand_out<T>(self, root: *const T) -> *const T {
        let mut table = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
        table.get_or_insert_with(HashMap::new).insert(root.addr(), self);
        root
    }
}

/// Hands out one record.
pub(crate) fn hand_out<T: ToC>(one: &T) -> *const T::C {
    let mut arena = Arena::default();
    let root = arena.maybe(Some(one));
    arena.hand_out(root)
}

/// Hands out a text.
pub(crate) fn hand_out_text(text: &str) -> *const c_char {
    let mut arena = Arena::default();
    let root = arena.text(text);
    arena.hand_out(root)
}

/// Hands out a text that is wiped when it is freed.
pub(crate) fn hand_out_secret_text(text: &str) -> *const c_char {
    let mut arena = Arena::default();
    let root = arena.secret_text(text);
    arena.hand_out(root)
}

/// Hands out bytes; they are freed by their address.
pub(crate) fn hand_out_bytes(bytes: &[u8]) -> sr_bytes {
    let mut arena = Arena::default();
    let made = arena.bytes(bytes);
    arena.hand_out(made.data);
    made
}

/// Hands out bytes that are wiped when they are freed.
pub(crate) fn hand_out_secret_bytes(bytes: &[u8]) -> sr_bytes {
    let mut arena = Arena::default();
    let made = arena.secret_bytes(bytes);
    arena.hand_out(made.data);
    made
}

/// Hands out what `make` makes.
pub(crate) fn hand_out_made<T: 'static>(make: impl FnOnce(&mut Arena) -> T) -> *const T {
    let mut arena = Arena::default();
    let made = make(&mut arena);
    let root = arena.keep(vec![made]);
    arena.hand_out(root)
}

/// Frees what was handed out by this address. What was not, or was freed before, is left alone.
pub(crate) fn free(root: *const c_void) {
    let arena = {
        let mut table = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
        table.as_mut().and_then(|table| table.remove(&root.addr()))
    };
    drop(arena);
}
