//! Where the bytes of objects are kept: a folder, or a bucket of an S3-compatible store.
//!
//! Every object is received into a file of its own in the staging folder, and moved to its place only when it is whole
//! and checked. A place is used once: it holds the id of the upload that fills it, so nothing here is ever overwritten,
//! and what the catalogue does not know can be removed without a look at what else goes on.

mod bucket;
mod folder;
mod staging;

use self::bucket::Bucket;
use self::folder::ObjectFolder;
use crate::config::StorageConfig;
use axum::body::Bytes;
use std::ops::Range;
use std::time::Duration;
use strongroom::account::wire::{UploadId, VaultId};
use strongroom::{Error, ErrorKind, Folder, ObjectName, Result};

pub(crate) use self::staging::{Staged, Staging};

/// Bytes read from the store in one go.
pub(crate) const READ: u64 = 256 << 10;

/// The store of one service.
pub(crate) struct Store {
    staging: Staging,
    keeper: Keeper,
}

enum Keeper {
    Folder(ObjectFolder),
    Bucket(Box<Bucket>),
}

/// Where the bytes of one object are: `vaults/<vault>/<folder>/<file>_<upload>`, packs one folder deeper.
///
/// The name of the object is in it so that a catalogue that was lost can be made again by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(String);

impl Place {
    pub(crate) fn new(vault: VaultId, name: &ObjectName, upload: UploadId) -> Self {
        let file = name.file();
        Place(match name.folder() {
            Folder::Root => format!("vaults/{vault}/{file}_{upload}"),
            // Some file systems slow down with very many files in a folder; packs are what there are many of.
            Folder::Packs => format!("vaults/{vault}/packs/{}/{file}_{upload}", file.get(..2).unwrap_or("xx")),
            folder => format!("vaults/{vault}/{}/{file}_{upload}", folder.name()),
        })
    }

    /// What [`as_str`](Self::as_str) gave, from the catalogue.
    pub(crate) fn from_catalogue(place: String) -> Self {
        Place(place)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Store {
    /// Opens the store, and makes its folders where they are missing.
    ///
    /// # Errors
    /// When the folder cannot be used, or the settings of the bucket make no sense.
    pub(crate) async fn open(config: &StorageConfig) -> Result<Self> {
        let root = config.folder.clone();
        let bucket = Bucket::open(config)?;
        blocking("open the storage", move || {
            let folder = ObjectFolder::open(&root)?;
            let staging = Staging::open(&root)?;
            Ok(Store {
                staging,
                keeper: bucket.map_or(Keeper::Folder(folder), |bucket| Keeper::Bucket(Box::new(bucket))),
            })
        })
        .await
    }

    /// The files of what is being received.
    pub(crate) fn staging(&self) -> &Staging {
        &self.staging
    }

    /// Whether bytes of this length go to their place in several parts, which [`begin_multipart`] begins.
    ///
    /// [`begin_multipart`]: Self::begin_multipart
    pub(crate) fn wants_multipart(&self, length: u64) -> bool {
        matches!(self.keeper, Keeper::Bucket(_)) && length > bucket::PART
    }

    /// Begins to move a long object to its place in the bucket. The id is to be written down before anything is sent:
    /// whoever has it can end what a crash left.
    pub(crate) async fn begin_multipart(&self, place: &Place) -> Result<String> {
        match &self.keeper {
            Keeper::Folder(_) => Ok(String::new()),
            Keeper::Bucket(bucket) => bucket.begin(place).await,
        }
    }

    /// Ends a multipart upload without an object, if one is named.
    pub(crate) async fn abandon_multipart(&self, place: &Place, multipart: &str) -> Result<()> {
        match &self.keeper {
            Keeper::Bucket(bucket) if !multipart.is_empty() => bucket.abandon(place, multipart).await,
            _ => Ok(()),
        }
    }

    /// Moves a whole staged file to its place, durably.
    pub(crate) async fn keep(&self, staged: Staged, place: &Place, multipart: &str) -> Result<()> {
        match &self.keeper {
            Keeper::Folder(folder) => {
                let (folder, place) = (folder.clone(), place.clone());
                blocking("store an object", move || folder.keep(&staged, &place)).await
            }
            Keeper::Bucket(bucket) => {
                bucket.keep(&staged, place, multipart).await?;
                blocking("store an object", move || staged.remove()).await
            }
        }
    }

    /// Reads a part of an object.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when its bytes are gone, [`Corrupt`](ErrorKind::Corrupt) when they end too early.
    pub(crate) async fn read(&self, place: &Place, range: Range<u64>) -> Result<Bytes> {
        match &self.keeper {
            Keeper::Folder(folder) => {
                let (folder, place) = (folder.clone(), place.clone());
                blocking("read an object", move || folder.read(&place, range)).await
            }
            Keeper::Bucket(bucket) => bucket.read(place, range).await,
        }
    }

    /// Removes all there is of an object or an upload. What is not there is removed already.
    pub(crate) async fn remove(&self, upload: UploadId, place: &Place, multipart: &str) -> Result<()> {
        let staged = self.staging.path(upload);
        blocking("remove an object", move || folder::remove_file(&staged)).await?;
        match &self.keeper {
            Keeper::Folder(folder) => {
                let (folder, place) = (folder.clone(), place.clone());
                blocking("remove an object", move || folder.remove(&place)).await
            }
            Keeper::Bucket(bucket) => bucket.remove(place, multipart).await,
        }
    }

    /// Whether objects can be stored now.
    pub(crate) async fn ready(&self) -> Result<()> {
        let root = self.staging.root().to_owned();
        blocking("look at the storage", move || {
            std::fs::metadata(&root).map(drop).map_err(|error| Error::io(error, "look at the storage"))
        })
        .await?;
        match &self.keeper {
            Keeper::Folder(_) => Ok(()),
            // A store that hangs is not ready.
            Keeper::Bucket(bucket) => tokio::time::timeout(Duration::from_secs(5), bucket.ready())
                .await
                .unwrap_or_else(|_| Err(Error::new(ErrorKind::Unavailable, "look at the storage"))),
        }
    }

    /// The places that have bytes, for tests.
    #[cfg(test)]
    pub(crate) async fn places(&self) -> Vec<String> {
        match &self.keeper {
            Keeper::Folder(folder) => folder.places(),
            Keeper::Bucket(bucket) => bucket.places().await,
        }
    }
}

/// Runs what waits for a disk where it holds nothing else up.
pub(crate) async fn blocking<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::new(ErrorKind::Internal, operation).because(error)),
    }
}
