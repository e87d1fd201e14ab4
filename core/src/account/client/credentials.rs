//! Who asks: a session, or a device with a token that is renewed when it ends.

use super::requester::Requester;
use crate::account::flow::TokenRequest;
use crate::account::proof::{RequestProof, SessionKey, Statement};
use crate::account::wire::{AccountId, Capabilities, DeviceToken, Session, TokenId, VaultId};
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::format::device::DeviceKey;
use std::sync::{Mutex, PoisonError};

/// A token is renewed this long before it ends, in milliseconds.
const BEFORE_END: i64 = 30_000;

/// What proofs of requests are made with.
pub(super) enum Credentials {
    Session { session: Session, key: SessionKey },
    Device(DeviceCredentials),
}

pub(super) struct DeviceCredentials {
    pub(super) account_id: AccountId,
    pub(super) key: DeviceKey,
    pub(super) capabilities: Capabilities,
    pub(super) vault_id: Option<VaultId>,
    /// The token in use. Held while another is asked for, so that threads do not ask for one each.
    token: Mutex<Option<DeviceToken>>,
}

impl DeviceCredentials {
    pub(super) fn new(
        account_id: AccountId,
        key: DeviceKey,
        capabilities: Capabilities,
        vault_id: Option<VaultId>,
    ) -> Self {
        DeviceCredentials { account_id, key, capabilities, vault_id, token: Mutex::new(None) }
    }

    fn token(&self, requester: &Requester, cancel: &CancelToken) -> Result<TokenId> {
        let mut current = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = |token: &&DeviceToken| token.expires_at.saturating_sub(BEFORE_END) > requester.now();
        if let Some(token) = current.as_ref().filter(alive) {
            return Ok(token.token);
        }
        let operation = "get a token";
        let mut again = true;
        let token = loop {
            let asked_at = requester.now();
            let (request, call) =
                TokenRequest::start(&self.account_id, &self.key, self.capabilities, self.vault_id, asked_at)?;
            match requester.call(&call, None, cancel, operation) {
                Ok(answer) => break request.answered(&answer)?,
                // The service said its time with the refusal: the request is made anew, with that time.
                Err(error)
                    if again
                        && error.kind() == ErrorKind::PermissionDenied
                        && requester.now().abs_diff(asked_at) >= 1000 =>
                {
                    again = false;
                }
                Err(error) => return Err(error),
            }
        };
        *current = Some(token.clone());
        Ok(token.token)
    }
}

impl Credentials {
    pub(super) fn account_id(&self) -> AccountId {
        match self {
            Credentials::Session { session, .. } => session.account_id,
            Credentials::Device(device) => device.account_id,
        }
    }

    /// A proof of a request, by a token that counts.
    pub(super) fn prove(
        &self,
        requester: &Requester,
        statement: &Statement<'_>,
        body: [u8; 32],
        cancel: &CancelToken,
    ) -> Result<RequestProof> {
        match self {
            Credentials::Session { session, key } => {
                if session.expires_at <= requester.now() {
                    return Err(Error::new(ErrorKind::PermissionDenied, "prove a request")
                        .detail("the session is over; sign in again"));
                }
                RequestProof::by_session(key, session.token, requester.now(), statement, body)
            }
            Credentials::Device(device) => {
                let token = device.token(requester, cancel)?;
                RequestProof::by_device(&device.key, token, requester.now(), statement, body)
            }
        }
    }

    /// Gives up a token that the service refused. Whether another can be had: not when it is a session's.
    pub(super) fn forget(&self, refused: TokenId) -> bool {
        match self {
            Credentials::Session { .. } => false,
            Credentials::Device(device) => {
                let mut current = device.token.lock().unwrap_or_else(PoisonError::into_inner);
                if current.as_ref().is_some_and(|token| token.token == refused) {
                    *current = None;
                }
                true
            }
        }
    }
}
