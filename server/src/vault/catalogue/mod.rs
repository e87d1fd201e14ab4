//! The catalogue: which objects each vault has, and what is being received. It alone decides what exists.
//!
//! An object comes to be in two steps. [`reserve`](Catalogue::reserve) sets its length aside from the quota and writes
//! down where its bytes will be; [`commit`](Catalogue::commit) turns the reservation into the object, in one
//! transaction, after the bytes are whole and checked. Whatever breaks off between the two is undone from what was
//! written down, by the process itself or by the [sweep](super::sweep) of any other.

mod objects;
mod uploads;
mod vaults;

pub(crate) use self::objects::Object;
pub(crate) use self::uploads::Reservation;

use crate::clock::Clock;
use crate::database::{Database, Write};
use crate::problem::Problem;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::str::FromStr;
use strongroom::account::wire::{AccountId, VaultId};
use strongroom::{Error, ErrorKind, Folder, ObjectName};

/// The catalogue of one service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Catalogue {
    database: Database,
    clock: Clock,
    /// Names this process among those that share the database.
    process: String,
}

/// What the vaults of an account hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct VaultTotals {
    /// Bytes of all objects.
    pub(crate) bytes: u64,
    /// Objects.
    pub(crate) objects: u64,
    /// Bytes set aside for objects that are being received.
    pub(crate) reserved: u64,
}

/// A vault, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VaultRecord {
    pub(crate) id: VaultId,
    pub(crate) account: AccountId,
    pub(crate) name: String,
    pub(crate) created_at: i64,
    pub(crate) minimum_age_ms: i64,
    pub(crate) bytes: u64,
    pub(crate) objects: u64,
}

impl Catalogue {
    pub(crate) fn new(database: Database, clock: Clock, process: String) -> Self {
        Catalogue { database, clock, process }
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Begins a change of what an account's vaults hold. The row of its usage is changed first, in every such
    /// transaction: so they follow one another, account by account, and none waits for one that waits for it.
    async fn change(&self, account: AccountId) -> Result<Write, Problem> {
        let mut write = self.database.write().await?;
        sqlx::query("UPDATE vault_usage SET reserved = reserved WHERE account_id = $1")
            .bind(account.to_string())
            .execute(&mut *write)
            .await?;
        Ok(write)
    }
}

/// Moves the account's totals.
async fn move_totals(
    write: &mut AnyConnection,
    account: AccountId,
    bytes: i64,
    objects: i64,
    reserved: i64,
) -> Result<(), Problem> {
    sqlx::query(
        "UPDATE vault_usage SET bytes = bytes + $1, objects = objects + $2, reserved = reserved + $3 \
         WHERE account_id = $4",
    )
    .bind(bytes)
    .bind(objects)
    .bind(reserved)
    .bind(account.to_string())
    .execute(write)
    .await?;
    Ok(())
}

/// A column that holds what can be read from text.
fn parsed<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<T, Problem> {
    row.try_get::<String, _>(column)?.parse().map_err(|_| {
        Error::new(ErrorKind::Corrupt, "read the catalogue")
            .object(column)
            .detail("a column does not hold what it should")
            .into()
    })
}

/// A column that holds no negative number.
fn unsigned(row: &AnyRow, column: &'static str) -> Result<u64, Problem> {
    Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
}

/// A length as the database has it.
pub(crate) fn signed(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The name in the columns `folder` and `file`.
fn object_name(row: &AnyRow) -> Result<ObjectName, Problem> {
    let (folder, file) = (row.try_get::<String, _>("folder")?, row.try_get::<String, _>("file")?);
    let found = Folder::ALL.into_iter().find(|known| known.name() == folder);
    let folder = found.ok_or_else(|| Problem::from(Error::new(ErrorKind::Corrupt, "read the catalogue")))?;
    Ok(ObjectName::new(folder, file)?)
}
