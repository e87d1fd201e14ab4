//! A service in a process of its own, and people with devices.

use super::timed::{Log, Timed};
use anyhow::{Context as _, Result, bail, ensure};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use strongroom::account::transport::{HttpOptions, HttpTransport};
use strongroom::account::wire::{Capabilities, VaultId};
use strongroom::account::{Account, AccountClient, Password, Registrant, SignInStep, VaultAccess};
use strongroom::{Context, DeviceKey};

pub(super) const PASSWORD: &str = "a password that nobody else has";

/// The service. Ends with this value.
pub(super) struct World {
    child: Child,
    url: String,
    server: PathBuf,
    config: PathBuf,
    certificate: String,
    sqlite: bool,
}

/// A device with a vault of its own.
pub(super) struct Device {
    pub(super) account: Account,
    pub(super) access: VaultAccess,
    pub(super) key: [u8; 32],
    email: String,
}

impl World {
    /// Starts the service with a certificate of its own.
    pub(super) fn start(server: &Path, database: Option<&str>, work: &Path) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let at = |name: &str| work.join(name).display().to_string();
        let certificate = made.cert.pem();
        fs::write(at("certificate.pem"), &certificate)?;
        fs::write(at("key.pem"), made.signing_key.serialize_pem())?;
        let url = database.map_or_else(|| format!("sqlite:{}", at("accounts.sqlite")), str::to_owned);
        let config = format!(
            "[service]\nkey_file = {:?}\n[listen]\naddress = \"127.0.0.1:0\"\ntls_certificate = {:?}\ntls_key = {:?}\n\
             [database]\nurl = {url:?}\n[storage]\nfolder = {:?}\n\
             [limits]\nanonymous_per_minute = 100000\naccount_per_minute = 1000000\n\
             [stretching]\nmemory_kib = 19456\npasses = 2\nlanes = 1\n\
             [[plans]]\nid = \"large\"\nname = \"Large\"\ncategory = \"personal\"\nquota_bytes = 1099511627776\n",
            at("service.key"),
            at("certificate.pem"),
            at("key.pem"),
            at("objects"),
        );
        let path = work.join("strongroom-server.toml");
        fs::write(&path, config)?;
        let mut child = Command::new(server)
            .arg("--config")
            .arg(&path)
            .arg("serve")
            .env("STRONGROOM_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", server.display()))?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().context("the service has no output")?).read_line(&mut url)?;
        let url = url.trim().to_owned();
        let sqlite = database.is_none();
        let world = World { child, url, server: server.to_owned(), config: path, certificate, sqlite };
        ensure!(world.url.starts_with("https://"), "the service did not start");
        Ok(world)
    }

    pub(super) fn database(&self) -> &'static str {
        if self.sqlite { "SQLite" } else { "PostgreSQL" }
    }

    pub(super) fn email(account: u32) -> String {
        format!("person{account}@example.org")
    }

    fn transport(&self) -> Result<HttpTransport> {
        let options = HttpOptions::new().root_certificates(self.certificate.as_bytes())?;
        Ok(HttpTransport::new(&self.url, options)?)
    }

    pub(super) fn client(&self) -> Result<AccountClient> {
        Ok(AccountClient::new(self.transport()?))
    }

    /// Registers people, and gives them devices with vaults, whose requests are logged.
    pub(super) fn people(&self, accounts: u32, devices: u32, log: &Log) -> Result<Vec<Device>> {
        let (ctx, accounts) = (Context::new(), accounts.max(1));
        let mut pending = Vec::new();
        for account in 0..accounts {
            let who = Registrant {
                first_name: "Kim".to_owned(),
                last_name: "Example".to_owned(),
                email: Self::email(account),
                plan: "large".to_owned(),
            };
            pending.push(self.client()?.register(who, Password::new(PASSWORD), &ctx)?.registration_id);
        }
        let outbox = self.outbox()?;
        let mut made = Vec::new();
        for (account, registration) in (0..accounts).zip(pending) {
            let email = Self::email(account);
            self.client()?.confirm(registration, &code(&outbox, &email)?, &ctx)?;
            let session = self.session(&email)?;
            for device in (0..devices).filter(|device| device % accounts == account) {
                let key = DeviceKey::generate()?;
                session.add_device(&key.request(&format!("device {device}"))?, Capabilities::ALL, true, &ctx)?;
                let vault = session.create_vault(&format!("vault {device}"), None, &ctx)?.vault_id;
                let client = AccountClient::new(Timed { inner: self.transport()?, log: log.clone() });
                let account = client.device(session.id(), key, Capabilities::ALL);
                let access = account.vault_access(&vault, Capabilities::ALL);
                made.push(Device { account, access, key: *session.vault_key(&vault)?, email: email.clone() });
            }
            session.sign_out(&ctx)?;
        }
        Ok(made)
    }

    fn session(&self, email: &str) -> Result<Account> {
        match self.client()?.sign_in(email, Password::new(PASSWORD), None, &Context::new())? {
            SignInStep::SignedIn(session) => Ok(session),
            SignInStep::SecondFactor(_) => bail!("a second factor was asked for"),
        }
    }

    /// Another vault of a device's account.
    pub(super) fn vault_of(&self, device: &Device, name: &str) -> Result<VaultAccess> {
        let vault: VaultId = device.account.create_vault(name, None, &Context::new())?.vault_id;
        Ok(device.account.vault_access(&vault, Capabilities::ALL))
    }

    pub(super) fn delete_vault(&self, device: &Device, access: &VaultAccess) -> Result<()> {
        let session = self.session(&device.email)?;
        session.delete_vault(&access.vault(), &Context::new())?;
        Ok(session.sign_out(&Context::new())?)
    }

    fn outbox(&self) -> Result<String> {
        let said = Command::new(&self.server).arg("--config").arg(&self.config).args(["admin", "outbox"]).output()?;
        ensure!(said.status.success(), "the outbox cannot be read: {}", String::from_utf8_lossy(&said.stderr));
        Ok(String::from_utf8(said.stdout)?)
    }

    /// The largest memory that the service has had, in bytes.
    pub(super) fn peak(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the system does not say")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The code of the mail to somebody.
fn code(outbox: &str, email: &str) -> Result<String> {
    let mail = outbox.split("To: ").find(|mail| mail.starts_with(email) || mail.contains(&format!("<{email}>")));
    let digits = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
    let code = mail.and_then(|mail| mail.split(|c: char| !c.is_alphanumeric()).find(digits));
    Ok(code.with_context(|| format!("no code was mailed to {email}"))?.to_owned())
}
