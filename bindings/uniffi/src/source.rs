//! What is backed up, as a handle.

use crate::failure::NativeResult;
use crate::foreign::{Entries, ForeignEntries, ForeignReader, Reader};
use crate::options::{FilesOptions, StreamOptions};
use crate::values::{RawName, raw};
use std::sync::{Arc, Mutex, PoisonError};
use strongroom_bindings::{self as common, Error, Source};

/// What to back up. Used up by one backup.
#[derive(Debug, uniffi::Object)]
pub struct SourceHandle {
    inner: Mutex<Option<Source>>,
}

impl SourceHandle {
    fn of(source: Source, known_as: Option<Vec<RawName>>) -> Arc<Self> {
        let source = match known_as {
            Some(names) => source.known_as(raw(names)),
            None => source,
        };
        Arc::new(SourceHandle { inner: Mutex::new(Some(source)) })
    }

    pub(crate) fn take(&self) -> common::Result<Source> {
        let source = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        source.ok_or_else(|| Error::invalid("back up", "the source was used up by an earlier backup"))
    }
}

#[uniffi::export]
impl SourceHandle {
    /// Files and folders of the file system.
    #[uniffi::constructor]
    pub fn files(options: FilesOptions, known_as: Option<Vec<RawName>>) -> NativeResult<Arc<Self>> {
        Ok(Self::of(Source::files(options.into_common()?), known_as))
    }

    /// One file with these bytes.
    #[uniffi::constructor]
    pub fn bytes(
        path: RawName,
        bytes: Vec<u8>,
        options: StreamOptions,
        known_as: Option<Vec<RawName>>,
    ) -> NativeResult<Arc<Self>> {
        Ok(Self::of(Source::bytes(options.into_common(path)?, bytes), known_as))
    }

    /// One file with what a stream gives.
    #[uniffi::constructor]
    pub fn reader(
        path: RawName,
        reader: Arc<dyn ForeignReader>,
        options: StreamOptions,
        known_as: Option<Vec<RawName>>,
    ) -> NativeResult<Arc<Self>> {
        Ok(Self::of(Source::reader(options.into_common(path)?, Reader::boxed(reader)), known_as))
    }

    /// What a tar stream holds.
    #[uniffi::constructor]
    pub fn tar(reader: Arc<dyn ForeignReader>, known_as: Option<Vec<RawName>>) -> Arc<Self> {
        Self::of(Source::tar(Reader::boxed(reader)), known_as)
    }

    /// The app's own entries.
    #[uniffi::constructor]
    pub fn entries(entries: Arc<dyn ForeignEntries>, sorted: bool, known_as: Option<Vec<RawName>>) -> Arc<Self> {
        Self::of(Source::entries(Box::new(Entries(entries)), sorted), known_as)
    }
}
