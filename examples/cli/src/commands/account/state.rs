//! What this machine keeps of an account: where the service is, and the key of this device.

use crate::app::App;
use crate::exit::{Failure, Result};
use crate::secrets;
use clap::{Args, ValueHint};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use strongroom::DeviceKey;
use strongroom::account::transport::{HttpOptions, HttpTransport};
use strongroom::account::wire::{AccountId, Capabilities, RegistrationId};
use strongroom::account::{Account, AccountClient};

const ACCOUNT: &str = "account.json";
const KEY: &str = "device.key";
const PENDING: &str = "registration.json";

/// Longest file that is read.
const LONGEST: u64 = 1024 * 1024;

/// Which service is meant.
#[derive(Debug, Clone, Args)]
pub(super) struct ServiceArgs {
    /// The service's address, such as https://backup.example.org
    #[arg(long, env = "STRONGROOM_SERVICE", value_name = "ADDRESS", value_hint = ValueHint::Url)]
    service: String,
    /// Believes the service's certificate when one in this file (PEM) vouches for it, and no others
    #[arg(long, env = "STRONGROOM_ROOT_CERTIFICATES", value_name = "FILE", value_hint = ValueHint::FilePath)]
    root_certificates: Option<PathBuf>,
}

/// How a service is reached.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) address: String,
    roots: Option<String>,
}

impl ServiceArgs {
    pub(super) fn service(&self) -> Result<Service> {
        let roots = match &self.root_certificates {
            Some(path) => Some(read(path)?),
            None => None,
        };
        Ok(Service { address: self.service.clone(), roots })
    }
}

impl Service {
    pub(super) fn client(&self) -> Result<AccountClient> {
        let mut options = HttpOptions::new();
        if let Some(roots) = &self.roots {
            options = options.root_certificates(roots.as_bytes())?;
        }
        Ok(AccountClient::new(HttpTransport::new(&self.address, options)?))
    }

    fn to_json(&self) -> Value {
        json!({ "service": self.address, "root_certificates": self.roots })
    }

    fn from_json(value: &Value, path: &Path) -> Result<Self> {
        let roots = value["root_certificates"].as_str().map(str::to_owned);
        let address = text(value, "service", path)?;
        Ok(Service { address, roots })
    }
}

/// This machine as a device of an account.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) service: Service,
    pub(super) account_id: AccountId,
    pub(super) key: DeviceKey,
    /// What this device may do, all of which its tokens let it do.
    pub(super) grants: Capabilities,
}

impl SignedIn {
    /// The account, as this device sees it.
    pub(super) fn account(&self) -> Result<Account> {
        Ok(self.service.client()?.device(self.account_id, self.key.clone(), self.grants))
    }
}

/// The folder, which is made when something is to be written.
fn folder(app: &App) -> Result<PathBuf> {
    crate::place::account_folder(app.global.account_dir.as_deref()).ok_or_else(|| {
        Failure::usage("there is no home folder to keep the account's files in")
            .hint("name a folder with --account-dir or $STRONGROOM_ACCOUNT_DIR")
    })
}

/// What `strongroom account sign-in` wrote.
pub(super) fn signed_in(app: &App) -> Result<SignedIn> {
    let folder = folder(app)?;
    let path = folder.join(ACCOUNT);
    if !path.exists() {
        return Err(Failure::usage("this machine is not signed in to an account")
            .hint("sign in with `strongroom account sign-in`, or register with `strongroom account register`"));
    }
    let value = parsed(&path)?;
    let account_id = text(&value, "account", &path)?.parse()?;
    let service = Service::from_json(&value, &path)?;
    let key = secrets::read_device_key(&folder.join(KEY))?;
    let grants = text(&value, "grants", &path)?.parse()?;
    Ok(SignedIn { service, account_id, key, grants })
}

/// Whether this machine is signed in.
pub(super) fn is_signed_in(app: &App) -> bool {
    folder(app).is_ok_and(|folder| folder.join(ACCOUNT).exists())
}

/// Writes the key first: without it, the rest means nothing.
pub(super) fn keep(app: &App, signed_in: &SignedIn) -> Result {
    let folder = folder(app)?;
    write(&folder, KEY, &signed_in.key.to_bytes())?;
    let mut value = signed_in.service.to_json();
    value["account"] = signed_in.account_id.to_string().into();
    value["grants"] = signed_in.grants.to_string().into();
    value["device"] = signed_in.key.id().to_string().into();
    write(&folder, ACCOUNT, format!("{value:#}\n").as_bytes())
}

/// Removes what [`keep`] wrote.
pub(super) fn forget(app: &App) -> Result {
    let folder = folder(app)?;
    [ACCOUNT, KEY].iter().try_for_each(|name| remove(&folder.join(name)))
}

/// Remembers a registration until it is confirmed.
pub(super) fn keep_registration(app: &App, service: &Service, registration: &RegistrationId) -> Result {
    let mut value = service.to_json();
    value["registration"] = registration.to_string().into();
    write(&folder(app)?, PENDING, format!("{value:#}\n").as_bytes())
}

/// The registration to confirm.
pub(super) fn registration(app: &App) -> Result<(Service, RegistrationId)> {
    let path = folder(app)?.join(PENDING);
    if !path.exists() {
        return Err(Failure::usage("no registration waits for its confirmation on this machine")
            .hint("register with `strongroom account register`"));
    }
    let value = parsed(&path)?;
    let registration = text(&value, "registration", &path)?.parse()?;
    Ok((Service::from_json(&value, &path)?, registration))
}

pub(super) fn forget_registration(app: &App) -> Result {
    remove(&folder(app)?.join(PENDING))
}

fn parsed(path: &Path) -> Result<Value> {
    serde_json::from_str(&read(path)?)
        .map_err(|_| Failure::usage(format!("{} is not what this command writes", path.display())))
}

fn text(value: &Value, name: &str, path: &Path) -> Result<String> {
    let text = value[name].as_str().map(str::to_owned);
    text.ok_or_else(|| Failure::usage(format!("{} does not say its {name}", path.display())))
}

fn read(path: &Path) -> Result<String> {
    use std::io::Read;
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
    read.map_err(|error| Failure::io(error, "read the file", path.display()))?;
    Ok(text)
}

/// Writes a file for its owner alone, whole or not at all.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result {
    use std::os::unix::fs::DirBuilderExt;
    let path = folder.join(name);
    let written = || {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Temporary files are their owner's alone.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    };
    written().map_err(|error| Failure::io(error, "write the file", path.display()))
}

fn remove(path: &Path) -> Result {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::io(error, "remove the file", path.display()))
        }
        _ => Ok(()),
    }
}
