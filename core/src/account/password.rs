//! The password of an account. It never leaves the device.

use super::wire::looks_like_card_number;
use crate::error::{Result, invalid};
use std::fmt;
use zeroize::Zeroizing;

/// Fewest characters of a password that is set (NIST SP 800-63B, section 3.1.1.2, with a second factor on offer).
const MIN_CHARACTERS: usize = 8;
/// Longest password, in bytes.
const MAX_BYTES: usize = 1024;

/// A password. Never part of `Debug` or any message, and wiped from memory when dropped.
///
/// Its bytes count as they are: the same letters in another Unicode normalization form are another password.
#[derive(Clone)]
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// A password as it was typed.
    #[must_use]
    pub fn new(password: impl Into<Vec<u8>>) -> Self {
        Password(Zeroizing::new(password.into()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Checks a password that is to be set: at least 8 characters, at most 1,024 bytes, and not a payment card's number.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument), without repeating it.
    pub fn check_new(&self) -> Result<()> {
        let operation = "set a password";
        self.check(operation)?;
        let text = String::from_utf8_lossy(&self.0);
        if text.chars().count() < MIN_CHARACTERS {
            return Err(invalid(operation, "a password has at least 8 characters"));
        }
        if looks_like_card_number(&text) {
            return Err(invalid(operation, "it looks like the number of a payment card, which is no secret"));
        }
        Ok(())
    }

    /// Checks a password that is given to sign in.
    pub(crate) fn check(&self, operation: &'static str) -> Result<()> {
        if self.0.is_empty() || self.0.len() > MAX_BYTES {
            return Err(invalid(operation, "a password is not empty and has at most 1,024 bytes"));
        }
        Ok(())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_are_set_have_bounds_and_are_not_shown() {
        for good in ["correct horse", "пароль-пароль", "12345678"] {
            Password::new(good).check_new().unwrap();
        }
        for bad in ["", "1234567", "日本語", "4111 1111 1111 1111", &"x".repeat(1025)] {
            let error = Password::new(bad).check_new().unwrap_err();
            assert!(bad.is_empty() || !format!("{error:?}").contains(bad));
        }
        assert!(!format!("{:?}", Password::new("correct horse")).contains("horse"));
        assert!(Password::new("short").check("sign in").is_ok());
    }
}
