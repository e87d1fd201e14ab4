//! What operations are told. What is left out is the engine's default.

mod care;
mod work;

pub use care::*;
pub use work::*;

use crate::values::{LocalPath, Nanoseconds, fit, fit_option};
use strongroom_bindings::{Result, Run, options};

/// What one try at a passphrase costs, by the parameters of Argon2id.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct Cost {
    /// KiB of memory.
    pub memory_kib: i32,
    /// Passes over it.
    pub passes: i32,
    /// Lanes.
    pub lanes: i32,
}

impl Cost {
    pub(crate) fn into_common(self) -> Result<options::Cost> {
        Ok(options::Cost {
            memory_kib: fit(self.memory_kib, "memory of a passphrase's cost")?,
            passes: fit(self.passes, "passes of a passphrase's cost")?,
            lanes: fit(self.lanes, "lanes of a passphrase's cost")?,
        })
    }
}

/// Bounds on chunk lengths in bytes; all even.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct ChunkSizes {
    /// No chunk but a file's last is shorter.
    pub min: i32,
    /// What chunk lengths cluster around.
    pub average: i32,
    /// No chunk is longer.
    pub max: i32,
}

/// How calls are tried again that storage could not answer at the moment.
#[derive(Debug, Clone, uniffi::Record)]
pub struct RetryOptions {
    /// How often a call is tried, the first time included.
    #[uniffi(default = None)]
    pub tries: Option<i32>,
    /// No try begins later than this after the first.
    #[uniffi(default = None)]
    pub within: Option<Nanoseconds>,
    /// No wait is longer than this, whatever an error asks for.
    #[uniffi(default = None)]
    pub longest_wait: Option<Nanoseconds>,
}

impl RetryOptions {
    pub(crate) fn into_common(self, run: Option<&Run>) -> Result<options::RetryOptions> {
        Ok(options::RetryOptions {
            tries: fit_option(self.tries, "number of tries")?,
            within_ms: self.within.map(|time| time.milliseconds("time of tries")).transpose()?,
            longest_wait_ms: self.longest_wait.map(|time| time.milliseconds("longest wait")).transpose()?,
            cancel_token: run.map(|run| run.token().clone()),
        })
    }
}

/// Options of creating a repository.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CreateOptions {
    /// Names the first key.
    #[uniffi(default = "")]
    pub label: String,
    /// What one try at the passphrase costs.
    #[uniffi(default = None)]
    pub cost: Option<Cost>,
    /// Bounds on chunk lengths.
    #[uniffi(default = None)]
    pub chunk_sizes: Option<ChunkSizes>,
    /// Raw bytes that are compressed and sealed as one.
    #[uniffi(default = None)]
    pub segment_size: Option<i32>,
    /// Bytes after which a pack is full.
    #[uniffi(default = None)]
    pub pack_size: Option<i32>,
    /// Files of at most this many bytes stand in the tree itself.
    #[uniffi(default = None)]
    pub inline_limit: Option<i32>,
    /// Recovery data of packs, in percent of their length.
    #[uniffi(default = None)]
    pub parity: Option<i32>,
    /// A folder of this machine to keep local state in.
    #[uniffi(default = None)]
    pub state_folder: Option<LocalPath>,
}

impl CreateOptions {
    pub(crate) fn into_common(self, run: &Run) -> Result<options::CreateOptions> {
        let chunk_sizes = self.chunk_sizes.map(|sizes| -> Result<_> {
            Ok(options::ChunkSizes {
                min: fit(sizes.min, "least length of chunks")?,
                average: fit(sizes.average, "average length of chunks")?,
                max: fit(sizes.max, "greatest length of chunks")?,
            })
        });
        Ok(options::CreateOptions {
            label: self.label,
            cost: self.cost.map(Cost::into_common).transpose()?,
            chunk_sizes: chunk_sizes.transpose()?,
            segment_size: fit_option(self.segment_size, "size of segments")?,
            pack_size: fit_option(self.pack_size, "size of packs")?,
            inline_limit: fit_option(self.inline_limit, "size of small files")?,
            parity: fit_option(self.parity, "share of parity")?,
            state_folder: self.state_folder.map(|folder| folder.0),
            cancel_token: Some(run.token().clone()),
        })
    }
}

/// Options of opening a repository.
#[derive(Debug, Clone, uniffi::Record)]
pub struct OpenOptions {
    /// A folder of this machine to keep local state in.
    #[uniffi(default = None)]
    pub state_folder: Option<LocalPath>,
}

impl OpenOptions {
    pub(crate) fn into_common(self, run: &Run) -> options::OpenOptions {
        let state_folder = self.state_folder.map(|folder| folder.0);
        options::OpenOptions { state_folder, cancel_token: Some(run.token().clone()) }
    }
}

/// Bounds on what an operation may use.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Budget {
    /// Takes the small bounds meant for phones where nothing else is said.
    #[uniffi(default = false)]
    pub small: bool,
    /// Threads at work.
    #[uniffi(default = None)]
    pub threads: Option<i32>,
    /// Bytes of memory for buffers, index and caches together. Values under 32 MiB count as 32 MiB.
    #[uniffi(default = None)]
    pub memory: Option<i64>,
    /// Bytes a second sent to storage, averaged.
    #[uniffi(default = None)]
    pub upload_rate: Option<i64>,
    /// Bytes a second read from storage, averaged.
    #[uniffi(default = None)]
    pub download_rate: Option<i64>,
    /// After how long from its start the work is suspended durably.
    #[uniffi(default = None)]
    pub deadline: Option<Nanoseconds>,
}

impl Budget {
    pub(crate) fn into_common(self) -> Result<options::Budget> {
        Ok(options::Budget {
            small: self.small,
            threads: fit_option(self.threads, "number of threads")?,
            memory: fit_option(self.memory, "bytes of memory")?,
            upload_rate: fit_option(self.upload_rate, "upload rate")?,
            download_rate: fit_option(self.download_rate, "download rate")?,
            deadline_ms: self.deadline.map(|time| time.milliseconds("deadline")).transpose()?,
        })
    }
}
