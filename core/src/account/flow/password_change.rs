//! Changing the password.

use super::Call;
use crate::account::keys::MasterKey;
use crate::account::opaque::client::{self, RegistrationState};
use crate::account::password::Password;
use crate::account::wire::{
    Base64Url, ChangePassword, ChangePasswordStarted, Request, StartPasswordChange, read_response,
};
use crate::error::Result;

/// A change that waits for the service's answer.
#[derive(Debug)]
pub struct PasswordChange {
    password: Password,
    opaque: RegistrationState,
}

impl PasswordChange {
    /// Begins.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a password that cannot be.
    pub fn start(password: Password) -> Result<(Self, Call)> {
        password.check_new()?;
        let (opaque, request) = client::start_registration(&password)?;
        let message = StartPasswordChange { opaque_request: Base64Url(request) };
        let call = Call::post("/v1/profile/password/start", &message)?;
        Ok((PasswordChange { password, opaque }, call))
    }

    /// Takes the answer, and wraps the master key anew: the account stays what it is. This stretches the password, which
    /// takes a moment. The answer to the call says nothing.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for an answer that is none,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the service asks for weak stretching.
    pub fn answered(self, answer: &[u8], master_key: &MasterKey) -> Result<Call> {
        let answer: ChangePasswordStarted = read_response(answer, StartPasswordChange::OPERATION)?;
        let cost = answer.stretching.cost()?;
        let done = client::finish_registration(self.opaque, &self.password, &answer.opaque_response.0, cost)?;
        let message = ChangePassword {
            opaque_upload: Base64Url(done.upload),
            password_wrap: Base64Url(master_key.wrap_by_export_key(&done.export_key)?),
        };
        Call::post("/v1/profile/password/finish", &message)
    }
}
