//! Signing in.

use super::Call;
use crate::account::keys::MasterKey;
use crate::account::opaque::client::{self, SignInState};
use crate::account::password::Password;
use crate::account::proof::SessionKey;
use crate::account::public_key::SIGN_IN_CONTEXT;
use crate::account::wire::{
    Base64Url, FinishSignIn, KnownDevice, Nonce, Request, SecretText, Session, SignInFinished, SignInId, SignInStarted,
    StartSignIn, VerifySecondFactor, check_email, known_device_message, normalise_email, read_response,
};
use crate::crypto::SecretBytes;
use crate::error::{Result, corrupt};
use crate::format::device::DeviceKey;
use std::fmt;

const OPERATION: &str = StartSignIn::OPERATION;

/// A sign-in that waits for the service's first answer.
#[derive(Debug)]
pub struct SignIn {
    password: Password,
    opaque: SignInState,
}

impl SignIn {
    /// Begins. A device that belongs to the account signs, so that it is not held up by strangers who guess; `now` is in
    /// milliseconds since 1970 UTC.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an address or password that cannot be.
    pub fn start(email: &str, password: Password, device: Option<&DeviceKey>, now: i64) -> Result<(Self, Call)> {
        let email = normalise_email(email);
        check_email(&email, "email", OPERATION)?;
        password.check(OPERATION)?;
        let (opaque, request) = client::start_sign_in(&password)?;
        let mut message = StartSignIn { email, opaque_request: Base64Url(request), device: None };
        if let Some(key) = device {
            let mut known = KnownDevice {
                device_id: key.id(),
                signed_at: now,
                nonce: Nonce::random()?,
                signature: Base64Url::default(),
            };
            let signature = key.signing().sign(SIGN_IN_CONTEXT, &known_device_message(&message, &known));
            known.signature = Base64Url(signature.to_vec());
            message.device = Some(known);
        }
        let call = Call::post("/v1/sign-in/start", &message)?;
        Ok((SignIn { password, opaque }, call))
    }

    /// Takes the answer. This stretches the password, which takes a moment.
    ///
    /// # Errors
    /// [`WrongKey`](crate::ErrorKind::WrongKey) when there is no account of that address with that password,
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for an answer that is none,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the service asks for weak stretching.
    pub fn answered(self, answer: &[u8]) -> Result<(SignInFinish, Call)> {
        let answer: SignInStarted = read_response(answer, OPERATION)?;
        let cost = answer.stretching.cost()?;
        let done = client::finish_sign_in(self.opaque, &self.password, &answer.opaque_response.0, cost)?;
        let message = FinishSignIn { sign_in_id: answer.sign_in_id, opaque_finalization: Base64Url(done.finalization) };
        let call = Call::post("/v1/sign-in/finish", &message)?;
        let keys = Keys { session: SessionKey::from_opaque(&done.session_key), export: done.export_key };
        Ok((SignInFinish { sign_in_id: answer.sign_in_id, keys }, call))
    }
}

/// What OPAQUE gave.
struct Keys {
    session: SessionKey,
    export: SecretBytes,
}

impl Keys {
    fn open(&self, answer: SignInFinished) -> Result<SignedIn> {
        let (Some(session), Some(wrap)) = (answer.session, answer.password_wrap) else {
            return Err(corrupt(OPERATION, "the service's answer holds neither a session nor a question"));
        };
        let master_key = MasterKey::unwrap_by_export_key(&wrap.0, &self.export)?;
        Ok(SignedIn { session, session_key: self.session.clone(), master_key })
    }
}

/// A sign-in that waits for the service's second answer.
pub struct SignInFinish {
    sign_in_id: SignInId,
    keys: Keys,
}

impl fmt::Debug for SignInFinish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInFinish").field("sign_in_id", &self.sign_in_id).finish_non_exhaustive()
    }
}

impl SignInFinish {
    /// Takes the answer.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for an answer that is none, [`WrongKey`](crate::ErrorKind::WrongKey) when
    /// the master key in it is not wrapped by this password.
    pub fn answered(self, answer: &[u8]) -> Result<SignInOutcome> {
        let answer: SignInFinished = read_response(answer, OPERATION)?;
        if answer.second_factor {
            return Ok(SignInOutcome::SecondFactor(PendingSecondFactor { sign_in: self }));
        }
        self.keys.open(answer).map(|signed_in| SignInOutcome::SignedIn(Box::new(signed_in)))
    }
}

/// What came of a password.
#[derive(Debug)]
pub enum SignInOutcome {
    /// That was all.
    SignedIn(Box<SignedIn>),
    /// The account asks for a second factor.
    SecondFactor(PendingSecondFactor),
}

/// A sign-in that waits for a code of the authenticator.
#[derive(Debug)]
pub struct PendingSecondFactor {
    sign_in: SignInFinish,
}

impl PendingSecondFactor {
    /// Sends a code. When the service refuses it, another may be tried.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when it is no code.
    pub fn verify(&self, code: &str) -> Result<Call> {
        let message = VerifySecondFactor { sign_in_id: self.sign_in.sign_in_id, code: SecretText::new(code.trim()) };
        Call::post("/v1/sign-in/second-factor", &message)
    }

    /// Takes the answer.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for an answer that is none, [`WrongKey`](crate::ErrorKind::WrongKey) when
    /// the master key in it is not wrapped by this password.
    pub fn answered(&self, answer: &[u8]) -> Result<SignedIn> {
        let answer: SignInFinished = read_response(answer, VerifySecondFactor::OPERATION)?;
        if answer.second_factor {
            return Err(corrupt(VerifySecondFactor::OPERATION, "the service asks for what it was given"));
        }
        self.sign_in.keys.open(answer)
    }
}

/// A session, and the key of all keys.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// What proves its requests.
    pub session_key: SessionKey,
    /// The master key.
    pub master_key: MasterKey,
}
