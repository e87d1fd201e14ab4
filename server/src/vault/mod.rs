//! Hosted vaults: repositories of accounts, kept by the service, which can read nothing of them.
//!
//! The [catalogue] in the database says what exists, the [store] keeps the bytes. An object is there when it is in the
//! catalogue, and comes to be there in one transaction after its bytes are durable and checked: all or nothing,
//! whatever breaks off. See [`sweep`] for what puts things right afterwards.

mod catalogue;
mod http;
mod range;
mod rates;
mod receive;
mod store;
mod sweep;
#[cfg(test)]
mod tests;

pub(crate) use self::catalogue::VaultTotals;
pub(crate) use self::http::{Document, router};

use self::catalogue::{Catalogue, Object, VaultRecord};
use self::rates::{Direction, Rates};
use self::store::{READ, Store};
use crate::clock::Clock;
use crate::config::StorageConfig;
use crate::database::Database;
use crate::problem::Problem;
use axum::body::Bytes;
use futures_util::{Stream, stream};
use std::ops::Range;
use std::sync::Arc;
use strongroom::account::wire::{AccountId, UploadId, VaultUsage};
use strongroom::{ErrorKind, ObjectName};

/// The vaults of a service: catalogue and store. Cheap to clone; clones share everything.
#[derive(Clone)]
pub(crate) struct Vaults {
    inner: Arc<Inner>,
}

struct Inner {
    catalogue: Catalogue,
    store: Store,
    rates: Rates,
}

impl Vaults {
    /// Opens the store. Of several processes on one database, each opens it for itself; those that keep objects in a
    /// folder share that folder.
    ///
    /// # Errors
    /// When the storage cannot be used as it is configured, or the database cannot be reached.
    pub(crate) async fn open(database: Database, storage: &StorageConfig, clock: Clock) -> Result<Self, Problem> {
        let store = Store::open(storage).await?;
        let process = UploadId::random()?.to_string();
        let catalogue = Catalogue::new(database, clock, process);
        catalogue.say_alive().await?;
        Ok(Vaults { inner: Arc::new(Inner { catalogue, store, rates: Rates::default() }) })
    }

    /// Whether objects can be stored and read at this moment.
    ///
    /// # Errors
    /// What is wrong with the storage.
    pub(crate) async fn ready(&self) -> Result<(), Problem> {
        Ok(self.inner.store.ready().await?)
    }

    /// What the vaults of an account hold together.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn totals(&self, account_id: &str) -> Result<VaultTotals, Problem> {
        let account: AccountId = account_id.parse()?;
        self.catalogue().totals(account).await
    }

    /// What each of an account's vaults holds.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn usage(&self, account_id: &str) -> Result<Vec<VaultUsage>, Problem> {
        // All of them: an account has no more vaults than that.
        let vaults = self.catalogue().vaults(account_id.parse()?, "", i64::MAX).await?;
        let usage = |vault: VaultRecord| VaultUsage {
            vault_id: vault.id,
            name: vault.name,
            bytes: vault.bytes,
            objects: vault.objects,
        };
        Ok(vaults.into_iter().map(usage).collect())
    }

    fn catalogue(&self) -> &Catalogue {
        &self.inner.catalogue
    }

    fn store(&self) -> &Store {
        &self.inner.store
    }

    fn rates(&self) -> &Rates {
        &self.inner.rates
    }

    /// Deletes an object; one that is not there is deleted already.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) under a hold, or below the vault's minimum age.
    pub(crate) async fn delete(&self, vault: &VaultRecord, name: &ObjectName) -> Result<(), Problem> {
        let (vaults, vault, name) = (self.clone(), vault.clone(), name.clone());
        receive::detached(async move {
            if let Some(object) = vaults.catalogue().delete(&vault, &name).await? {
                // The catalogue has it as garbage: what fails here is done by the sweep.
                let _ = vaults.store().remove(object.upload, &object.place(), "").await;
            }
            Ok(())
        })
        .await
    }

    /// A range of an object, piece by piece, no faster than `rate` bytes a second; 0 is without a bound.
    pub(crate) fn read(
        &self,
        account: AccountId,
        object: &Object,
        range: Range<u64>,
        rate: u64,
    ) -> impl Stream<Item = Result<Bytes, strongroom::Error>> + Send + 'static {
        let (vaults, place) = (self.clone(), object.place());
        stream::try_unfold((vaults, place, range), move |(vaults, place, range)| async move {
            if range.is_empty() {
                return Ok(None);
            }
            let end = range.end.min(range.start.saturating_add(READ));
            let bytes = vaults.store().read(&place, range.start..end).await.inspect_err(|error| {
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) {
                    tracing::error!(place = place.as_str(), "bytes of an object are missing in the store");
                }
            })?;
            vaults.rates().pay(account, Direction::Down, bytes.len(), rate).await;
            Ok(Some((bytes, (vaults, place, end..range.end))))
        })
    }
}
