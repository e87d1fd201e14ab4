//! The configuration: one TOML file. `server/deploy/strongroom-server.toml` in the project's sources explains every setting.

use crate::plans::Plan;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use strongroom::account::wire::Stretching;
use strongroom::{Cost, Error, ErrorKind};

/// Everything that can be set. Settings that are left out have the values of [`Default`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What the service says of itself.
    pub service: ServiceConfig,
    /// Where it listens.
    pub listen: ListenConfig,
    /// Its database.
    pub database: DatabaseConfig,
    /// Where the objects of vaults are kept.
    pub storage: StorageConfig,
    /// How it sends mail.
    pub mail: MailConfig,
    /// How it is paid.
    pub payment: PaymentConfig,
    /// What it holds clients to.
    pub limits: LimitsConfig,
    /// The cost of a try at a password, for clients; at least the engine's own floor.
    pub stretching: StretchingConfig,
    /// Plans, written into the catalogue at every start; one that is no longer listed stays in force for those who have it.
    pub plans: Vec<Plan>,
}

/// What the service says of itself, in mails and at `/v1/service`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceConfig {
    /// Its name.
    pub name: String,
    /// Whom to write to, about privacy too.
    pub contact: String,
    /// Where its notices are published.
    pub notices_url: Option<String>,
    /// The file with the service's own 32-byte key; made at the first start. Every process of a service has the same.
    pub key_file: PathBuf,
}

/// Where the service listens.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenConfig {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// The certificate chain, PEM. Without one, only a loopback address is accepted.
    pub tls_certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// Where `/metrics` is served, over plain HTTP: a loopback address. Nowhere without it.
    pub metrics: Option<SocketAddr>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Most connections at one time.
    pub connections: usize,
    /// How long requests that run are given to finish when the service stops, in seconds.
    pub stop_seconds: u64,
}

/// The service's database.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`.
    pub url: String,
    /// Most connections to it.
    pub connections: u32,
}

/// Where the objects of vaults are kept: a folder, or a bucket of an S3-compatible store where `bucket` is set.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// The folder.
    pub folder: PathBuf,
    /// The bucket.
    pub bucket: Option<String>,
    /// The address of the store, for others than Amazon's.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: String,
    /// The access key's id.
    pub access_key_id: Option<String>,
    /// The access key's secret.
    pub secret_access_key: Option<String>,
    /// Begins the name of every object in the bucket.
    pub prefix: String,
}

/// How mail is sent. Without a server it stays in the outbox, and codes are to be had from the admin command.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// `smtps://USER:PASSWORD@HOST`, `smtp://HOST?tls=required`, or plain `smtp://` to a loopback address.
    pub server: Option<String>,
    /// The sender's address, with a name if wanted: `Strongroom <backup@example.org>`.
    pub from: String,
}

/// How the service is paid.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaymentConfig {
    /// `manual`: plans are changed by asking, invoices are settled outside. `stripe`: through Stripe's hosted pages.
    pub provider: PaymentProvider,
    /// Stripe's secret key.
    pub stripe_secret_key: Option<String>,
    /// The secret that Stripe signs webhooks with.
    pub stripe_webhook_secret: Option<String>,
    /// The address of Stripe's interface.
    pub stripe_api: String,
    /// Where hosted pages lead back to.
    pub return_url: String,
    /// Days that a cancelled account can still be read.
    pub read_only_days: u32,
}

/// Who takes the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentProvider {
    /// Nobody that the service knows of.
    Manual,
    /// Stripe.
    Stripe,
}

/// What clients are held to.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Requests a minute from one address without a token, and as many again at once.
    pub anonymous_per_minute: u32,
    /// Requests a minute of one account.
    pub account_per_minute: u32,
    /// Failed sign-ins of one account from one address before each further one has to wait.
    pub free_failures: u32,
    /// Whether anyone may register.
    pub registration_open: bool,
}

