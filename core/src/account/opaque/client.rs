//! The client's steps of OPAQUE, over bytes.

use super::{Argon2id, CONTEXT, Generator, Suite};
use crate::account::password::Password;
use crate::crypto::SecretBytes;
use crate::crypto::password::Cost;
use crate::error::{Error, ErrorKind, Result, corrupt, internal};
use opaque_ke::errors::ProtocolError;
use opaque_ke::{
    ClientLogin, ClientLoginFinishParameters, ClientRegistration, ClientRegistrationFinishParameters,
    CredentialResponse, Identifiers, RegistrationResponse,
};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// What a client keeps while a password is set.
pub(crate) struct RegistrationState(ClientRegistration<Suite>);

/// What a client keeps while somebody signs in.
pub(crate) struct SignInState(ClientLogin<Suite>);

#[cfg(test)]
impl RegistrationState {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.serialize().to_vec()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        RegistrationState(ClientRegistration::deserialize(bytes).unwrap())
    }
}

#[cfg(test)]
impl SignInState {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.serialize().to_vec()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        SignInState(ClientLogin::deserialize(bytes).unwrap())
    }
}

impl fmt::Debug for RegistrationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistrationState(..)")
    }
}

impl fmt::Debug for SignInState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInState(..)")
    }
}

/// A password that is set.
pub(crate) struct Registered {
    pub(crate) upload: Vec<u8>,
    pub(crate) export_key: SecretBytes,
}

/// A password that is right.
pub(crate) struct Proved {
    pub(crate) finalization: Vec<u8>,
    pub(crate) session_key: SecretBytes,
    pub(crate) export_key: SecretBytes,
}

pub(crate) fn start_registration(password: &Password) -> Result<(RegistrationState, Vec<u8>)> {
    let started = ClientRegistration::<Suite>::start(&mut Generator::new()?, password.bytes())
        .map_err(|error| failure(&error, SET))?;
    Ok((RegistrationState(started.state), started.message.serialize().to_vec()))
}

pub(crate) fn finish_registration(
    state: RegistrationState,
    password: &Password,
    response: &[u8],
    cost: Cost,
) -> Result<Registered> {
    let response = RegistrationResponse::<Suite>::deserialize(response).map_err(|_| no_message(SET))?;
    let stretching = Argon2id::new(cost);
    let parameters = ClientRegistrationFinishParameters::new(Identifiers::default(), Some(&stretching));
    let mut done = state
        .0
        .finish(&mut Generator::new()?, password.bytes(), response, parameters)
        .map_err(|error| failure(&error, SET))?;
    let upload = done.message.serialize().to_vec();
    Ok(Registered { upload, export_key: taken(&mut done.export_key) })
}

pub(crate) fn start_sign_in(password: &Password) -> Result<(SignInState, Vec<u8>)> {
    let started = ClientLogin::<Suite>::start(&mut Generator::new()?, password.bytes())
        .map_err(|error| failure(&error, SIGN_IN))?;
    Ok((SignInState(started.state), started.message.serialize().to_vec()))
}

pub(crate) fn finish_sign_in(state: SignInState, password: &Password, response: &[u8], cost: Cost) -> Result<Proved> {
    let response = CredentialResponse::<Suite>::deserialize(response).map_err(|_| no_message(SIGN_IN))?;
    let stretching = Argon2id::new(cost);
    let parameters = ClientLoginFinishParameters::new(Some(CONTEXT), Identifiers::default(), Some(&stretching));
    let mut done = state
        .0
        .finish(&mut Generator::new()?, password.bytes(), response, parameters)
        .map_err(|error| failure(&error, SIGN_IN))?;
    Ok(Proved {
        finalization: done.message.serialize().to_vec(),
        session_key: taken(&mut done.session_key),
        export_key: taken(&mut done.export_key),
    })
}

const SET: &str = "set a password";
const SIGN_IN: &str = "sign in";

/// Moves a key to where it is wiped, and wipes where it was.
fn taken(key: &mut [u8]) -> SecretBytes {
    let taken = Zeroizing::new(key.to_vec());
    key.zeroize();
    taken
}

fn no_message(operation: &'static str) -> Error {
    corrupt(operation, "the service's answer holds no message of OPAQUE")
}

fn failure(error: &ProtocolError, operation: &'static str) -> Error {
    match error {
        ProtocolError::InvalidLoginError => {
            Error::new(ErrorKind::WrongKey, operation).detail("the e-mail address or the password is wrong")
        }
        ProtocolError::ReflectedValueError => {
            Error::new(ErrorKind::Untrusted, operation).detail("the service sent back what it was sent")
        }
        ProtocolError::SerializationError | ProtocolError::SizeError { .. } => no_message(operation),
        _ => internal(operation, "a step of OPAQUE failed"),
    }
}
