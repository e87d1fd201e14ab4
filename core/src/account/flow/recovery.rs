//! Getting back in with the recovery code.

use super::Call;
use crate::account::keys::{MasterKey, prove_recovery, recovery_public_key};
use crate::account::opaque::client::{self, RegistrationState};
use crate::account::password::Password;
use crate::account::wire::{
    Base64Url, FinishRecovery, Nonce, ProveRecovery, RecoveryId, RecoveryProved, RecoveryStarted, Request, SecretText,
    StartRecovery, check_email, normalise_email, read_response,
};
use crate::crypto::recovery::RecoveryCode;
use crate::error::Result;

const OPERATION: &str = StartRecovery::OPERATION;

/// A recovery that waits for the service's first answer.
#[derive(Debug)]
pub struct Recovery(());

impl Recovery {
    /// Begins: the service mails a code.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an address that cannot be.
    pub fn start(email: &str) -> Result<(Self, Call)> {
        let email = normalise_email(email);
        check_email(&email, "email", OPERATION)?;
        let call = Call::post("/v1/recovery/start", &StartRecovery { email })?;
        Ok((Recovery(()), call))
    }

    /// Takes the answer.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for an answer that is none.
    pub fn answered(self, answer: &[u8]) -> Result<RecoveryChallenge> {
        let answer: RecoveryStarted = read_response(answer, OPERATION)?;
        Ok(RecoveryChallenge { recovery_id: answer.recovery_id, challenge: answer.challenge })
    }
}

/// A recovery that waits for the person: for the code that was mailed, the recovery code and a new password.
#[derive(Debug, Clone)]
pub struct RecoveryChallenge {
    recovery_id: RecoveryId,
    challenge: Nonce,
}

impl RecoveryChallenge {
    /// Shows that mail and recovery code are at hand. The recovery code itself stays here.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a code or password that cannot be.
    pub fn prove(&self, mailed: &str, code: RecoveryCode, password: Password) -> Result<(RecoveryFinish, Call)> {
        password.check_new()?;
        let (opaque, request) = client::start_registration(&password)?;
        let message = ProveRecovery {
            recovery_id: self.recovery_id,
            code: SecretText::new(mailed.trim()),
            signature: prove_recovery(&code, &self.recovery_id, &self.challenge),
            opaque_request: Base64Url(request),
        };
        let call = Call::post("/v1/recovery/prove", &message)?;
        Ok((RecoveryFinish { recovery_id: self.recovery_id, code, password, opaque }, call))
    }
}

/// A recovery that waits for the service's answer to the proof.
#[derive(Debug)]
pub struct RecoveryFinish {
    recovery_id: RecoveryId,
    code: RecoveryCode,
    password: Password,
    opaque: RegistrationState,
}

impl RecoveryFinish {
    /// Takes the answer: opens the master key, and wraps it for the new password and a new recovery code. This stretches
    /// the password, which takes a moment. The answer to the call says nothing; only when it succeeded is the new
    /// recovery code the one that counts.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for an answer that is none, [`WrongKey`](crate::ErrorKind::WrongKey) when
    /// the wrap in it is not of this recovery code, [`Unsupported`](crate::ErrorKind::Unsupported) when the service asks
    /// for weak stretching.
    pub fn answered(self, answer: &[u8]) -> Result<(Recovered, Call)> {
        let answer: RecoveryProved = read_response(answer, OPERATION)?;
        let cost = answer.stretching.cost()?;
        let master_key = MasterKey::unwrap_by_recovery_code(&answer.recovery_wrap.0, &self.code)?;
        let done = client::finish_registration(self.opaque, &self.password, &answer.opaque_response.0, cost)?;
        let recovery_code = RecoveryCode::generate()?;
        let message = FinishRecovery {
            recovery_id: self.recovery_id,
            opaque_upload: Base64Url(done.upload),
            password_wrap: Base64Url(master_key.wrap_by_export_key(&done.export_key)?),
            recovery_wrap: Base64Url(master_key.wrap_by_recovery_code(&recovery_code)?),
            recovery_public: recovery_public_key(&recovery_code),
        };
        let call = Call::post("/v1/recovery/finish", &message)?;
        Ok((Recovered { recovery_code, master_key }, call))
    }
}

/// What a recovery gives once the service has taken its last call.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// The new recovery code: to be shown once, and kept on paper in place of the old one.
    pub recovery_code: RecoveryCode,
    /// The master key, the same as before.
    pub master_key: MasterKey,
}
