//! Starting and stopping the service, in a process of its own or inside of another program.

use crate::app::{App, State};
use crate::billing::Payment;
use crate::clock::Clock;
use crate::config::Config;
use crate::database::Database;
use crate::limiter::Limiter;
use crate::listen::Server;
use crate::mail::{self, Mailer};
use crate::metrics::Metrics;
use crate::opaque::Opaque;
use crate::service_key::ServiceKey;
use crate::vault::Vaults;
use crate::{plans, router, sweep, tls};
use axum::Router;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use strongroom::Error;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Starts the service.
#[derive(Debug)]
pub struct Service;

/// The service as it runs, on threads of its own. Dropped, it [stops](Self::stop).
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    encrypted: bool,
    stop: watch::Sender<bool>,
    tasks: Option<(Runtime, Vec<JoinHandle<()>>, Database)>,
}

impl Service {
    /// Starts the service, and comes back once it listens.
    ///
    /// # Errors
    /// When the configuration makes no sense, or what it names (database, key, certificate, address) cannot be used.
    pub fn start(config: Config) -> Result<Running, Error> {
        Self::start_at(config, Clock::system())
    }

    /// As [`start`](Self::start), by another clock.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_at(config: Config, clock: Clock) -> Result<Running, Error> {
        config.check()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("strongroom-server")
            .build()
            .map_err(|error| Error::io(error, "start the service's threads"))?;
        let (mut running, tasks, database) = runtime.block_on(Self::listen(config, clock))?;
        running.tasks = Some((runtime, tasks, database));
        Ok(running)
    }

    async fn listen(config: Config, clock: Clock) -> Result<(Running, Vec<JoinHandle<()>>, Database), Error> {
        let acceptor = match (&config.listen.tls_certificate, &config.listen.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsAcceptor::from(tls::server_config(certificate, key)?)),
            _ => None,
        };
        let app = open(config, clock).await?;
        let listener = bind(app.config.listen.address).await?;
        let metrics = match app.config.listen.metrics {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let (stop, stopped) = watch::channel(false);
        let address = listener.local_addr().map_err(|error| Error::io(error, "listen"))?;
        let started = Running {
            address,
            metrics: metrics.as_ref().and_then(|listener| listener.local_addr().ok()),
            encrypted: acceptor.is_some(),
            stop,
            tasks: None,
        };
        let stop_after = Duration::from_secs(app.config.listen.stop_seconds);
        let server = |listener, tls, router, connections| Server {
            listener,
            tls,
            router,
            connections,
            stop_after,
            metrics: Arc::clone(&app.metrics),
        };
        let main = server(listener, acceptor, router::router(app.clone()), app.config.listen.connections);
        let mut tasks = vec![
            tokio::spawn(main.run(stopped.clone())),
            tokio::spawn(mail::run(app.clone(), stopped.clone())),
            tokio::spawn(sweep::run(app.clone(), stopped.clone())),
            tokio::spawn(app.vaults.clone().run(stopped.clone())),
        ];
        if let Some(listener) = metrics {
            let counters = Arc::clone(&app.metrics);
            let router = Router::new().route("/metrics", axum::routing::get(move || async move { counters.render() }));
            tasks.push(tokio::spawn(server(listener, None, router, 16).run(stopped)));
        }
        tracing::info!(
            %address,
            encrypted = started.encrypted,
            sqlite = app.database.is_sqlite(),
            "the service listens"
        );
        Ok((started, tasks, app.database.clone()))
    }
}

/// Opens everything a configuration names, but listens nowhere.
pub(crate) async fn open(config: Config, clock: Clock) -> Result<App, Error> {
    let key = ServiceKey::load_or_create(&config.service.key_file)?;
    let database = Database::open(&config.database.url, config.database.connections).await?;
    let opaque = Opaque::load_or_create(database.pool(), &key).await.map_err(crate::problem::Problem::into_error)?;
    plans::publish(&database, &config.plans).await.map_err(crate::problem::Problem::into_error)?;
    let vaults = Vaults::open(database.clone(), &config.storage, clock.clone())
        .await
        .map_err(crate::problem::Problem::into_error)?;
    Ok(App::new(State {
        vaults,
        database,
        clock,
        key,
        opaque,
        metrics: Arc::new(Metrics::default()),
        payment: Payment::new(&config.payment)?,
        mailer: Mailer::new(&config.mail)?,
        mail_waiting: Notify::new(),
        anonymous: Limiter::new(config.limits.anonymous_per_minute),
        accounts: Limiter::new(config.limits.account_per_minute),
        config,
    }))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|error| Error::io(error, "listen").object(address))
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where `/metrics` is served, if anywhere.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// The address as clients on this machine write it, such as `http://127.0.0.1:8743`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.encrypted { "https" } else { "http" }, self.address)
    }

    /// Stops listening, lets requests that run finish for as long as the configuration says, and ends all threads.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some((runtime, tasks, database)) = self.tasks.take() else { return };
        self.stop.send_replace(true);
        let finish = async {
            for task in tasks {
                // A task that panicked has ended as well.
                let _ = task.await;
            }
            database.close().await;
        };
        // A runtime must not be waited for on a thread of another one.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                runtime.block_on(finish);
                runtime.shutdown_timeout(Duration::from_secs(5));
            });
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
