//! What is backed up.

use crate::environment::lock;
use crate::host::{Entries, Host, Line, Stream};
use crate::options::{NativeFilesOptions, StreamOptions};
use crate::settle::Settled;
use crate::values::PathInput;
use napi_derive::napi;
use std::sync::Mutex;
use strongroom_bindings::{CancelToken, Error, FilesOptions, Result, Source};

/// What to back up. Used up by one backup.
#[napi]
pub struct NativeSource {
    content: Mutex<Option<Content>>,
    known_as: Mutex<Option<Vec<Vec<u8>>>>,
}

enum Content {
    Files(FilesOptions),
    Bytes(strongroom_bindings::StreamOptions, Vec<u8>),
    Stream(strongroom_bindings::StreamOptions, Line),
    Tar(Line),
    Entries(Line, bool),
}

fn source(content: Content) -> NativeSource {
    NativeSource { content: Mutex::new(Some(content)), known_as: Mutex::new(None) }
}

#[napi]
impl NativeSource {
    /// Files and folders of the file system.
    #[napi]
    pub fn files(paths: Vec<PathInput>, options: NativeFilesOptions) -> NativeSource {
        source(Content::Files(options.common(paths)))
    }

    /// One file with these bytes.
    #[napi(ts_return_type = "Settled<NativeSource>")]
    pub fn bytes(path: PathInput, bytes: &[u8], options: StreamOptions) -> Settled<NativeSource> {
        Settled(options.common(path).map(|options| source(Content::Bytes(options, bytes.to_vec()))))
    }

    /// One file with what stream 0 of the app gives.
    #[napi(ts_return_type = "Settled<NativeSource>")]
    pub fn stream(path: PathInput, host: &Host, options: StreamOptions) -> Settled<NativeSource> {
        Settled(options.common(path).map(|options| source(Content::Stream(options, host.line()))))
    }

    /// What a tar stream holds, which is stream 0 of the app.
    #[napi]
    pub fn tar(host: &Host) -> NativeSource {
        source(Content::Tar(host.line()))
    }

    /// The app's own entries.
    #[napi]
    pub fn entries(host: &Host, sorted: bool) -> NativeSource {
        source(Content::Entries(host.line(), sorted))
    }

    /// Sets the names by which snapshots of the same thing are known to belong together.
    #[napi]
    pub fn known_as(&self, names: Vec<PathInput>) {
        *lock(&self.known_as) = Some(names.into_iter().map(|name| name.0).collect());
    }
}

impl NativeSource {
    /// It, for the operation that `token` stops.
    pub(crate) fn take(&self, token: &CancelToken) -> Result<Source> {
        let content = lock(&self.content).take();
        let used = || Error::invalid("back up", "the source was used by a backup before");
        let source = match content.ok_or_else(used)? {
            Content::Files(options) => Source::files(options),
            Content::Bytes(options, bytes) => Source::bytes(options, bytes),
            Content::Stream(options, line) => Source::reader(options, Box::new(Stream::new(line.until(token), 0))),
            Content::Tar(line) => Source::tar(Box::new(Stream::new(line.until(token), 0))),
            Content::Entries(line, sorted) => Source::entries(Box::new(Entries(line.until(token))), sorted),
        };
        Ok(match lock(&self.known_as).take() {
            Some(names) => source.known_as(names),
            None => source,
        })
    }
}
