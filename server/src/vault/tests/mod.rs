//! Catalogue and store together, without HTTP.

mod crash;
mod objects;
mod uploads;
mod whole_vaults;

use super::Vaults;
use super::catalogue::{Object, VaultRecord, VaultTotals};
use super::receive::Announced;
use crate::clock::Clock;
use crate::config::StorageConfig;
use crate::database::Database;
use crate::problem::Problem;
use axum::body::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use std::io;
use std::path::Path;
use strongroom::ObjectName;
use strongroom::account::wire::AccountId;

pub(super) const QUOTA: u64 = 1 << 30;

/// One process of a service, with a database and a store in a folder.
pub(super) struct Process {
    pub(super) vaults: Vaults,
    pub(super) clock: Clock,
    pub(super) database: Database,
}

impl Process {
    pub(super) async fn start(folder: &Path) -> Self {
        let clock = Clock::system();
        let database = Database::open(&format!("sqlite:{}/test.sqlite", folder.display()), 8).await.unwrap();
        let storage = StorageConfig { folder: folder.join("objects"), ..StorageConfig::default() };
        let vaults = Vaults::open(database.clone(), &storage, clock.clone()).await.unwrap();
        vaults.take_over().await.unwrap();
        Process { vaults, clock, database }
    }

    pub(super) async fn vault(&self, account: AccountId, minimum_age_ms: i64) -> VaultRecord {
        let mut write = self.database.write().await.unwrap();
        let vault = self.vaults.catalogue().create_vault(&mut write, account, "test", minimum_age_ms).await.unwrap();
        write.commit().await.unwrap();
        vault
    }

    pub(super) async fn put(&self, vault: &VaultRecord, name: &str, bytes: &[u8]) -> Result<i64, Problem> {
        self.vaults.put(vault, &name.parse().unwrap(), QUOTA, announced(bytes), body(bytes)).await
    }

    pub(super) async fn object(&self, vault: &VaultRecord, name: &str) -> Option<Object> {
        self.vaults.catalogue().object(vault, &name.parse().unwrap()).await.unwrap()
    }

    pub(super) async fn read(&self, vault: &VaultRecord, name: &str) -> Vec<u8> {
        let object = self.object(vault, name).await.unwrap();
        let pieces = self.vaults.read(vault.account, &object, 0..object.length, 0);
        pieces.try_collect::<Vec<Bytes>>().await.unwrap().concat()
    }

    pub(super) async fn delete(&self, vault: &VaultRecord, name: &str) -> Result<(), Problem> {
        self.vaults.delete(vault, &name.parse().unwrap()).await
    }

    pub(super) async fn totals(&self, account: AccountId) -> VaultTotals {
        self.vaults.totals(&account.to_string()).await.unwrap()
    }

    /// Files in the staging folder.
    pub(super) fn staged(&self) -> usize {
        std::fs::read_dir(self.vaults.store().staging().root()).unwrap().count()
    }
}

pub(super) fn account() -> AccountId {
    AccountId::random().unwrap()
}

pub(super) fn announced(bytes: &[u8]) -> Announced {
    Announced { length: bytes.len() as u64, hash: *blake3::hash(bytes).as_bytes(), rate: 0 }
}

/// A body that comes in pieces.
pub(super) fn body(bytes: &[u8]) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let pieces: Vec<io::Result<Bytes>> = bytes.chunks(10_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces)
}

/// A body that breaks off.
pub(super) fn broken(bytes: &[u8]) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let pieces = [Ok(Bytes::copy_from_slice(bytes)), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
    stream::iter(pieces)
}

pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new_derive_key("vault tests").update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// The name that a pack of these bytes has.
pub(super) fn pack(bytes: &[u8]) -> String {
    format!("packs/{}", blake3::hash(bytes).to_hex())
}

pub(super) fn name(text: &str) -> ObjectName {
    text.parse().unwrap()
}
