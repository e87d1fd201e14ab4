//! A service with people and devices.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use strongroom::account::transport::{HttpOptions, HttpTransport};
use strongroom::account::wire::{Capabilities, Capability, VaultId};
use strongroom::account::{Account, AccountClient, Password, Registrant, SignInStep};
use strongroom::{Context, DeviceKey, VaultBackend};
use strongroom_server::{Clock, Config, Plan, Running, Service, admin};
use tempfile::TempDir;

pub(crate) const QUOTA: u64 = 4 << 30;

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    running: Option<Running>,
    certificate: Option<String>,
    people: AtomicU32,
}

impl World {
    /// Plain HTTP on loopback.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// With another configuration than usual.
    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::Builder::new().prefix("strongroom-").tempdir_in("/dev/shm");
        let folder = folder.or_else(|_| TempDir::new()).unwrap();
        let mut config = Config::default();
        config.service.key_file = folder.path().join("service.key");
        config.listen.address = "127.0.0.1:0".parse().unwrap();
        config.listen.stop_seconds = 5;
        config.database.url = format!("sqlite:{}", folder.path().join("test.sqlite").display());
        config.storage.folder = folder.path().join("objects");
        config.limits.anonymous_per_minute = 1_000_000;
        config.limits.account_per_minute = 100_000_000;
        config.stretching.memory_kib = 19 * 1024;
        config.stretching.passes = 2;
        config.stretching.lanes = 1;
        config.plans = vec![Plan::free("large", QUOTA), Plan::free("small", 100_000)];
        change(&mut config);
        let mut world = World {
            folder,
            config,
            clock: Clock::system(),
            running: None,
            certificate: None,
            people: AtomicU32::new(0),
        };
        world.serve();
        world
    }

    /// TLS with a certificate of its own.
    pub(crate) fn start_with_tls() -> Self {
        let mut pem = None;
        let mut world = Self::start_with(|config| {
            let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
            let folder = config.storage.folder.parent().unwrap().to_owned();
            let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
            std::fs::write(&certificate, made.cert.pem()).unwrap();
            std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            (config.listen.tls_certificate, config.listen.tls_key) = (Some(certificate), Some(key));
            pem = Some(made.cert.pem());
        });
        world.certificate = pem;
        world
    }

    fn serve(&mut self) {
        let running = Service::start_at(self.config.clone(), self.clock.clone()).unwrap();
        // The same address after a restart.
        self.config.listen.address = running.address();
        self.running = Some(running);
    }

    /// Stops the service, and starts it again at the same address after a pause.
    pub(crate) fn restart(&mut self, pause: Duration) {
        self.running.take().unwrap().stop();
        std::thread::sleep(pause);
        self.serve();
    }

    pub(crate) fn url(&self) -> String {
        self.running.as_ref().unwrap().url()
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.folder.path().join("objects")
    }

    pub(crate) fn transport(&self, url: &str) -> HttpTransport {
        let mut options = HttpOptions::new().silence_timeout(Duration::from_secs(20));
        if let Some(pem) = &self.certificate {
            options = options.root_certificates(pem.as_bytes()).unwrap();
        }
        HttpTransport::new(url, options).unwrap()
    }

    pub(crate) fn client(&self) -> AccountClient {
        AccountClient::new(self.transport(&self.url()))
    }

    /// Somebody who has just signed in for the first time.
    pub(crate) fn person(&self, plan: &str) -> Account {
        let (client, ctx) = (self.client(), Context::new());
        let email = format!("person{}@example.org", self.people.fetch_add(1, Ordering::Relaxed));
        let who = Registrant {
            first_name: "Kim".into(),
            last_name: "Example".into(),
            email: email.clone(),
            plan: plan.into(),
        };
        let pending = client.register(who, Password::new("correct horse battery"), &ctx).unwrap();
        client.confirm(pending.registration_id, &self.code(&email), &ctx).unwrap();
        match client.sign_in(&email, Password::new("correct horse battery"), None, &ctx).unwrap() {
            SignInStep::SignedIn(account) => account,
            SignInStep::SecondFactor(_) => panic!("nobody asked for a second factor"),
        }
    }

    /// The code in the mail to somebody.
    fn code(&self, email: &str) -> String {
        let outbox = admin::run(self.config.clone(), &["outbox".to_owned()]).unwrap();
        let mail = outbox.split("To: ").find(|mail| mail.starts_with(email) || mail.contains(&format!("<{email}>")));
        let digits = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
        mail.unwrap().split(|c: char| !c.is_alphanumeric()).find(digits).unwrap().to_owned()
    }

    /// A new device of somebody, with a key of its own.
    pub(crate) fn device(&self, owner: &Account, grants: impl Into<Capabilities>) -> (Account, DeviceKey) {
        let (key, grants) = (DeviceKey::generate().unwrap(), grants.into());
        owner.add_device(&key.request("phone").unwrap(), grants, true, &Context::new()).unwrap();
        (self.client().device(owner.id(), key.clone(), grants), key)
    }

    /// A new vault, as its owner's device with all capabilities has it.
    pub(crate) fn backend(&self, owner: &Account) -> VaultBackend {
        impatient(VaultBackend::new(owner.vault_access(&vault(owner), Capabilities::ALL)))
    }

    /// Makes a statement in the database, behind the service's back.
    pub(crate) fn sql(&self, statement: &'static str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            use sqlx::Connection;
            sqlx::any::install_default_drivers();
            let mut connection = sqlx::AnyConnection::connect(&self.config.database.url).await.unwrap();
            sqlx::query(statement).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    }
}

pub(crate) const WRITER: [Capability; 1] = [Capability::Append];
pub(crate) const READER: [Capability; 1] = [Capability::Read];

pub(crate) fn vault(owner: &Account) -> VaultId {
    owner.create_vault("photos", None, &Context::new()).unwrap().vault_id
}

/// A backend that does not wait for long between tries.
pub(crate) fn impatient(backend: VaultBackend) -> VaultBackend {
    backend.longest_wait(Duration::from_millis(40)).tries(40).within(Duration::from_secs(120))
}

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}
