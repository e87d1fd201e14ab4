//! Objects in a bucket of an S3-compatible store.

use super::{Place, Staged, blocking};
use crate::config::StorageConfig;
use axum::body::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::Duration;
use strongroom::{Error, ErrorKind, Result, Retry};
use tokio::sync::Semaphore;

/// Bytes sent in one request. S3 takes parts of 5 MiB and more, and 10,000 of them.
pub(super) const PART: u64 = 8 << 20;
/// Parts in memory at one time.
const PARTS: usize = 4;
const STORE: &str = "store an object";

/// A bucket.
pub(super) struct Bucket {
    store: AmazonS3,
    prefix: String,
    parts: Semaphore,
}

impl Bucket {
    /// The bucket that is configured, if one is.
    pub(super) fn open(config: &StorageConfig) -> Result<Option<Self>> {
        let Some(name) = &config.bucket else { return Ok(None) };
        // The HTTP client takes the process's own choice; where the host has made one, that stands.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = ClientOptions::new()
            .with_timeout(Duration::from_secs(120))
            .with_connect_timeout(Duration::from_secs(5))
            .with_allow_http(true);
        let retry = RetryConfig { max_retries: 4, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(name)
            .with_region(&config.region)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        let store = builder.build().map_err(|error| {
            Error::new(ErrorKind::InvalidArgument, "open the storage").object(name).detail(error.to_string())
        })?;
        let prefix = config.prefix.trim_matches('/').to_owned();
        Ok(Some(Bucket { store, prefix, parts: Semaphore::new(PARTS) }))
    }

    fn path(&self, place: &Place) -> Path {
        Path::from(format!("{}/{}", self.prefix, place.as_str()))
    }

    pub(super) async fn begin(&self, place: &Place) -> Result<String> {
        self.store.create_multipart(&self.path(place)).await.map_err(|error| failed(error, STORE, place))
    }

    /// Sends a staged file: in one request, or part by part where a multipart upload was begun.
    pub(super) async fn keep(&self, staged: &Staged, place: &Place, multipart: &str) -> Result<()> {
        let (path, length) = (self.path(place), staged.length());
        if multipart.is_empty() {
            let _turn = self.parts.acquire().await;
            let bytes = self.piece(staged, 0..length).await?;
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            return match self.store.put_opts(&path, bytes, options).await {
                // An earlier try of this request, whose answer was lost: nobody else stores anything in this place.
                Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(()),
                done => done.map(drop).map_err(|error| failed(error, STORE, place)),
            };
        }
        let (id, mut parts, mut offset) = (multipart.to_owned(), Vec::new(), 0);
        while offset < length {
            let end = length.min(offset + PART);
            let _turn = self.parts.acquire().await;
            let bytes = self.piece(staged, offset..end).await?;
            let part = self.store.put_part(&path, &id, parts.len(), bytes).await;
            parts.push(part.map_err(|error| failed(error, STORE, place))?);
            offset = end;
        }
        self.store.complete_multipart(&path, &id, parts).await.map_err(|error| failed(error, STORE, place))?;
        Ok(())
    }

    async fn piece(&self, staged: &Staged, range: Range<u64>) -> Result<PutPayload> {
        let file = std::sync::Arc::clone(staged.file());
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        blocking(STORE, move || {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, range.start).map_err(|error| Error::io(error, STORE))?;
            Ok(PutPayload::from(bytes))
        })
        .await
    }

    pub(super) async fn read(&self, place: &Place, range: Range<u64>) -> Result<Bytes> {
        let wanted = range.end.saturating_sub(range.start);
        if wanted == 0 {
            return Ok(Bytes::new());
        }
        let read = self.store.get_range(&self.path(place), range).await;
        let bytes = read.map_err(|error| failed(error, "read an object", place))?;
        if bytes.len() as u64 != wanted {
            return Err(Error::new(ErrorKind::Corrupt, "read an object").object(place.as_str()));
        }
        Ok(bytes)
    }

    pub(super) async fn remove(&self, place: &Place, multipart: &str) -> Result<()> {
        if !multipart.is_empty() {
            self.abandon(place, multipart).await?;
        }
        gone(self.store.delete(&self.path(place)).await, place)
    }

    pub(super) async fn abandon(&self, place: &Place, multipart: &str) -> Result<()> {
        gone(self.store.abort_multipart(&self.path(place), &multipart.to_owned()).await, place)
    }

    /// Whether the store answers for this bucket.
    pub(super) async fn ready(&self) -> Result<()> {
        match self.store.head(&Path::from(format!("{}/ready", self.prefix))).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error, "look at the storage", &Place::from_catalogue("ready".to_owned()))),
        }
    }

    #[cfg(test)]
    pub(super) async fn places(&self) -> Vec<String> {
        use futures_util::TryStreamExt;
        let prefix = Path::from(self.prefix.as_str());
        let objects: Vec<_> = self.store.list(Some(&prefix)).try_collect().await.unwrap();
        let prefix = format!("{prefix}/");
        objects.into_iter().map(|object| object.location.as_ref().trim_start_matches(&prefix).to_owned()).collect()
    }
}

/// What is not there is removed already.
fn gone(removed: object_store::Result<()>, place: &Place) -> Result<()> {
    match removed {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        done => done.map_err(|error| failed(error, "remove an object", place)),
    }
}

/// What the store could not do. It tries again itself: what is left is worth another try of the whole request only
/// where the store cannot be reached.
fn failed(error: object_store::Error, operation: &'static str, place: &Place) -> Error {
    use object_store::Error as Store;
    let kind = match &error {
        Store::NotFound { .. } => ErrorKind::NotFound,
        Store::Generic { .. } | Store::JoinError { .. } => ErrorKind::Unavailable,
        // Wrong credentials are the operator's trouble, and no client's.
        _ => ErrorKind::Io,
    };
    let wait = if kind == ErrorKind::Unavailable { Retry::After(Duration::from_secs(5)) } else { Retry::No };
    Error::new(kind, operation).object(place.as_str()).because(error).retry_hint(wait)
}
