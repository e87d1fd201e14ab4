//! Vaults themselves.

use super::{Catalogue, VaultRecord, VaultTotals, move_totals, parsed, signed, unsigned};
use crate::problem::Problem;
use crate::vault::store::Place;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use strongroom::account::wire::{AccountId, UploadId, VaultId};
use strongroom::{Error, ErrorKind};

/// Most vaults of an account.
const MOST_VAULTS: i64 = 1000;
/// Objects that are removed from a deleted vault in one transaction.
const BATCH: i64 = 500;

impl Catalogue {
    /// Makes a vault, in a transaction of the caller's.
    ///
    /// # Errors
    /// [`LimitExceeded`](ErrorKind::LimitExceeded) when the account has too many.
    pub(crate) async fn create_vault(
        &self,
        write: &mut AnyConnection,
        account: AccountId,
        name: &str,
        minimum_age_ms: i64,
    ) -> Result<VaultRecord, Problem> {
        sqlx::query("INSERT INTO vault_usage (account_id, bytes, objects, reserved) VALUES ($1, 0, 0, 0) ON CONFLICT DO NOTHING")
            .bind(account.to_string())
            .execute(&mut *write)
            .await?;
        let (id, now) = (VaultId::random()?, self.now());
        let made = sqlx::query(
            "INSERT INTO vaults (id, account_id, name, created_at, minimum_age_ms, bytes, objects, deleted_at) \
             SELECT $1, $2, $3, $4, $5, 0, 0, 0 WHERE (SELECT COUNT(*) FROM vaults WHERE account_id = $2) < $6",
        )
        .bind(id.to_string())
        .bind(account.to_string())
        .bind(name)
        .bind(now)
        .bind(minimum_age_ms)
        .bind(MOST_VAULTS)
        .execute(&mut *write)
        .await?;
        if made.rows_affected() == 0 {
            let detail = "the account has as many vaults as it can have";
            return Err(Problem::new(ErrorKind::LimitExceeded, "make a vault", detail));
        }
        Ok(VaultRecord { id, account, name: name.to_owned(), created_at: now, minimum_age_ms, bytes: 0, objects: 0 })
    }

    /// A vault of this account. One of another's does not exist for it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound).
    pub(crate) async fn vault(&self, account: AccountId, id: VaultId) -> Result<VaultRecord, Problem> {
        let row = sqlx::query(
            "SELECT id, account_id, name, created_at, minimum_age_ms, bytes, objects FROM vaults \
             WHERE id = $1 AND account_id = $2 AND deleted_at = 0",
        )
        .bind(id.to_string())
        .bind(account.to_string())
        .fetch_optional(self.database.pool())
        .await?;
        row.as_ref().map_or_else(|| Err(no_vault(id)), record)
    }

