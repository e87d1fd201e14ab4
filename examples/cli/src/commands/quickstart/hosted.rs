//! The account service that the quickstart runs in itself, and a person with two devices who uses it.

use super::home::Device;
use super::{Places, Steps, write_secret};
use crate::exit::{Exit, Failure, Result};
use crate::output::units::{counted, size};
use std::path::Path;
use std::time::Instant;
use strongroom::account::transport::{HttpOptions, HttpTransport};
use strongroom::account::wire::{AccountId, Capabilities, Capability, VaultId};
use strongroom::account::{Account, AccountClient, Password, Registrant, SignInStep};
use strongroom::{Context, DeviceKey, ErrorKind, RecoveryCode, Secret, VaultBackend};
use strongroom_server::{Config, Plan, Running, Service, admin};
use zeroize::Zeroizing;

const EMAIL: &str = "kim@example.org";
const PLAN: &str = "home";
const VAULT: &str = "quickstart";
const QUOTA: u64 = 1 << 40;

/// A service, and an account with two devices and a vault.
pub(super) struct Hosted {
    // Stops when it is dropped.
    _running: Running,
    vault: VaultId,
    first: Enrolled,
    second: Enrolled,
}

/// A device, with what it may do.
struct Enrolled {
    account: Account,
    key: DeviceKey,
    grants: Capabilities,
}

impl Hosted {
    /// Starts the service, registers, signs in on two devices and makes a vault.
    pub(super) fn start(places: &Places, steps: &mut Steps<'_>) -> Result<Self> {
        let ctx = Context::new();
        let began = Instant::now();
        let folder = places.base.join("service");
        std::fs::create_dir(&folder)
            .map_err(|error| Failure::io(error, "make the service's folder", folder.display()))?;
        let config = configuration(&folder);
        let running = Service::start(config.clone())?;
        let url = running.url();
        steps.done(&format!("Started an account service at {url}"), began.elapsed());

        let began = Instant::now();
        let client = || Ok::<_, Failure>(AccountClient::new(HttpTransport::new(&url, HttpOptions::new())?));
        // A recovery code is as good a random password as any.
        let password = RecoveryCode::generate()?.reveal();
        write_secret(&places.password, &password)?;
        let who = Registrant {
            first_name: "Kim".to_owned(),
            last_name: "Example".to_owned(),
            email: EMAIL.to_owned(),
            plan: PLAN.to_owned(),
        };
        let pending = client()?.register(who, Password::new(password.as_bytes()), &ctx)?;
        let account_id = client()?.confirm(pending.registration_id, &mailed_code(config)?, &ctx)?;
        let what = format!("Registered {EMAIL} with the plan {PLAN}, and confirmed it with the code of the mail");
        steps.done(&what, began.elapsed());

        let began = Instant::now();
        let (first, vault) = enrol(&client()?, account_id, &password, "laptop", Capabilities::ALL, |session| {
            Ok(Some(session.create_vault(VAULT, None, &ctx)?.vault_id))
        })?;
        let reader = Capabilities::from([Capability::Read]);
        let (second, _) = enrol(&client()?, account_id, &password, "phone", reader, |_| Ok(None))?;
        let vault = vault.ok_or_else(|| Failure::new(Exit::Error, "the service made no vault"))?;
        steps.done("Signed in on two devices, each with a key of its own; the password stayed here", began.elapsed());
        Ok(Hosted { _running: running, vault, first, second })
    }

    fn device(&self, device: Device) -> &Enrolled {
        match device {
            Device::First => &self.first,
            Device::Second => &self.second,
        }
    }

    /// The vault, as a device reaches it.
    pub(super) fn backend(&self, device: Device) -> VaultBackend {
        let device = self.device(device);
        VaultBackend::new(device.account.vault_access(&self.vault, device.grants))
    }

    /// The key of the account for the vault, which is sealed to the device.
    pub(super) fn secret(&self, device: Device) -> Result<Secret> {
        let account = self.device(device).account.open_master_key(&Context::new())?;
        Ok(Secret::account_key(*account.vault_key(&self.vault)?))
    }

    /// Revokes the second device, and sees that it is one no more.
    pub(super) fn finish(&self, steps: &mut Steps<'_>) -> Result {
        let ctx = Context::new();
        let began = Instant::now();
        let usage = self.first.account.usage(&ctx)?;
        let what = format!(
            "The service holds {} of {}, as {}; it can read none of them",
            size(usage.bytes),
            size(usage.quota_bytes),
            counted(usage.objects, "object", "objects"),
        );
        steps.done(&what, began.elapsed());
        let began = Instant::now();
        self.first.account.revoke_device(&self.second.key.id(), &ctx)?;
        let still = strongroom::Backend::stat(&self.backend(Device::Second), &"config".parse()?);
        match still {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Err(Failure::new(Exit::Error, "a device that was revoked can still read")),
        }
        steps.done("Revoked the second device: the service refuses it from now on", began.elapsed());
        Ok(())
    }
}

/// Signs in with the password, does what only a session may, and adds a device.
fn enrol(
    client: &AccountClient,
    account_id: AccountId,
    password: &Zeroizing<String>,
    name: &str,
    grants: Capabilities,
    also: impl FnOnce(&Account) -> Result<Option<VaultId>>,
) -> Result<(Enrolled, Option<VaultId>)> {
    let ctx = Context::new();
    let session = match client.sign_in(EMAIL, Password::new(password.as_bytes()), None, &ctx)? {
        SignInStep::SignedIn(session) => session,
        SignInStep::SecondFactor(_) => {
            return Err(Failure::new(Exit::Error, "the service asks for a second factor that nobody set up"));
        }
    };
    let key = DeviceKey::generate()?;
    session.add_device(&key.request(name)?, grants, true, &ctx)?;
    let made = also(&session)?;
    session.sign_out(&ctx)?;
    let account = client.device(account_id, key.clone(), grants);
    Ok((Enrolled { account, key, grants }, made))
}

/// The code in the mail, which without a mail server stays in the outbox, where the service's operator finds it.
fn mailed_code(config: Config) -> Result<String> {
    let outbox = admin::run(config, &["outbox".to_owned()])?;
    let digits = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
    let code = outbox.split(|character: char| !character.is_alphanumeric()).find(digits);
    code.map(str::to_owned).ok_or_else(|| Failure::new(Exit::Error, "no code was mailed"))
}

fn configuration(folder: &Path) -> Config {
    let mut config = Config::default();
    config.service.key_file = folder.join("service.key");
    config.listen.address = ([127, 0, 0, 1], 0).into();
    config.database.url = format!("sqlite:{}", folder.join("accounts.sqlite").display());
    config.storage.folder = folder.join("objects");
    config.plans = vec![Plan::free(PLAN, QUOTA)];
    config
}
