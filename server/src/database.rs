//! The database: one SQLite file, or a PostgreSQL server that several processes of the service share.
//!
//! Statements are written once for both. What must happen together happens in a [`Write`]; what others may have
//! changed meanwhile is guarded by conditions within the statement, never by reading first.

use crate::problem::Problem;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Executor, SqlSafeStr, Transaction};
use std::ops::{Deref, DerefMut};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use strongroom::{Error, ErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The database's tables, in the order they came to be. A migration that was released never changes.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "accounts", include_str!("../migrations/0001_accounts.sql")),
    (100, "vaults", include_str!("../migrations/0100_vault.sql")),
];

/// A pool of connections to the service's database. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pool: AnyPool,
    /// SQLite has one writer at a time. Waiting for one's turn here is fair, and costs no connection.
    writers: Option<Arc<Semaphore>>,
}

/// A transaction that changes something. Nothing of it remains unless it is [committed](Self::commit).
pub(crate) struct Write {
    transaction: Transaction<'static, Any>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Database {
    /// Connects, and brings the tables to this version of the service.
    ///
    /// `url` is `sqlite:PATH`, made where it is missing, or `postgres://…`.
    ///
    /// # Errors
    /// When the URL is of neither kind, the database cannot be reached, or its tables are of a later version.
    pub(crate) async fn open(url: &str, connections: u32) -> Result<Self, Error> {
        let operation = "open the database";
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        if !sqlite && !url.starts_with("postgres:") && !url.starts_with("postgresql:") {
            return Err(Error::new(ErrorKind::InvalidArgument, operation)
                .detail("its URL begins with neither sqlite: nor postgres:"));
        }
        let with_mode = match sqlite && !url.contains("mode=") {
            true => format!("{url}{}mode=rwc", if url.contains('?') { '&' } else { '?' }),
            false => url.to_owned(),
        };
        let failed = |error: sqlx::Error| {
            let error = Problem::from(error).into_error();
            let because = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            Error::new(error.kind(), operation).because(because)
        };
        // The URL may hold a password: no error names it.
        let options = AnyConnectOptions::from_str(&with_mode)
            .map_err(|_| Error::new(ErrorKind::InvalidArgument, operation).detail("its URL cannot be read"))?
            .disable_statement_logging();
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(10))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        connection
                            .execute(
                                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000; \
                                 PRAGMA foreign_keys = ON",
                            )
                            .await?;
                    }
                    Ok(())
                })
            })
            .connect_with(options)
            .await
            .map_err(failed)?;
        let migrations = MIGRATIONS.iter().map(|&(version, description, sql)| {
            Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.collect())
            .run(&pool)
            .await
            .map_err(|error| Error::new(ErrorKind::Unsupported, "migrate the database").because(error))?;
        Ok(Database { pool, writers: sqlite.then(|| Arc::new(Semaphore::new(1))) })
    }

    /// Connections for single statements: reads, and changes that stand alone.
    #[must_use]
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins a transaction that changes something.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when no connection is free in time.
    pub(crate) async fn write(&self) -> Result<Write, Problem> {
        let (turn, begin) = match &self.writers {
            Some(writers) => (Arc::clone(writers).acquire_owned().await.ok(), "BEGIN IMMEDIATE"),
            None => (None, "BEGIN"),
        };
        Ok(Write { transaction: self.pool.begin_with(begin).await?, _turn: turn })
    }

    /// Whether it is SQLite, where one process alone uses the file.
    #[must_use]
    pub(crate) fn is_sqlite(&self) -> bool {
        self.writers.is_some()
    }

    /// Ends all connections, after what runs on them.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

impl Write {
    /// Makes what was done in it last.
    ///
    /// # Errors
    /// When the database refuses; nothing was done then.
    pub(crate) async fn commit(self) -> Result<(), Problem> {
        self.transaction.commit().await.map_err(Problem::from)
    }
}

impl Deref for Write {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

/// Whether a statement failed because a row with that key is there already.
pub(crate) fn is_duplicate(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}
