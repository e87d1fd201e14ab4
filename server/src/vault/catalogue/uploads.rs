//! Objects that are being received: reservations, and what becomes of them.

use super::vaults::no_vault;
use super::{Catalogue, VaultRecord, move_totals, object_name, parsed, signed, unsigned};
use crate::clock::{DAY, HOUR, MINUTE};
use crate::problem::Problem;
use crate::vault::store::Place;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use strongroom::account::wire::{AccountId, UploadId, VaultId};
use strongroom::{Error, ErrorKind, ObjectName};

const OPERATION: &str = "store an object";

/// How long an upload in parts waits for its next part.
const PATIENCE: i64 = 6 * HOUR;
/// How long a process may be silent before others take it for dead.
const SILENCE: i64 = MINUTE;
/// Most uploads of an account at one time.
const MOST_UPLOADS: i64 = 2000;
/// What a sweep handles in one go.
const BATCH: i64 = 500;

/// An object that is being received: its length is set aside from the quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) upload: UploadId,
    pub(crate) vault: VaultId,
    pub(crate) account: AccountId,
    pub(crate) name: ObjectName,
    pub(crate) length: u64,
    /// Whether it is an upload in parts.
    pub(crate) in_parts: bool,
    expires_at: i64,
    /// The multipart upload to the bucket that was noted before, or empty.
    pub(crate) multipart: String,
}

/// Bytes in the store that belong to no object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Garbage {
    pub(crate) upload: UploadId,
    pub(crate) place: Place,
    pub(crate) multipart: String,
    remove_at: i64,
}

impl Reservation {
    pub(crate) fn place(&self) -> Place {
        Place::new(self.vault, &self.name, self.upload)
    }
}

