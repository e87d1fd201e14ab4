//! Accounts: how they come to be, how people and devices get in, and what they say of themselves.

pub(crate) mod devices;
pub(crate) mod letters;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod recovery;
pub(crate) mod registration;
pub(crate) mod second_factor;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod tries;

use crate::app::App;
use crate::problem::Problem;
use crate::text::hex;
use strongroom::ErrorKind;
use strongroom::account::wire::{SecretText, normalise_email};
use subtle::ConstantTimeEq;

/// Tries that a code of eight digits allows.
pub(crate) const CODE_TRIES: i64 = 5;

/// What an address is looked up by.
pub(crate) fn email_hash(app: &App, email: &str) -> String {
    hex(&app.key.keyed_hash("email", normalise_email(email).as_bytes()))
}

/// What a code is compared by: `object` is what it was mailed for.
pub(crate) fn code_hash(app: &App, object: &str, code: &str) -> String {
    hex(&app.key.keyed_hash("code", format!("{object}/{code}").as_bytes()))
}

/// Whether a code is the one whose hash is stored.
pub(crate) fn is_code(app: &App, object: &str, code: &SecretText, stored: &str) -> bool {
    code_hash(app, object, code.expose()).as_bytes().ct_eq(stored.as_bytes()).into()
}

/// A code or a password was wrong.
pub(crate) fn wrong(operation: &'static str, detail: &'static str) -> Problem {
    Problem::new(ErrorKind::WrongKey, operation, detail)
}