/// Argon2id's parameters for passwords.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StretchingConfig {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        ServiceConfig {
            name: "Strongroom".to_owned(),
            contact: "postmaster@localhost".to_owned(),
            notices_url: None,
            key_file: "service.key".into(),
        }
    }
}

impl Default for ListenConfig {
    fn default() -> Self {
        ListenConfig {
            address: SocketAddr::from(([127, 0, 0, 1], 8743)),
            tls_certificate: None,
            tls_key: None,
            metrics: None,
            trusted_proxies: Vec::new(),
            connections: 2048,
            stop_seconds: 30,
        }
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        DatabaseConfig { url: "sqlite:strongroom.sqlite".to_owned(), connections: 8 }
    }
}

impl Default for StorageConfig {
    fn default() -> Self {
        StorageConfig {
            folder: "objects".into(),
            bucket: None,
            endpoint: None,
            region: "us-east-1".to_owned(),
            access_key_id: None,
            secret_access_key: None,
            prefix: String::new(),
        }
    }
}

impl Default for MailConfig {
    fn default() -> Self {
        MailConfig { server: None, from: "Strongroom <strongroom@localhost>".to_owned() }
    }
}

impl Default for PaymentConfig {
    fn default() -> Self {
        PaymentConfig {
            provider: PaymentProvider::Manual,
            stripe_secret_key: None,
            stripe_webhook_secret: None,
            stripe_api: "https://api.stripe.com".to_owned(),
            return_url: "http://localhost".to_owned(),
            read_only_days: 30,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        LimitsConfig { anonymous_per_minute: 300, account_per_minute: 6000, free_failures: 5, registration_open: true }
    }
}

impl Default for StretchingConfig {
    fn default() -> Self {
        StretchingConfig { memory_kib: 64 * 1024, passes: 3, lanes: 4 }
    }
}

impl StretchingConfig {
    pub(crate) fn to_wire(&self) -> Result<Stretching, Error> {
        Ok(Stretching::argon2id(Cost::new(self.memory_kib, self.passes, self.lanes)?))
    }
}

/// Environment variables that win over the file, for what a file should not hold, and the settings they set.
const VARIABLES: &[(&str, Setting)] = &[
    ("STRONGROOM_DATABASE_URL", |config| Slot::Text(&mut config.database.url)),
    ("STRONGROOM_MAIL_SERVER", |config| Slot::Optional(&mut config.mail.server)),
    ("STRONGROOM_STORAGE_ACCESS_KEY_ID", |config| Slot::Optional(&mut config.storage.access_key_id)),
    ("STRONGROOM_STORAGE_SECRET_ACCESS_KEY", |config| Slot::Optional(&mut config.storage.secret_access_key)),
    ("STRONGROOM_STRIPE_SECRET_KEY", |config| Slot::Optional(&mut config.payment.stripe_secret_key)),
    ("STRONGROOM_STRIPE_WEBHOOK_SECRET", |config| Slot::Optional(&mut config.payment.stripe_webhook_secret)),
];

type Setting = fn(&mut Config) -> Slot<'_>;

enum Slot<'a> {
    Text(&'a mut String),
    Optional(&'a mut Option<String>),
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// When it cannot be read, is not TOML, has a setting that is not known, or one that makes no sense.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let operation = "read the configuration";
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(error, operation).object(path.display()))?;
        Self::parse(&text).map_err(|error| error.or_object(path.display()))
    }