impl Catalogue {
    /// Sets the length of an object aside.
    ///
    /// # Errors
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) when the vault has an object of this name,
    /// [`QuotaExceeded`](ErrorKind::QuotaExceeded), [`LimitExceeded`](ErrorKind::LimitExceeded) when too many uploads
    /// are under way, [`NotFound`](ErrorKind::NotFound) when the vault is gone.
    pub(crate) async fn reserve(
        &self,
        vault: &VaultRecord,
        name: &ObjectName,
        length: u64,
        quota: u64,
    ) -> Result<Reservation, Problem> {
        self.check_free(vault, name).await?;
        let mut write = self.database.write().await?;
        let reservation = self.reserve_in(&mut write, vault, name, length, quota, false).await?;
        write.commit().await?;
        Ok(reservation)
    }

    /// Refuses a name that is taken: nothing need be sent to find that out.
    ///
    /// # Errors
    /// [`AlreadyExists`](ErrorKind::AlreadyExists).
    pub(crate) async fn check_free(&self, vault: &VaultRecord, name: &ObjectName) -> Result<(), Problem> {
        match self.object(vault, name).await? {
            Some(_) => Err(Error::new(ErrorKind::AlreadyExists, OPERATION).object(name).into()),
            None => Ok(()),
        }
    }

    /// As [`reserve`](Self::reserve), in a transaction of the caller's, which ends with an error of this one.
    pub(crate) async fn reserve_in(
        &self,
        write: &mut AnyConnection,
        vault: &VaultRecord,
        name: &ObjectName,
        length: u64,
        quota: u64,
        in_parts: bool,
    ) -> Result<Reservation, Problem> {
        let operation = OPERATION;
        let reserved = sqlx::query(
            "UPDATE vault_usage SET reserved = reserved + $1 WHERE account_id = $2 AND bytes + reserved + $1 <= $3",
        )
        .bind(signed(length))
        .bind(vault.account.to_string())
        .bind(signed(quota))
        .execute(&mut *write)
        .await?;
        if reserved.rows_affected() == 0 {
            let totals = self.totals(vault.account).await?;
            let detail = format!(
                "{length} bytes do not fit: the plan allows {quota}, {} are stored and {} on their way",
                totals.bytes, totals.reserved
            );
            return Err(Error::new(ErrorKind::QuotaExceeded, operation).object(name).detail(detail).into());
        }
        let upload = UploadId::random()?;
        let expires_at = self.now().saturating_add(PATIENCE);
        let made = sqlx::query(
            "INSERT INTO vault_uploads (id, vault_id, account_id, folder, file, length, process_id, expires_at, multipart) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, '' \
             WHERE EXISTS (SELECT 1 FROM vaults WHERE id = $2 AND deleted_at = 0) \
             AND (SELECT COUNT(*) FROM vault_uploads WHERE account_id = $3) < $9",
        )
        .bind(upload.to_string())
        .bind(vault.id.to_string())
        .bind(vault.account.to_string())
        .bind(name.folder().name())
        .bind(name.file())
        .bind(signed(length))
        .bind(if in_parts { "" } else { self.process.as_str() })
        .bind(expires_at)
        .bind(MOST_UPLOADS)
        .execute(&mut *write)
        .await?;
        if made.rows_affected() == 0 {
            self.vault(vault.account, vault.id).await?;
            let detail = "too many uploads of the account are under way";
            return Err(Problem::new(ErrorKind::LimitExceeded, operation, detail));
        }
        Ok(Reservation {
            upload,
            vault: vault.id,
            account: vault.account,
            name: name.clone(),
            length,
            in_parts,
            expires_at,
            multipart: String::new(),
        })
    }

    /// An upload in parts.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound).
    pub(crate) async fn upload(&self, vault: &VaultRecord, upload: UploadId) -> Result<Reservation, Problem> {
        let row = sqlx::query(
            "SELECT id, vault_id, account_id, folder, file, length, process_id, expires_at, multipart \
             FROM vault_uploads WHERE id = $1 AND vault_id = $2 AND process_id = '' AND expires_at > $3",
        )
        .bind(upload.to_string())
        .bind(vault.id.to_string())
        .bind(self.now())
        .fetch_optional(self.database.pool())
        .await?;
        let detail = "there is no such upload: it was finished, or given up";
        row.as_ref().map_or_else(
            || Err(Error::new(ErrorKind::NotFound, "find an upload").object(upload).detail(detail).into()),
            reservation,
        )
    }

    /// Gives an upload in parts more time.
    pub(crate) async fn prolong(&self, reservation: &Reservation) -> Result<(), Problem> {
        let expires_at = self.now().saturating_add(PATIENCE);
        // Once in a while is often enough.
        if expires_at - reservation.expires_at > HOUR {
            sqlx::query("UPDATE vault_uploads SET expires_at = $1 WHERE id = $2")
                .bind(expires_at)
                .bind(reservation.upload.to_string())
                .execute(self.database.pool())
                .await?;
        }
        Ok(())
    }

    /// Writes down the multipart upload to the bucket that is about to be made.
    pub(crate) async fn note_multipart(&self, reservation: &Reservation, multipart: &str) -> Result<(), Problem> {
        let noted = sqlx::query("UPDATE vault_uploads SET multipart = $1 WHERE id = $2")
            .bind(multipart)
            .bind(reservation.upload.to_string())
            .execute(self.database.pool())
            .await?;
        if noted.rows_affected() == 1 { Ok(()) } else { Err(given_up(reservation)) }
    }

    /// Turns a reservation into an object, or ends it where the name was taken meanwhile.
    ///
    /// # Errors
    /// [`AlreadyExists`](ErrorKind::AlreadyExists), and the bytes are garbage then; [`NotFound`](ErrorKind::NotFound)
    /// when the vault was deleted meanwhile; [`Unavailable`](ErrorKind::Unavailable) when the reservation is gone.
    pub(crate) async fn commit(&self, reservation: &Reservation, hash: &str) -> Result<i64, Problem> {
        let mut write = self.change(reservation.account).await?;
        let length = signed(reservation.length);
        let multipart = self.end_reservation(&mut write, reservation).await?.ok_or_else(|| given_up(reservation))?;
        let now = self.now();
        let added = sqlx::query(
            "INSERT INTO vault_objects (vault_id, folder, file, upload_id, length, hash, received_at, hold_until) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT DO NOTHING",
        )
        .bind(reservation.vault.to_string())
        .bind(reservation.name.folder().name())
        .bind(reservation.name.file())
        .bind(reservation.upload.to_string())
        .bind(length)
        .bind(hash)
        .bind(now)
        .execute(&mut *write)
        .await?;
        if added.rows_affected() == 0 {
            self.throw_away(&mut write, reservation.upload, &reservation.place(), &multipart, 0).await?;
            write.commit().await?;
            return Err(Error::new(ErrorKind::AlreadyExists, "store an object").object(&reservation.name).into());
        }
        let counted =
            sqlx::query("UPDATE vaults SET bytes = bytes + $1, objects = objects + 1 WHERE id = $2 AND deleted_at = 0")
                .bind(length)
                .bind(reservation.vault.to_string())
                .execute(&mut *write)
                .await?;
        if counted.rows_affected() == 0 {
            return Err(no_vault(reservation.vault));
        }
        move_totals(&mut write, reservation.account, length, 1, 0).await?;
        write.commit().await?;
        Ok(now)
    }

    /// Ends a reservation without an object; its bytes are garbage, which this returns. One that has ended already is
    /// left alone: it may be an object by now.
    pub(crate) async fn undo(&self, reservation: &Reservation) -> Result<Option<Garbage>, Problem> {
        let mut write = self.change(reservation.account).await?;
        let Some(multipart) = self.end_reservation(&mut write, reservation).await? else { return Ok(None) };
        let (upload, place, now) = (reservation.upload, reservation.place(), self.now());
        self.throw_away(&mut write, upload, &place, &multipart, 0).await?;
        // A process that was taken for dead and comes to itself may still put bytes there.
        self.throw_away(&mut write, upload, &place, &multipart, HOUR).await?;
        write.commit().await?;
        Ok(Some(Garbage { upload, place, multipart, remove_at: now }))
    }

    /// Takes a reservation away, and says which multipart upload was noted with it; nothing where it has ended already.
    async fn end_reservation(
        &self,
        write: &mut AnyConnection,
        reservation: &Reservation,
    ) -> Result<Option<String>, Problem> {
        let ended = sqlx::query("DELETE FROM vault_uploads WHERE id = $1 RETURNING multipart")
            .bind(reservation.upload.to_string())
            .fetch_optional(&mut *write)
            .await?;
        let Some(row) = ended else { return Ok(None) };
        move_totals(write, reservation.account, 0, 0, -signed(reservation.length)).await?;
        Ok(Some(row.try_get("multipart")?))
    }

    /// Notes bytes of the store as garbage, to be removed after `wait` milliseconds.
    pub(super) async fn throw_away(
        &self,
        write: &mut AnyConnection,
        upload: UploadId,
        place: &Place,
        multipart: &str,
        wait: i64,
    ) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO vault_garbage (upload_id, place, multipart, remove_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
        )
        .bind(upload.to_string())
        .bind(place.as_str())
        .bind(multipart)
        .bind(self.now().saturating_add(wait))
        .execute(write)
        .await?;
        Ok(())
    }

    /// Garbage that is due.
    pub(crate) async fn garbage(&self) -> Result<Vec<Garbage>, Problem> {
        let rows = sqlx::query(
            "SELECT upload_id, place, multipart, remove_at FROM vault_garbage WHERE remove_at <= $1 \
             ORDER BY remove_at LIMIT $2",
        )
        .bind(self.now())
        .bind(BATCH)
        .fetch_all(self.database.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Garbage {
                    upload: parsed(row, "upload_id")?,
                    place: Place::from_catalogue(row.try_get("place")?),
                    multipart: row.try_get("multipart")?,
                    remove_at: row.try_get("remove_at")?,
                })
            })
            .collect()
    }

    /// Strikes garbage that was removed off the list.
    pub(crate) async fn garbage_is_gone(&self, garbage: &Garbage) -> Result<(), Problem> {
        sqlx::query("DELETE FROM vault_garbage WHERE upload_id = $1 AND remove_at = $2")
            .bind(garbage.upload.to_string())
            .bind(garbage.remove_at)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }

    /// Says that this process is alive.
    pub(crate) async fn say_alive(&self) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO vault_processes (id, seen_at) VALUES ($1, $2) \
             ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at",
        )
        .bind(&self.process)
        .bind(self.now())
        .execute(self.database.pool())
        .await?;
        Ok(())
    }

    /// Forgets every other process: where this one alone may use the database, they are dead.
    pub(crate) async fn others_are_dead(&self) -> Result<(), Problem> {
        sqlx::query("DELETE FROM vault_processes WHERE id <> $1")
            .bind(&self.process)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }

    /// Reservations that nobody will go on with.
    pub(crate) async fn abandoned(&self) -> Result<Vec<Reservation>, Problem> {
        let now = self.now();
        sqlx::query("DELETE FROM vault_processes WHERE seen_at < $1")
            .bind(now.saturating_sub(DAY))
            .execute(self.database.pool())
            .await?;
        let rows = sqlx::query(
            "SELECT id, vault_id, account_id, folder, file, length, process_id, expires_at, multipart \
             FROM vault_uploads WHERE expires_at <= $1 OR (process_id <> '' AND process_id NOT IN \
             (SELECT id FROM vault_processes WHERE seen_at > $2)) LIMIT $3",
        )
        .bind(now)
        .bind(now.saturating_sub(SILENCE))
        .bind(BATCH)
        .fetch_all(self.database.pool())
        .await?;
        rows.iter().map(reservation).collect()
    }

    pub(super) async fn reservations_of(&self, vault: VaultId) -> Result<Vec<Reservation>, Problem> {
        let rows = sqlx::query(
            "SELECT id, vault_id, account_id, folder, file, length, process_id, expires_at, multipart \
             FROM vault_uploads WHERE vault_id = $1 LIMIT $2",
        )
        .bind(vault.to_string())
        .bind(BATCH)
        .fetch_all(self.database.pool())
        .await?;
        rows.iter().map(reservation).collect()
    }

    /// Whether there is a reservation of this upload.
    pub(crate) async fn knows(&self, upload: UploadId) -> Result<bool, Problem> {
        let row = sqlx::query("SELECT id FROM vault_uploads WHERE id = $1")
            .bind(upload.to_string())
            .fetch_optional(self.database.pool())
            .await?;
        Ok(row.is_some())
    }
}

fn given_up(reservation: &Reservation) -> Problem {
    let detail = "storing it took too long, and was given up; try again";
    Error::new(ErrorKind::Unavailable, "store an object").object(&reservation.name).detail(detail).into()
}

fn reservation(row: &AnyRow) -> Result<Reservation, Problem> {
    Ok(Reservation {
        upload: parsed(row, "id")?,
        vault: parsed(row, "vault_id")?,
        account: parsed(row, "account_id")?,
        name: object_name(row)?,
        length: unsigned(row, "length")?,
        in_parts: row.try_get::<String, _>("process_id")?.is_empty(),
        expires_at: row.try_get("expires_at")?,
        multipart: row.try_get("multipart")?,
    })
}
