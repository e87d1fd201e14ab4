//! Registration.

use super::Call;
use crate::account::keys::{MasterKey, recovery_public_key};
use crate::account::opaque::client::{self, RegistrationState};
use crate::account::password::Password;
use crate::account::wire::{
    AccountId, Base64Url, ConfirmRegistration, FinishRegistration, RegistrationConfirmed, RegistrationFinished,
    RegistrationId, RegistrationStarted, Request, SecretText, StartRegistration, check_email, check_name, check_text,
    normalise_email, read_response,
};
use crate::crypto::recovery::RecoveryCode;
use crate::error::{Result, corrupt};
use std::fmt;

const OPERATION: &str = StartRegistration::OPERATION;

/// What a person says to register, but for the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Registrant {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// E-mail address, as it was typed.
    pub email: String,
    /// The id of the plan.
    pub plan: String,
}

impl fmt::Debug for Registrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrant").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// A registration that waits for the service's first answer.
#[derive(Debug)]
pub struct Registration {
    registrant: Registrant,
    password: Password,
    opaque: RegistrationState,
}

impl Registration {
    /// Begins: checks what was typed, before anything is sent.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name, address or password that cannot be, and for a
    /// number that looks like a payment card's in any of them.
    pub fn start(mut registrant: Registrant, password: Password) -> Result<(Self, Call)> {
        registrant.email = normalise_email(&registrant.email);
        check_name(&registrant.first_name, "first_name", OPERATION)?;
        check_name(&registrant.last_name, "last_name", OPERATION)?;
        check_email(&registrant.email, "email", OPERATION)?;
        check_text(&registrant.plan, 64, "plan", OPERATION)?;
        password.check_new()?;
        let (opaque, request) = client::start_registration(&password)?;
        let message = StartRegistration { email: registrant.email.clone(), opaque_request: Base64Url(request) };
        let call = Call::post("/v1/registrations/start", &message)?;
        Ok((Registration { registrant, password, opaque }, call))
    }

    /// Takes the answer and makes the account's keys. This stretches the password, which takes a moment.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for an answer that is none,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the service asks for weak stretching.
    pub fn answered(self, answer: &[u8]) -> Result<(RegistrationFinish, Call)> {
        let answer: RegistrationStarted = read_response(answer, OPERATION)?;
        let cost = answer.stretching.cost()?;
        let done = client::finish_registration(self.opaque, &self.password, &answer.opaque_response.0, cost)?;
        let (master_key, recovery_code) = (MasterKey::generate()?, RecoveryCode::generate()?);
        let message = FinishRegistration {
            registration_id: answer.registration_id,
            first_name: self.registrant.first_name,
            last_name: self.registrant.last_name,
            email: self.registrant.email,
            plan: self.registrant.plan,
            opaque_upload: Base64Url(done.upload),
            password_wrap: Base64Url(master_key.wrap_by_export_key(&done.export_key)?),
            recovery_wrap: Base64Url(master_key.wrap_by_recovery_code(&recovery_code)?),
            recovery_public: recovery_public_key(&recovery_code),
            account_public: master_key.public_key(),
        };
        let call = Call::post("/v1/registrations/finish", &message)?;
        Ok((RegistrationFinish { registration_id: answer.registration_id, recovery_code }, call))
    }
}

/// A registration that waits for the service's second answer.
#[derive(Debug)]
pub struct RegistrationFinish {
    registration_id: RegistrationId,
    recovery_code: RecoveryCode,
}

impl RegistrationFinish {
    /// Takes the answer.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for an answer that is none.
    pub fn answered(self, answer: &[u8]) -> Result<PendingRegistration> {
        let answer: RegistrationFinished = read_response(answer, OPERATION)?;
        if answer.registration_id != self.registration_id {
            return Err(corrupt(OPERATION, "the service's answer is about another registration"));
        }
        Ok(PendingRegistration {
            registration_id: self.registration_id,
            confirm_by_at: answer.confirm_by_at,
            recovery_code: self.recovery_code,
        })
    }
}

/// A registration that waits for the code that was mailed.
#[derive(Debug)]
#[non_exhaustive]
pub struct PendingRegistration {
    /// Names it in [`confirm_registration`].
    pub registration_id: RegistrationId,
    /// Until when the code counts, in milliseconds since 1970 UTC.
    pub confirm_by_at: i64,
    /// What gets the person back in when the password is lost: to be shown once, and kept on paper.
    pub recovery_code: RecoveryCode,
}

/// Confirms a registration with the code that was mailed. The answer is read by [`read_confirmation`].
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when it is no code.
pub fn confirm_registration(registration_id: RegistrationId, code: &str) -> Result<Call> {
    let message = ConfirmRegistration { registration_id, code: SecretText::new(code.trim()) };
    Call::post("/v1/registrations/confirm", &message)
}

/// Reads the answer to [`confirm_registration`].
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt) for an answer that is none.
pub fn read_confirmation(answer: &[u8]) -> Result<AccountId> {
    let answer: RegistrationConfirmed = read_response(answer, ConfirmRegistration::OPERATION)?;
    Ok(answer.account_id)
}