    /// Reads a configuration.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str) -> Result<Self, Error> {
        // The message alone: with the place, the error would show the line, and a line may hold a secret.
        let config: Config = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text.get(..span.start).map_or(0, |before| before.lines().count()));
            invalid(format!("near line {line}: {}", error.message()))
        })?;
        Ok(config)
    }

    /// Takes secrets and the database from the environment, as `lookup` sees it.
    pub fn take_from(&mut self, lookup: impl Fn(&str) -> Option<String>) {
        for (variable, slot) in VARIABLES {
            if let Some(value) = lookup(variable) {
                match slot(self) {
                    Slot::Text(text) => *text = value,
                    Slot::Optional(text) => *text = Some(value),
                }
            }
        }
    }

    /// Whether the settings make sense together.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument), saying which do not.
    pub fn check(&self) -> Result<(), Error> {
        let listen = &self.listen;
        match (&listen.tls_certificate, &listen.tls_key) {
            (Some(_), Some(_)) => {}
            (None, None) if listen.address.ip().is_loopback() => {}
            (None, None) => {
                return Err(invalid(
                    "listen.address is not a loopback address: set listen.tls_certificate and listen.tls_key"
                        .to_owned(),
                ));
            }
            _ => return Err(invalid("listen.tls_certificate and listen.tls_key belong together".to_owned())),
        }
        if listen.metrics.is_some_and(|address| !address.ip().is_loopback()) {
            return Err(invalid("listen.metrics is plain HTTP, and must be a loopback address".to_owned()));
        }
        Cost::new(self.stretching.memory_kib, self.stretching.passes, self.stretching.lanes)
            .map_err(|error| invalid(format!("stretching: {}", error.detail_text().unwrap_or_default())))?;
        if self.payment.provider == PaymentProvider::Stripe
            && (self.payment.stripe_secret_key.is_none() || self.payment.stripe_webhook_secret.is_none())
        {
            return Err(invalid(
                "payment.provider is stripe, which needs its secret key and webhook secret".to_owned(),
            ));
        }
        crate::plans::check_catalogue(&self.plans)
    }
}

impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseConfig").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for StorageConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StorageConfig")
            .field("folder", &self.folder)
            .field("bucket", &self.bucket)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailConfig").field("from", &self.from).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PaymentConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PaymentConfig").field("provider", &self.provider).finish_non_exhaustive()
    }
}

fn invalid(detail: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "read the configuration").detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_says_the_defaults() {
        let example = Config::parse(include_str!("../deploy/strongroom-server.toml")).unwrap();
        example.check().unwrap();
        let default = Config::default();
        assert_eq!(example.listen.connections, default.listen.connections);
        assert_eq!(example.database.connections, default.database.connections);
        assert_eq!(example.limits.account_per_minute, default.limits.account_per_minute);
        assert_eq!(example.limits.anonymous_per_minute, default.limits.anonymous_per_minute);
        assert_eq!(example.stretching.memory_kib, default.stretching.memory_kib);
        assert_eq!(example.payment.read_only_days, default.payment.read_only_days);
        assert!(!example.plans.is_empty());
    }

    #[test]
    fn plain_http_is_for_loopback_and_nothing_weak_is_accepted() {
        for (text, word) in [
            ("[listen]\naddress = \"0.0.0.0:80\"", "loopback"),
            ("[listen]\ntls_key = \"key.pem\"", "together"),
            ("[listen]\nmetrics = \"10.0.0.1:9000\"", "metrics"),
            ("[stretching]\nmemory_kib = 1024", "floor"),
            ("[payment]\nprovider = \"stripe\"", "secret"),
        ] {
            let error = Config::parse(text).unwrap().check().unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
        Config::default().check().unwrap();
    }

    #[test]
    fn a_mistake_is_named_without_the_line_it_stands_in() {
        let text = "[database]\nurl = \"postgres://me:hunter2@host/db\" nonsense\n";
        let message = Config::parse(text).unwrap_err().to_string();
        assert!(message.contains("line") && !message.contains("hunter2"), "{message}");
        assert!(Config::parse("[listen]\nport = 1").unwrap_err().to_string().contains("port"));
    }

    #[test]
    fn secrets_come_from_the_environment_and_stay_out_of_debug() {
        let mut config = Config::default();
        config.take_from(|name| Some(format!("value-of-{name}")));
        assert_eq!(config.payment.stripe_secret_key.as_deref(), Some("value-of-STRONGROOM_STRIPE_SECRET_KEY"));
        assert!(!format!("{config:?}").contains("value-of-"));
    }
}
