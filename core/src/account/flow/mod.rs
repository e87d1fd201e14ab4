//! What a client does, step by step, without input or output: each step takes the service's answer and gives the next
//! request to send. A program with networking of its own drives them; [`AccountClient`](super::AccountClient) is one that does.
//!
//! Every step may be given anything as an answer. What does not fit is an error, and ends the flow.

mod devices;
mod password_change;
mod recovery;
mod registration;
mod sign_in;

pub use devices::{AddDevice, TokenRequest, open_master_key};
pub use password_change::PasswordChange;
pub use recovery::{Recovered, Recovery, RecoveryChallenge, RecoveryFinish};
pub use registration::{
    PendingRegistration, Registrant, Registration, RegistrationFinish, confirm_registration, read_confirmation,
};
pub use sign_in::{PendingSecondFactor, SignIn, SignInFinish, SignInOutcome, SignedIn};

use super::transport::Method;
use super::wire::{self, IdempotencyKey};
use crate::error::Result;
use std::fmt;

/// A request to send: JSON, or nothing, for one target.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub target: String,
    /// The body: JSON, or empty.
    pub body: Vec<u8>,
    /// Names a change. It stays the same when the call is sent again.
    pub idempotency_key: Option<IdempotencyKey>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} {})", self.method.name(), self.target)
    }
}

impl Call {
    /// Asks for something, which changes nothing.
    #[must_use]
    pub fn get(target: impl Into<String>) -> Self {
        Call { method: Method::Get, target: target.into(), body: Vec::new(), idempotency_key: None }
    }

    /// A change that says something.
    ///
    /// # Errors
    /// When the message breaks a rule of the protocol: [`wire::write_request`].
    pub fn change<T: wire::Request>(method: Method, target: impl Into<String>, message: &T) -> Result<Self> {
        Ok(Call { body: wire::write_request(message)?, ..Call::plain_change(method, target)? })
    }

    /// A change whose target says it all.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) when the system's random number generator fails.
    pub fn plain_change(method: Method, target: impl Into<String>) -> Result<Self> {
        let key = Some(IdempotencyKey::random()?);
        Ok(Call { method, target: target.into(), body: Vec::new(), idempotency_key: key })
    }

    /// [`change`](Self::change) by `POST`.
    pub(super) fn post<T: wire::Request>(target: impl Into<String>, message: &T) -> Result<Self> {
        Call::change(Method::Post, target, message)
    }
}

#[cfg(test)]
mod tests;
