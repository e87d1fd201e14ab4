//! Vaults, and authorised requests about one of them.

use super::Account;
use super::credentials::{Credentials, DeviceCredentials};
use super::requester::{Outgoing, Requester};
use crate::account::flow::Call;
use crate::account::transport::{Method, TransportResponse};
use crate::account::wire::{Capabilities, CreateVault, IdempotencyKey, Request, Vault, VaultId, read_response};
use crate::cancel::CancelToken;
use crate::context::Context;
use crate::error::Result;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

impl Account {
    /// Makes a vault: a place for one repository. With a minimum age, nobody can delete what is younger.
    ///
    /// # Errors
    /// Those of every call of an [`AccountClient`](super::AccountClient);
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that cannot be.
    pub fn create_vault(&self, name: &str, minimum_age: Option<Duration>, ctx: &Context) -> Result<Vault> {
        let minimum_age_ms = minimum_age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        let message = CreateVault { name: name.to_owned(), minimum_age_ms };
        read_response(&self.change(Method::Post, "/v1/vaults", &message, ctx)?, CreateVault::OPERATION)
    }

    /// The vaults of the account.
    ///
    /// # Errors
    /// Those of every call.
    pub fn vaults(&self, ctx: &Context) -> Result<Vec<Vault>> {
        self.list("/v1/vaults", ctx, "list the vaults")
    }

    /// One vault.
    ///
    /// # Errors
    /// Those of every call; [`NotFound`](crate::ErrorKind::NotFound) when it is none of the account.
    pub fn vault(&self, vault: &VaultId, ctx: &Context) -> Result<Vault> {
        self.get(&format!("/v1/vaults/{vault}"), ctx, "read a vault")
    }

    /// Deletes a vault with all that is in it. Needs a session: no device can do that by itself.
    ///
    /// # Errors
    /// Those of every call; [`Forbidden`](crate::ErrorKind::Forbidden) while something in it is held.
    pub fn delete_vault(&self, vault: &VaultId, ctx: &Context) -> Result<()> {
        self.do_it(Method::Delete, &format!("/v1/vaults/{vault}"), ctx, "delete a vault").map(drop)
    }

    /// The key that opens the repository in a vault, for [`Secret::account_key`](crate::Secret::account_key).
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) without the master key.
    pub fn vault_key(&self, vault: &VaultId) -> Result<Zeroizing<[u8; 32]>> {
        self.needed_master_key("open a vault").map(|master_key| master_key.vault_key(vault))
    }

    /// Authorised requests about a vault: what storage for its repository is made from. For a device, its
    /// tokens count for this vault alone, and let it do no more than `capabilities`; a session can do all that the account
    /// can.
    #[must_use]
    pub fn vault_access(&self, vault: &VaultId, capabilities: Capabilities) -> VaultAccess {
        let credentials = match &*self.credentials {
            Credentials::Session { .. } => Arc::clone(&self.credentials),
            Credentials::Device(device) => Arc::new(Credentials::Device(DeviceCredentials::new(
                device.account_id,
                device.key.clone(),
                capabilities,
                Some(*vault),
            ))),
        };
        VaultAccess { requester: Arc::clone(&self.requester), credentials, vault: *vault }
    }
}

/// A request about a vault.
pub struct VaultRequest<'a> {
    /// The method.
    pub method: Method,
    /// The path with its query, from `/v1/` on.
    pub target: &'a str,
    /// Headers, but for those of the transport and of the proof.
    pub headers: &'a [(&'static str, String)],
    /// The body, in parts that follow each other.
    pub body: &'a [&'a [u8]],
    /// Names a change, so that it is made once however often it is asked for.
    pub idempotency_key: Option<IdempotencyKey>,
}

impl fmt::Debug for VaultRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultRequest({} {})", self.method.name(), self.target)
    }
}

/// Authorised requests about one vault. A cheap clone, shared by threads.
#[derive(Clone)]
pub struct VaultAccess {
    requester: Arc<Requester>,
    credentials: Arc<Credentials>,
    vault: VaultId,
}

impl fmt::Debug for VaultAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultAccess({} at {})", self.vault, self.requester.service())
    }
}

impl VaultAccess {
    /// The vault.
    #[must_use]
    pub fn vault(&self) -> VaultId {
        self.vault
    }

    /// The service's address.
    #[must_use]
    pub fn service(&self) -> String {
        self.requester.service()
    }

    /// Sends a request once: nothing is tried again, but that a wrong clock or an old token is corrected.
    ///
    /// # Errors
    /// Those of the transport, and what an answer without success stands for.
    pub fn send(
        &self,
        request: &VaultRequest<'_>,
        cancel: &CancelToken,
        operation: &'static str,
    ) -> Result<TransportResponse> {
        let VaultRequest { method, target, headers, body, idempotency_key } = *request;
        let outgoing = Outgoing { method, target, headers, body, idempotency_key };
        self.requester.send(&outgoing, Some(&self.credentials), cancel, operation)
    }

    /// Sends a call until it is answered, and gives the answer's body.
    ///
    /// # Errors
    /// Those of every call of an [`AccountClient`](super::AccountClient).
    pub fn call(&self, call: &Call, cancel: &CancelToken, operation: &'static str) -> Result<Vec<u8>> {
        self.requester.call(call, Some(&self.credentials), cancel, operation)
    }
}
