//! Taking in the bytes of objects.

use super::Vaults;
use super::catalogue::{Reservation, VaultRecord};
use super::rates::Direction;
use super::store::Staged;
use crate::problem::Problem;
use axum::body::Bytes;
use futures_util::{Stream, StreamExt};
use std::time::Duration;
use strongroom::{Error, ErrorKind, Folder, ObjectName};

const OPERATION: &str = "store an object";

/// How long a client may send nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// What is said of bytes before they come.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    /// How many there are.
    pub(crate) length: u64,
    /// Their BLAKE3 hash, as the client proved it.
    pub(crate) hash: [u8; 32],
    /// Bytes a second the account may send; 0 without a bound.
    pub(crate) rate: u64,
}

impl Vaults {
    /// Stores an object whose bytes come in one request: all of it, or nothing.
    ///
    /// It runs to its end by itself: a caller that is dropped leaves nothing half done.
    ///
    /// # Errors
    /// [`AlreadyExists`](ErrorKind::AlreadyExists), [`QuotaExceeded`](ErrorKind::QuotaExceeded),
    /// [`Corrupt`](ErrorKind::Corrupt) where the bytes are not those that the name promises,
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) where they are not those that were announced,
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) where there are more or fewer.
    pub(crate) async fn put<E: std::error::Error + Send + Sync + 'static>(
        &self,
        vault: &VaultRecord,
        name: &ObjectName,
        quota: u64,
        announced: Announced,
        body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Result<i64, Problem> {
        let (vaults, vault, name) = (self.clone(), vault.clone(), name.clone());
        detached(async move {
            let reservation = vaults.catalogue().reserve(&vault, &name, announced.length, quota).await?;
            let stored = vaults.put_reserved(&reservation, &announced, body).await;
            if stored.is_err() {
                vaults.give_up(&reservation).await;
            }
            stored
        })
        .await
    }

    async fn put_reserved<E: std::error::Error + Send + Sync + 'static>(
        &self,
        reservation: &Reservation,
        announced: &Announced,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<i64, Problem> {
        let mut staged = self.store().staging().begin(reservation.upload).await?;
        self.take(&mut staged, reservation, announced, body).await?;
        let hash = staged.hash().await?;
        if hash != announced.hash {
            return Err(not_proved(&reservation.name));
        }
        self.complete(reservation, staged, hash).await
    }

    /// Receives a part of an upload, from `offset` on. Returns how much of the object is here now; all that came in
    /// stays here, also where the part breaks off.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) when the part does not begin where the last one ended, and those of
    /// [`put`](Self::put) but for the quota.
    pub(crate) async fn put_part<E: std::error::Error + Send + Sync + 'static>(
        &self,
        reservation: &Reservation,
        offset: u64,
        announced: Announced,
        body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Result<u64, Problem> {
        let (vaults, reservation) = (self.clone(), reservation.clone());
        detached(async move {
            if offset.checked_add(announced.length).is_none_or(|end| end > reservation.length) {
                let detail = "the part goes beyond the length that was announced for the object";
                return Err(Error::new(ErrorKind::InvalidArgument, OPERATION)
                    .object(&reservation.name)
                    .detail(detail)
                    .into());
            }
            let mut staged = vaults.store().staging().begin(reservation.upload).await?;
            if staged.length() != offset {
                let detail = format!("{} bytes of it are here; the next part begins there", staged.length());
                return Err(Error::new(ErrorKind::Conflict, "receive a part of an upload")
                    .object(reservation.upload)
                    .detail(detail)
                    .into());
            }
            vaults.catalogue().prolong(&reservation).await?;
            let taken = vaults.take(&mut staged, &reservation, &announced, body).await;
            staged.flush().await?;
            taken.map(|()| staged.length())
        })
        .await
    }

    /// Turns an upload whose parts are all here into an object. `hash` is the BLAKE3 hash of the whole.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) while something is missing, [`Corrupt`](ErrorKind::Corrupt) when the bytes have
    /// another hash, or are not those that the name promises: the upload then begins anew.
    pub(crate) async fn finish(&self, reservation: &Reservation, hash: [u8; 32]) -> Result<i64, Problem> {
        let (vaults, reservation) = (self.clone(), reservation.clone());
        detached(async move {
            let mut staged = vaults.store().staging().begin(reservation.upload).await?;
            if staged.length() != reservation.length {
                let detail = format!("{} of {} bytes are here", staged.length(), reservation.length);
                return Err(Error::new(ErrorKind::Conflict, "finish an upload")
                    .object(reservation.upload)
                    .detail(detail)
                    .into());
            }
            if staged.hash().await? != hash {
                staged.start_over().await?;
                let detail = "the bytes that came in do not have the hash that was given; send them again";
                return Err(Error::new(ErrorKind::Corrupt, "finish an upload")
                    .object(reservation.upload)
                    .detail(detail)
                    .into());
            }
            let done = vaults.complete(&reservation, staged, hash).await;
            // What another try cannot help is over; anything else may be finished once more.
            if done.as_ref().is_err_and(|problem| problem.kind_of_error() == Some(ErrorKind::Corrupt)) {
                vaults.give_up(&reservation).await;
            }
            done
        })
        .await
    }

    /// Ends an upload without an object.
    pub(crate) async fn cancel(&self, reservation: &Reservation) -> Result<(), Problem> {
        let (vaults, reservation) = (self.clone(), reservation.clone());
        detached(async move { vaults.undo(&reservation).await }).await
    }

    /// Takes exactly as many bytes as were announced.
    async fn take<E: std::error::Error + Send + Sync + 'static>(
        &self,
        staged: &mut Staged,
        reservation: &Reservation,
        announced: &Announced,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<(), Problem> {
        let name = &reservation.name;
        let mut body = std::pin::pin!(body);
        let mut left = announced.length;
        loop {
            let piece = match tokio::time::timeout(SILENCE, body.next()).await {
                Err(_) => return Err(broken(name, "nothing came in for a minute")),
                Ok(Some(Err(error))) => return Err(broken(name, error.to_string())),
                Ok(None) => break,
                Ok(Some(Ok(piece))) => piece,
            };
            left = left.checked_sub(piece.len() as u64).ok_or_else(|| wrong_length(name, "more"))?;
            self.rates().pay(reservation.account, Direction::Up, piece.len(), announced.rate).await;
            staged.append(piece).await?;
        }
        if left > 0 { Err(wrong_length(name, "less")) } else { Ok(()) }
    }

    /// Moves a whole object to its place and commits it.
    async fn complete(&self, reservation: &Reservation, staged: Staged, hash: [u8; 32]) -> Result<i64, Problem> {
        let hash = blake3::Hash::from_bytes(hash).to_hex();
        // Packs are named by their hash: whoever looks for one finds it, or none.
        if reservation.name.folder() == Folder::Packs && reservation.name.file() != hash.as_str() {
            let detail = "the name of a pack is the hash of its bytes, and these have another";
            return Err(Error::new(ErrorKind::Corrupt, OPERATION).object(&reservation.name).detail(detail).into());
        }
        let (place, mut multipart) = (reservation.place(), String::new());
        if self.store().wants_multipart(reservation.length) {
            // Of an earlier try to finish the same upload.
            self.store().abandon_multipart(&place, &reservation.multipart).await?;
            multipart = self.store().begin_multipart(&place).await?;
            self.catalogue().note_multipart(reservation, &multipart).await?;
        }
        self.store().keep(staged, &place, &multipart).await?;
        self.catalogue().commit(reservation, hash.as_str()).await
    }

    /// Ends a reservation that came to nothing. What fails here is left to the sweep.
    async fn give_up(&self, reservation: &Reservation) {
        let _ = self.undo(reservation).await;
    }

    /// Ends a reservation, and removes its bytes where it was one still: if it was not, they may be an object's.
    async fn undo(&self, reservation: &Reservation) -> Result<(), Problem> {
        if let Some(garbage) = self.catalogue().undo(reservation).await?
            && self.store().remove(garbage.upload, &garbage.place, &garbage.multipart).await.is_ok()
        {
            self.catalogue().garbage_is_gone(&garbage).await?;
        }
        Ok(())
    }
}

/// Runs work to its end, also when whoever waits for it does not wait any longer.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::new(ErrorKind::Internal, "answer a request").because(error).into()),
    }
}

fn broken(name: &ObjectName, why: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Error::new(ErrorKind::Unavailable, OPERATION).object(name).detail(why).into()
}

fn wrong_length(name: &ObjectName, how: &'static str) -> Problem {
    let detail = format!("{how} bytes came in than Content-Length says");
    Error::new(ErrorKind::InvalidArgument, OPERATION).object(name).detail(detail).into()
}

fn not_proved(name: &ObjectName) -> Problem {
    let detail = "the bytes are not those that the proof of the request is over";
    Error::new(ErrorKind::PermissionDenied, OPERATION).object(name).detail(detail).into()
}
