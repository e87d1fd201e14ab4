//! Where the quickstart keeps its repository, and how two devices reach it.

use super::{Places, write_secret};
use crate::exit::{Failure, Result};
use std::fs;
use strongroom::{CreateOptions, LocalBackend, OpenOptions, RecoveryCode, Repository, Secret};
use zeroize::Zeroizing;

#[cfg(feature = "service")]
use super::{Steps, hosted::Hosted};

/// Which of the two devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Device {
    /// Makes the repository, and backs up.
    First,
    /// Restores.
    Second,
}

/// Where the repository is, and what opens it there.
pub(super) enum Home {
    /// A folder. The first device knows the passphrase, the second nothing but the recovery code.
    Folder { passphrase: Zeroizing<String> },
    /// A vault of an account, at a service that this program runs. Each device has a key of its own.
    #[cfg(feature = "service")]
    Service(Box<Hosted>),
}

impl Home {
    /// A folder.
    pub(super) fn folder(places: &Places) -> Result<Self> {
        // A recovery code is as good a random passphrase as any.
        let passphrase = RecoveryCode::generate()?.reveal();
        write_secret(&places.passphrase, &passphrase)?;
        Ok(Home::Folder { passphrase })
    }

    /// A vault at a service of its own.
    #[cfg(feature = "service")]
    pub(super) fn service(places: &Places, steps: &mut Steps<'_>) -> Result<Self> {
        Ok(Home::Service(Box::new(Hosted::start(places, steps)?)))
    }

    /// Makes the repository, as the first device.
    pub(super) fn create(&self, places: &Places, options: &CreateOptions) -> Result<Repository> {
        match self {
            Home::Folder { passphrase } => {
                let secret = Secret::passphrase(passphrase.as_bytes());
                Ok(Repository::create(LocalBackend::new(&places.repository), &secret, options)?)
            }
            #[cfg(feature = "service")]
            Home::Service(hosted) => {
                let secret = hosted.secret(Device::First)?;
                Ok(Repository::create(hosted.backend(Device::First), &secret, options)?)
            }
        }
    }

    /// What [`create`](Self::create) made.
    pub(super) fn made(&self) -> &'static str {
        match self {
            Home::Folder { .. } => "Made a repository with a passphrase and a recovery code",
            #[cfg(feature = "service")]
            Home::Service(_) => "Made a repository in a vault, with the key of the account and a recovery code",
        }
    }

    /// Opens the repository, as one of the devices.
    pub(super) fn open(&self, places: &Places, device: Device, options: &OpenOptions) -> Result<Repository> {
        let (backend, secret) = match (self, device) {
            (Home::Folder { passphrase }, Device::First) => {
                (LocalBackend::new(&places.repository), Secret::passphrase(passphrase.as_bytes()))
            }
            (Home::Folder { .. }, Device::Second) => {
                let code = fs::read_to_string(&places.recovery_code)
                    .map_err(|error| Failure::io(error, "read the recovery code", places.recovery_code.display()))?;
                (LocalBackend::new(&places.repository), Secret::recovery_code(code.trim())?)
            }
            #[cfg(feature = "service")]
            (Home::Service(hosted), device) => {
                return Ok(Repository::open_with(hosted.backend(device), &hosted.secret(device)?, options)?);
            }
        };
        Ok(Repository::open_with(backend, &secret, options)?)
    }

    /// What the second device needs to read everything.
    pub(super) fn key_of_the_second(&self) -> &'static str {
        match self {
            Home::Folder { .. } => "with the recovery code alone",
            #[cfg(feature = "service")]
            Home::Service(_) => "which may only read, with its own key",
        }
    }
}
