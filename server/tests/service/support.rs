//! A service for one test, and people who use it.

use crate::mail::Inbox;
use crate::postgres;
use std::time::{Duration, Instant};
use strongroom::account::transport::{HttpOptions, HttpTransport, Method, Transport, TransportRequest};
use strongroom::account::wire::{AccountId, Capabilities, Device, ProblemDocument};
use strongroom::account::{Account, AccountClient, Password, Registrant, SignInStep};
use strongroom::{CancelToken, Context, DeviceKey, Error, ErrorKind, RecoveryCode};
use strongroom_server::{Clock, Config, Plan, Running, Service};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A running service, its clock and its mail.
pub(crate) struct World {
    pub(crate) running: Option<Running>,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) inbox: Inbox,
    pub(crate) ctx: Context,
    pub(crate) folder: TempDir,
}

/// Somebody with an account.
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) id: AccountId,
    pub(crate) account: Account,
    pub(crate) recovery_code: RecoveryCode,
}

/// Runs a test on each database there is.
pub(crate) fn on_each_database(test: impl Fn(&mut World)) {
    test(&mut World::new(None, |_| {}));
    if let Some(url) = postgres::database() {
        test(&mut World::new(Some(url), |_| {}));
    }
}

pub(crate) fn plans() -> Vec<Plan> {
    let text = include_str!("../../deploy/strongroom-server.toml");
    let mut plans = Config::parse(text).unwrap().plans;
    plans[1].stripe_price = Some("price_pro".to_owned());
    let year = Plan {
        id: "pro-yearly".to_owned(),
        price_cents: 9000,
        interval: strongroom::account::wire::Interval::Year,
        stripe_price: Some("price_pro_yearly".to_owned()),
        ..plans[1].clone()
    };
    plans.push(year);
    plans
}

impl World {
    pub(crate) fn new(database: Option<String>, adapt: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open();
        let mut config = Config { plans: plans(), ..Config::default() };
        config.service.key_file = folder.path().join("service.key");
        config.listen.address = ([127, 0, 0, 1], 0).into();
        config.listen.metrics = Some(([127, 0, 0, 1], 0).into());
        config.listen.stop_seconds = 5;
        config.database.url =
            database.unwrap_or_else(|| format!("sqlite:{}", folder.path().join("db.sqlite").display()));
        config.storage.folder = folder.path().join("objects");
        config.mail.server = Some(format!("smtp://{}", inbox.address()));
        config.limits.anonymous_per_minute = 100_000;
        config.stretching.memory_kib = 19 * 1024;
        config.stretching.passes = 2;
        config.stretching.lanes = 1;
        adapt(&mut config);
        let clock = Clock::system();
        let running = Service::start_at(config.clone(), clock.clone()).unwrap();
        World { running: Some(running), config, clock, inbox, ctx: Context::new(), folder }
    }

    pub(crate) fn restart(&mut self) {
        self.running.take().unwrap().stop();
        self.running = Some(Service::start_at(self.config.clone(), self.clock.clone()).unwrap());
    }

    pub(crate) fn transport(&self) -> HttpTransport {
        HttpTransport::new(&self.running.as_ref().unwrap().url(), HttpOptions::new()).unwrap()
    }

    /// A client that is told of every failure at once.
    pub(crate) fn client(&self) -> AccountClient {
        AccountClient::new(self.transport()).tries(1, Duration::from_secs(10))
    }

    pub(crate) fn registrant(email: &str) -> Registrant {
        Registrant {
            first_name: "Kim".to_owned(),
            last_name: "Example".to_owned(),
            email: email.to_owned(),
            plan: "free".to_owned(),
        }
    }

    pub(crate) fn register(&self, email: &str) -> Person {
        self.register_for(email, "free")
    }

    pub(crate) fn register_for(&self, email: &str, plan: &str) -> Person {
        let client = self.client();
        let registrant = Registrant { plan: plan.to_owned(), ..World::registrant(email) };
        let pending = client.register(registrant, Password::new(PASSWORD), &self.ctx).unwrap();
        let code = self.inbox.code(email);
        let id = client.confirm(pending.registration_id, &code, &self.ctx).unwrap();
        let account = self.sign_in(email, PASSWORD).unwrap();
        assert_eq!(account.id(), id);
        Person { email: email.to_owned(), id, account, recovery_code: pending.recovery_code }
    }

    pub(crate) fn sign_in(&self, email: &str, password: &str) -> Result<Account, Error> {
        match self.client().sign_in(email, Password::new(password), None, &self.ctx)? {
            SignInStep::SignedIn(account) => Ok(account),
            SignInStep::SecondFactor(_) => panic!("a second factor was not expected"),
        }
    }

    /// A device of the account, and the account as the device sees it.
    pub(crate) fn add_device(&self, person: &Person, grants: Capabilities) -> (Device, Account, DeviceKey) {
        let key = DeviceKey::generate().unwrap();
        let device = person.account.add_device(&key.request("phone").unwrap(), grants, true, &self.ctx).unwrap();
        (device, self.client().device(person.id, key.clone(), grants), key)
    }

    /// Sends a request as it stands, and gives the status, the problem if there is one, and the body.
    pub(crate) fn raw(&self, method: Method, target: &str, headers: &[(&'static str, String)], body: &[u8]) -> Raw {
        let request = TransportRequest { method, target, headers, body: &[body] };
        let response = self.transport().send(&request, &CancelToken::new()).unwrap();
        let (status, headers) = (response.status, response.headers.clone());
        let body = response.read(1 << 20, &CancelToken::new(), "read an answer").unwrap();
        Raw { status, headers, body }
    }
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Raw {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn kind(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let document: ProblemDocument = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(document.status, self.status);
        document.kind
    }
}

pub(crate) fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.kind(),
    }
}

/// Waits for something that another thread is about to do.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}
