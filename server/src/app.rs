//! What every request works with.

use crate::billing::Payment;
use crate::clock::Clock;
use crate::config::Config;
use crate::database::Database;
use crate::limiter::Limiter;
use crate::mail::Mailer;
use crate::metrics::Metrics;
use crate::opaque::Opaque;
use crate::service_key::ServiceKey;
use crate::vault::Vaults;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::Notify;

/// The service's state. Cheap to clone; clones share it.
#[derive(Clone)]
pub(crate) struct App(Arc<State>);

/// What [`App`] shares.
pub(crate) struct State {
    /// The configuration.
    pub(crate) config: Config,
    /// The database.
    pub(crate) database: Database,
    /// The time.
    pub(crate) clock: Clock,
    /// The service's own key.
    pub(crate) key: ServiceKey,
    /// Counters.
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) vaults: Vaults,
    pub(crate) opaque: Opaque,
    pub(crate) payment: Payment,
    pub(crate) mailer: Mailer,
    pub(crate) mail_waiting: Notify,
    pub(crate) anonymous: Limiter<IpAddr>,
    pub(crate) accounts: Limiter<String>,
}

impl App {
    pub(crate) fn new(state: State) -> Self {
        App(Arc::new(state))
    }
}

impl Deref for App {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}