    /// Vaults of an account in the order of their ids, after one of them.
    pub(crate) async fn vaults(
        &self,
        account: AccountId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<VaultRecord>, Problem> {
        sqlx::query(
            "SELECT id, account_id, name, created_at, minimum_age_ms, bytes, objects FROM vaults \
             WHERE account_id = $1 AND deleted_at = 0 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(account.to_string())
        .bind(after)
        .bind(limit)
        .fetch_all(self.database.pool())
        .await?
        .iter()
        .map(record)
        .collect()
    }

    /// What an account's vaults hold.
    pub(crate) async fn totals(&self, account: AccountId) -> Result<VaultTotals, Problem> {
        let row = sqlx::query("SELECT bytes, objects, reserved FROM vault_usage WHERE account_id = $1")
            .bind(account.to_string())
            .fetch_optional(self.database.pool())
            .await?;
        row.map_or(Ok(VaultTotals::default()), |row| {
            Ok(VaultTotals {
                bytes: unsigned(&row, "bytes")?,
                objects: unsigned(&row, "objects")?,
                reserved: unsigned(&row, "reserved")?,
            })
        })
    }

    /// Deletes a vault, in a transaction of the caller's: it is gone at once, its objects are removed by and by.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) while one of its objects may not be deleted,
    /// [`NotFound`](ErrorKind::NotFound).
    pub(crate) async fn delete_vault(&self, write: &mut AnyConnection, vault: &VaultRecord) -> Result<(), Problem> {
        let now = self.now();
        sqlx::query("UPDATE vault_usage SET reserved = reserved WHERE account_id = $1")
            .bind(vault.account.to_string())
            .execute(&mut *write)
            .await?;
        let deleted = sqlx::query("UPDATE vaults SET deleted_at = $1 WHERE id = $2 AND deleted_at = 0")
            .bind(now)
            .bind(vault.id.to_string())
            .execute(&mut *write)
            .await?;
        if deleted.rows_affected() == 0 {
            return Err(no_vault(vault.id));
        }
        let held = sqlx::query(
            "SELECT folder FROM vault_objects WHERE vault_id = $1 AND (hold_until > $2 OR \
             (received_at > $3 AND folder NOT IN ('sessions', 'condemned'))) LIMIT 1",
        )
        .bind(vault.id.to_string())
        .bind(now)
        .bind(now.saturating_sub(vault.minimum_age_ms))
        .fetch_optional(write)
        .await?;
        if held.is_some() {
            let detail = "it has objects that are under a hold, or younger than its minimum age";
            return Err(Error::new(ErrorKind::Forbidden, "delete a vault").object(vault.id).detail(detail).into());
        }
        Ok(())
    }

    /// Removes objects and uploads of deleted vaults from the catalogue, as garbage. Says whether there may be more.
    pub(crate) async fn empty_deleted_vaults(&self) -> Result<bool, Problem> {
        let row = sqlx::query("SELECT id, account_id FROM vaults WHERE deleted_at > 0 ORDER BY id LIMIT 1")
            .fetch_optional(self.database.pool())
            .await?;
        let Some(row) = row else { return Ok(false) };
        let (vault, account): (VaultId, AccountId) = (parsed(&row, "id")?, parsed(&row, "account_id")?);
        for reservation in self.reservations_of(vault).await? {
            self.undo(&reservation).await?;
        }
        let mut write = self.change(account).await?;
        let rows =
            sqlx::query("SELECT folder, file, upload_id, length FROM vault_objects WHERE vault_id = $1 LIMIT $2")
                .bind(vault.to_string())
                .bind(BATCH)
                .fetch_all(&mut *write)
                .await?;
        if rows.is_empty() {
            sqlx::query("DELETE FROM vaults WHERE id = $1").bind(vault.to_string()).execute(&mut *write).await?;
        }
        for row in &rows {
            let (name, upload): (_, UploadId) = (super::object_name(row)?, parsed(row, "upload_id")?);
            let removed = sqlx::query(
                "DELETE FROM vault_objects WHERE vault_id = $1 AND folder = $2 AND file = $3 AND upload_id = $4",
            )
            .bind(vault.to_string())
            .bind(name.folder().name())
            .bind(name.file())
            .bind(upload.to_string())
            .execute(&mut *write)
            .await?;
            // Another process may be emptying the same vault.
            if removed.rows_affected() == 1 {
                move_totals(&mut write, account, -signed(unsigned(row, "length")?), -1, 0).await?;
                self.throw_away(&mut write, upload, &Place::new(vault, &name, upload), "", 0).await?;
            }
        }
        write.commit().await?;
        Ok(true)
    }
}

pub(super) fn no_vault(id: VaultId) -> Problem {
    Error::new(ErrorKind::NotFound, "find a vault").object(id).detail("the account has no such vault").into()
}

fn record(row: &AnyRow) -> Result<VaultRecord, Problem> {
    Ok(VaultRecord {
        id: parsed(row, "id")?,
        account: parsed(row, "account_id")?,
        name: row.try_get("name")?,
        created_at: row.try_get("created_at")?,
        minimum_age_ms: row.try_get("minimum_age_ms")?,
        bytes: unsigned(row, "bytes")?,
        objects: unsigned(row, "objects")?,
    })
}
