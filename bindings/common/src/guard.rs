//! The boundary that no panic crosses.

use crate::enums::ErrorKind;
use crate::error::{Error, Result};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Runs `work`; a panic becomes an error of kind internal.
///
/// # Errors
/// Those of `work`, and [`Internal`](ErrorKind::Internal).
pub fn catch<T>(operation: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let detail = format!("it panicked: {}", panic_text(panic.as_ref()));
        Err(Error::new(ErrorKind::Internal, operation, detail))
    })
}
