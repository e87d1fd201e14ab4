//! Objects that were accepted.

use super::{Catalogue, VaultRecord, move_totals, object_name, parsed, signed, unsigned};
use crate::problem::Problem;
use crate::vault::store::Place;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use strongroom::account::wire::{UploadId, VaultId};
use strongroom::{Error, ErrorKind, Folder, ObjectName};

/// An object of a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) name: ObjectName,
    pub(crate) length: u64,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub(crate) hash: String,
    pub(crate) received_at: i64,
    pub(crate) hold_until: i64,
    pub(crate) upload: UploadId,
    vault: VaultId,
}

impl Object {
    pub(crate) fn has_hash(&self, hash: &[u8; 32]) -> bool {
        self.hash == blake3::Hash::from_bytes(*hash).to_hex().as_str()
    }

    pub(crate) fn place(&self) -> Place {
        Place::new(self.vault, &self.name, self.upload)
    }
}

/// Objects of these folders are not kept for a minimum age: they serve work that is under way, not what was backed up.
fn is_passing(folder: Folder) -> bool {
    matches!(folder, Folder::Sessions | Folder::Condemned)
}

impl Catalogue {
    /// An object of a vault, if it has one of that name.
    pub(crate) async fn object(&self, vault: &VaultRecord, name: &ObjectName) -> Result<Option<Object>, Problem> {
        let row = sqlx::query(
            "SELECT vault_id, folder, file, upload_id, length, hash, received_at, hold_until FROM vault_objects \
             WHERE vault_id = $1 AND folder = $2 AND file = $3",
        )
        .bind(vault.id.to_string())
        .bind(name.folder().name())
        .bind(name.file())
        .fetch_optional(self.database.pool())
        .await?;
        row.as_ref().map(object).transpose()
    }

    /// The object that an upload became, if it did.
    pub(crate) async fn object_of(&self, vault: &VaultRecord, upload: UploadId) -> Result<Option<Object>, Problem> {
        let row = sqlx::query(
            "SELECT vault_id, folder, file, upload_id, length, hash, received_at, hold_until FROM vault_objects \
             WHERE vault_id = $1 AND upload_id = $2",
        )
        .bind(vault.id.to_string())
        .bind(upload.to_string())
        .fetch_optional(self.database.pool())
        .await?;
        row.as_ref().map(object).transpose()
    }

    /// Objects of one folder after `after`, in an order that stays.
    pub(crate) async fn objects(
        &self,
        vault: &VaultRecord,
        folder: Folder,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Object>, Problem> {
        sqlx::query(
            "SELECT vault_id, folder, file, upload_id, length, hash, received_at, hold_until FROM vault_objects \
             WHERE vault_id = $1 AND folder = $2 AND file > $3 ORDER BY file LIMIT $4",
        )
        .bind(vault.id.to_string())
        .bind(folder.name())
        .bind(after)
        .bind(limit)
        .fetch_all(self.database.pool())
        .await?
        .iter()
        .map(object)
        .collect()
    }

    /// Takes an object out of its vault; its bytes are garbage then, and what is returned. Nothing where there is none.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) under a hold, or below the minimum age.
    pub(crate) async fn delete(&self, vault: &VaultRecord, name: &ObjectName) -> Result<Option<Object>, Problem> {
        let Some(found) = self.object(vault, name).await? else { return Ok(None) };
        let now = self.now();
        let minimum_age = if is_passing(name.folder()) { 0 } else { vault.minimum_age_ms };
        let mut write = self.change(vault.account).await?;
        // The conditions stand in the statement that deletes: a hold that was set meanwhile counts.
        let deleted = sqlx::query(
            "DELETE FROM vault_objects WHERE vault_id = $1 AND folder = $2 AND file = $3 AND upload_id = $4 \
             AND hold_until <= $5 AND received_at <= $6",
        )
        .bind(vault.id.to_string())
        .bind(name.folder().name())
        .bind(name.file())
        .bind(found.upload.to_string())
        .bind(now)
        .bind(now.saturating_sub(minimum_age))
        .execute(&mut *write)
        .await?;
        if deleted.rows_affected() == 0 {
            drop(write);
            return match self.object(vault, name).await? {
                None => Ok(None),
                Some(object) => Err(kept(&object, now, minimum_age)),
            };
        }
        let length = signed(found.length);
        sqlx::query("UPDATE vaults SET bytes = bytes - $1, objects = objects - 1 WHERE id = $2")
            .bind(length)
            .bind(vault.id.to_string())
            .execute(&mut *write)
            .await?;
        move_totals(&mut write, vault.account, -length, -1, 0).await?;
        self.throw_away(&mut write, found.upload, &found.place(), "", 0).await?;
        write.commit().await?;
        Ok(Some(found))
    }

    /// Keeps an object from being deleted before `until`, in a transaction of the caller's.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) when it is under a longer hold already, [`NotFound`](ErrorKind::NotFound).
    pub(crate) async fn hold(
        &self,
        write: &mut AnyConnection,
        vault: &VaultRecord,
        name: &ObjectName,
        until: i64,
    ) -> Result<(), Problem> {
        // Nobody deletes the vault meanwhile.
        sqlx::query("UPDATE vaults SET objects = objects WHERE id = $1 AND deleted_at = 0")
            .bind(vault.id.to_string())
            .execute(&mut *write)
            .await?;
        let held = sqlx::query(
            "UPDATE vault_objects SET hold_until = $1 \
             WHERE vault_id = $2 AND folder = $3 AND file = $4 AND hold_until <= $1",
        )
        .bind(until)
        .bind(vault.id.to_string())
        .bind(name.folder().name())
        .bind(name.file())
        .execute(&mut *write)
        .await?;
        if held.rows_affected() == 1 {
            return Ok(());
        }
        let operation = "hold an object";
        let found =
            sqlx::query("SELECT hold_until FROM vault_objects WHERE vault_id = $1 AND folder = $2 AND file = $3")
                .bind(vault.id.to_string())
                .bind(name.folder().name())
                .bind(name.file())
                .fetch_optional(write)
                .await?;
        Err(match found {
            None => Error::new(ErrorKind::NotFound, operation).object(name),
            Some(_) => {
                let detail = "it is under a longer hold, and a hold is only ever made longer";
                Error::new(ErrorKind::Forbidden, operation).object(name).detail(detail)
            }
        }
        .into())
    }
}

/// Why an object was not deleted.
fn kept(object: &Object, now: i64, minimum_age: i64) -> Problem {
    let detail = if object.hold_until > now {
        format!("it is under a hold until {} (milliseconds since 1970 UTC)", object.hold_until)
    } else {
        let until = object.received_at.saturating_add(minimum_age);
        format!("it is younger than the vault's minimum age, until {until} (milliseconds since 1970 UTC)")
    };
    Error::new(ErrorKind::Forbidden, "delete an object").object(&object.name).detail(detail).into()
}

fn object(row: &AnyRow) -> Result<Object, Problem> {
    Ok(Object {
        name: object_name(row)?,
        length: unsigned(row, "length")?,
        hash: row.try_get("hash")?,
        received_at: row.try_get("received_at")?,
        hold_until: row.try_get("hold_until")?,
        upload: parsed(row, "upload_id")?,
        vault: parsed(row, "vault_id")?,
    })
}
