//! How repositories are created and opened.

use crate::cancel::CancelToken;
use crate::chunker::ChunkSizes;
use crate::crypto::password::Cost;
use crate::format::config::Sizes;
use crate::store::keys::NewRepository;
use std::path::PathBuf;

/// Options of a new repository. Sizes are chosen once and never change.
///
/// ```
/// let options = strongroom::CreateOptions::new().label("laptop of Ada").pack_size(32 << 20);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CreateOptions {
    sizes: Sizes,
    label: String,
    cost: Cost,
    parity: Option<u8>,
    pub(super) state_folder: Option<PathBuf>,
    pub(super) token: Option<CancelToken>,
}

impl CreateOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the first key, or the first device. At most 128 bytes; readable for everybody who sees the storage.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets what one try at the passphrase costs.
    #[must_use]
    pub fn cost(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }

    /// Sets the bounds on chunk lengths: smaller chunks find more duplicates in large files and cost more index.
    #[must_use]
    pub fn chunk_sizes(mut self, sizes: ChunkSizes) -> Self {
        self.sizes.chunk_min = sizes.min;
        self.sizes.chunk_avg = sizes.average;
        self.sizes.chunk_max = sizes.max;
        self
    }

    /// Sets how many bytes are compressed as one; 64 KiB to 16 MiB.
    #[must_use]
    pub fn segment_size(mut self, bytes: u32) -> Self {
        self.sizes.segment = bytes;
        self
    }

    /// Sets the length of packs; 1 MiB to 512 MiB. A pack being filled and one being sent are held in memory.
    #[must_use]
    pub fn pack_size(mut self, bytes: u32) -> Self {
        self.sizes.pack = bytes;
        self
    }

    /// Sets the length up to which content stands in the tree itself; at most 4 KiB.
    #[must_use]
    pub fn inline_limit(mut self, bytes: u32) -> Self {
        self.sizes.inline = bytes;
        self
    }

    /// Puts recovery data beside every pack, this share of it in percent, 1 to 100: rotten sectors and lost ranges heal
    /// when they are read, as long as no more of a pack is lost than that share. Chosen once;
    /// [`Repository::add_parity`](crate::Repository::add_parity) adds it to packs without.
    #[must_use]
    pub fn parity(mut self, percent: u8) -> Self {
        self.parity = Some(percent);
        self
    }

    /// Keeps index tables and other local state in this folder, as [`OpenOptions::state_folder`] does.
    #[must_use]
    pub fn state_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_folder = Some(folder.into());
        self
    }

    /// What ends the creation, as [`OpenOptions::cancel_token`] does an opening.
    #[must_use]
    pub fn cancel_token(mut self, token: CancelToken) -> Self {
        self.token = Some(token);
        self
    }

    pub(super) fn new_repository(&self) -> NewRepository {
        NewRepository { sizes: self.sizes, parity: self.parity, label: self.label.clone(), cost: self.cost }
    }
}

/// Options of opening a repository.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    pub(super) state_folder: Option<PathBuf>,
    pub(super) token: Option<CancelToken>,
}

impl OpenOptions {
    /// The defaults: everything local is kept in memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps index tables and other local state in this folder, so that opening is fast and memory does not grow
    /// with the repository. Whoever prunes needs one for deadlines to be of use: what was found out is kept there, and
    /// without it every call begins to look at all trees anew. What is kept there can be deleted at any time; it is made anew. Several processes may
    /// share it.
    #[must_use]
    pub fn state_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_folder = Some(folder.into());
        self
    }

    /// What ends the opening: once the token is cancelled, nothing more is asked of the storage, and no further try at a
    /// passphrase begins. The repository that was opened does not listen to it.
    ///
    /// ```
    /// # use strongroom::{CancelToken, ErrorKind, MemoryBackend, OpenOptions, Repository, Secret};
    /// let token = CancelToken::new();
    /// token.cancel();
    /// let options = OpenOptions::new().cancel_token(token);
    /// let refused = Repository::open_with(MemoryBackend::new(), &Secret::passphrase("correct horse"), &options);
    /// assert_eq!(refused.unwrap_err().kind(), ErrorKind::Cancelled);
    /// ```
    #[must_use]
    pub fn cancel_token(mut self, token: CancelToken) -> Self {
        self.token = Some(token);
        self
    }
}
