//! Objects in a vault of an account service.

use super::retry::Patience;
use super::{Backend, Folder, ObjectInfo, ObjectName, check_range};
use crate::account::flow::Call;
use crate::account::transport::{Method, TransportResponse};
use crate::account::wire::{
    Base64Url, FinishUpload, Hold, MAX_RESPONSE, OBJECT_HASH, OBJECT_MODIFIED, Page, SetHold, StartUpload,
    StoredObject, Upload, UploadId, VaultId, read_response,
};
use crate::account::{VaultAccess, VaultRequest};
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result, Retry, corrupt};
use crate::format::entry::Timestamp;
use crate::id::unhex;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// Bytes sent in one request unless something else is set.
const PART: usize = 16 << 20;
/// Objects asked for at once in a listing.
const PAGE: usize = 1000;
/// How often a part is refused for where it begins before that is taken as an error.
const MISUNDERSTANDINGS: u32 = 5;

/// A repository's objects in a vault that an account service hosts.
///
/// Calls that fail for a reason that passes are tried again, with growing waits and as the service asks. Objects longer
/// than a part are sent in parts, and go on after an interruption where the service has them to. An object that is there
/// after a try whose answer was lost, with the same length and hash, counts as stored. Every request ends after a time
/// without progress, which the transport sets.
///
/// What the token behind it does not allow fails with [`PermissionDenied`](ErrorKind::PermissionDenied): a device that
/// may only append deletes nothing, and reads no packs.
///
/// ```no_run
/// # fn example(access: strongroom::account::VaultAccess, key: [u8; 32]) -> strongroom::Result<()> {
/// use strongroom::{Repository, Secret, VaultBackend};
/// let repository = Repository::open(VaultBackend::new(access), &Secret::account_key(key))?;
/// # drop(repository);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct VaultBackend {
    access: VaultAccess,
    patience: Patience,
    part: usize,
}

impl fmt::Debug for VaultBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultBackend").field("access", &self.access).finish_non_exhaustive()
    }
}

impl VaultBackend {
    /// Objects of the vault that `access` is for. Up to 6 tries of every request within 3 minutes; parts of 16 MiB.
    #[must_use]
    pub fn new(access: VaultAccess) -> Self {
        VaultBackend { access, patience: Patience::default(), part: PART }
    }

    /// How often a request is tried, the first time included; 0 counts as 1.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.patience.tries = tries;
        self
    }

    /// No try begins later than this after the first.
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.patience.within = within;
        self
    }

    /// No wait between tries is longer than this, whatever the service asks for.
    #[must_use]
    pub fn longest_wait(mut self, longest: Duration) -> Self {
        self.patience.longest_wait = longest;
        self
    }

    /// Bytes that are sent or asked for in one request, from 64 KiB to 64 MiB. Fewer are for connections that break off often, as phones
    /// have them: what is sent again is less. Longer objects are sent in parts.
    #[must_use]
    pub fn part_size(mut self, bytes: usize) -> Self {
        self.part = bytes.clamp(64 << 10, 64 << 20);
        self
    }

    /// What ends a request and a wait: the token of the operations that use this backend.
    #[must_use]
    pub fn cancel_token(mut self, token: CancelToken) -> Self {
        self.patience.token = token;
        self
    }

    /// The vault.
    #[must_use]
    pub fn vault(&self) -> VaultId {
        self.access.vault()
    }

    /// Keeps an object from being deleted by anybody before `until`, in milliseconds since 1970 UTC. A hold is only ever
    /// made longer; until it ends, the vault cannot be deleted either.
    ///
    /// # Errors
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) without the capability to maintain, and when it is under a
    /// longer hold; [`NotFound`](ErrorKind::NotFound).
    pub fn hold(&self, name: &ObjectName, until: i64) -> Result<()> {
        let operation = "hold an object";
        let message = SetHold { name: name.to_string(), until_at: until };
        let call = Call::change(Method::Put, self.target("holds"), &message)?;
        let answer = self.call(&call, operation).map_err(|error| refused(error, name))?;
        let hold: Hold = read_response(&answer, operation)?;
        if hold.until_at < until { Err(nonsense(operation, name)) } else { Ok(()) }
    }

    fn target(&self, rest: &str) -> String {
        format!("/v1/vaults/{}/{rest}", self.access.vault())
    }

    fn object(&self, name: &ObjectName) -> String {
        self.target(&format!("objects/{name}"))
    }

    /// Sends a call of JSON until it is answered.
    fn call(&self, call: &Call, operation: &'static str) -> Result<Vec<u8>> {
        self.patience.retry(|_| self.call_once(call, operation))
    }

    fn call_once(&self, call: &Call, operation: &'static str) -> Result<Vec<u8>> {
        let headers = [("Content-Type", "application/json".to_owned())];
        let with_body = !call.body.is_empty();
        let request = VaultRequest {
            method: call.method,
            target: &call.target,
            headers: if with_body { &headers } else { &[] },
            body: if with_body { &[call.body.as_slice()] } else { &[] },
            idempotency_key: call.idempotency_key,
        };
        self.send(&request, operation)?.read(MAX_RESPONSE, &self.patience.token, operation)
    }

    fn send(&self, request: &VaultRequest<'_>, operation: &'static str) -> Result<TransportResponse> {
        self.patience.token.check(operation)?;
        self.access.send(request, &self.patience.token, operation)
    }

    /// Sends bytes once.
    fn send_bytes(&self, target: &str, parts: &[&[u8]], operation: &'static str) -> Result<Vec<u8>> {
        let headers = [("Content-Type", "application/octet-stream".to_owned())];
        let request =
            VaultRequest { method: Method::Put, target, headers: &headers, body: parts, idempotency_key: None };
        self.send(&request, operation)?.read(MAX_RESPONSE, &self.patience.token, operation)
    }

    /// Reads a part of the range that was asked for, which is tried again by itself: over a network that breaks off, a long
    /// read would begin anew each time.
    fn read_part(&self, name: &ObjectName, part: Range<u64>, whole: &Range<u64>) -> Result<Vec<u8>> {
        let wanted = check_range(name, &(0..part.end - part.start), u64::MAX)?;
        let target = self.object(name);
        let headers = [("Range", format!("bytes={}-{}", part.start, part.end - 1))];
        let request =
            VaultRequest { method: Method::Get, target: &target, headers: &headers, body: &[], idempotency_key: None };
        let read = self.patience.retry(|_| {
            let answer = self.send(&request, READ)?;
            let length = whole_length(&answer).ok_or_else(|| nonsense(READ, name))?;
            // Before anything is allocated, and before it is read.
            check_range(name, whole, length)?;
            let bytes = answer.read(wanted, &self.patience.token, READ)?;
            if bytes.len() != wanted {
                let detail = format!("{} of {wanted} bytes came", bytes.len());
                return Err(Error::new(ErrorKind::Unavailable, READ).object(name).detail(detail));
            }
            Ok(bytes)
        });
        read.map_err(|error| refused(error, name))
    }

    /// Asks about an object without its content.
    fn head(&self, name: &ObjectName, operation: &'static str) -> Result<Stored> {
        let target = self.object(name);
        let request =
            VaultRequest { method: Method::Head, target: &target, headers: &[], body: &[], idempotency_key: None };
        let answer = self.patience.retry(|_| self.send(&request, operation)).map_err(|error| refused(error, name))?;
        let length = answer.number("Content-Length").ok_or_else(|| nonsense(operation, name))?;
        let modified = answer.header(OBJECT_MODIFIED).and_then(|value| value.parse().ok());
        let modified = timestamp(modified.ok_or_else(|| nonsense(operation, name))?);
        let hash = answer.header(OBJECT_HASH).and_then(unhex);
        Ok(Stored { info: ObjectInfo::new(name.clone(), length, modified), hash })
    }

    /// Whether the service has an object of this length and hash: by an earlier try of the same call, if it has.
    fn has(&self, name: &ObjectName, length: u64, hash: &[u8; 32]) -> Result<bool> {
        match self.head(name, PUT) {
            Ok(stored) => Ok(stored.info.length == length && stored.hash == Some(*hash)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn put_in_one(&self, name: &ObjectName, parts: &[&[u8]], length: u64) -> Result<()> {
        let (target, mut tried) = (self.object(name), false);
        let stored = self.patience.retry(|number| {
            tried = number > 0;
            self.send_bytes(&target, parts, PUT)
        });
        match stored {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && tried => {
                if self.has(name, length, &hash_of(parts))? { Ok(()) } else { Err(error) }
            }
            done => done.map(drop),
        }
    }

    fn put_in_parts(&self, name: &ObjectName, parts: &[&[u8]], length: u64) -> Result<()> {
        let begin = StartUpload { name: name.to_string(), length };
        let call = Call::change(Method::Post, self.target("uploads"), &begin)?;
        let upload: Upload = read_response(&self.call(&call, PUT)?, PUT)?;
        let hash = hash_of(parts);
        let done = self.send_parts(upload.upload_id, name, parts, length, &hash);
        if let Err(error) = &done
            && !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Cancelled)
        {
            // The service would set the bytes aside for a while yet; that this fails as well changes nothing.
            let target = self.target(&format!("uploads/{}", upload.upload_id));
            let _ = Call::plain_change(Method::Delete, target).and_then(|call| self.call_once(&call, PUT));
        }
        done
    }

    fn send_parts(
        &self,
        upload: UploadId,
        name: &ObjectName,
        parts: &[&[u8]],
        length: u64,
        hash: &[u8; 32],
    ) -> Result<()> {
        let finish = FinishUpload { hash: Base64Url::from(hash.as_slice()) };
        let finish = Call::change(Method::Post, self.target(&format!("uploads/{upload}/finish")), &finish)?;
        let mut refused: Option<Error> = None;
        loop {
            match (self.send_missing(upload, name, parts, length), refused.take()) {
                // The refusal ended the upload: these bytes will never do under this name.
                (Err(error), Some(first)) if error.kind() == ErrorKind::NotFound => return Err(first),
                (sent, first) => {
                    sent?;
                    refused = first;
                }
            }
            let mut tried = false;
            let finished = self.patience.retry(|number| {
                tried = number > 0;
                self.call_once(&finish, PUT)
            });
            let Err(error) = finished else { return Ok(()) };
            match error.kind() {
                ErrorKind::NotFound | ErrorKind::AlreadyExists if tried && self.has(name, length, hash)? => {
                    return Ok(());
                }
                // What the service has is not what was sent: a disk of its lost power. It begins anew, once.
                ErrorKind::Corrupt | ErrorKind::Conflict if refused.is_none() => refused = Some(error),
                _ => return Err(error),
            }
        }
    }

    /// Sends what the service does not have yet, part by part.
    fn send_missing(&self, upload: UploadId, name: &ObjectName, parts: &[&[u8]], length: u64) -> Result<()> {
        let target = self.target(&format!("uploads/{upload}"));
        let progress = || -> Result<u64> {
            let answer: Upload = read_response(&self.call_once(&Call::get(&*target), PUT)?, PUT)?;
            if answer.received > length { Err(nonsense(PUT, name)) } else { Ok(answer.received) }
        };
        let mut received = self.patience.retry(|_| progress())?;
        let mut misunderstandings = 0;
        while received < length {
            let before = received;
            let sent = self.patience.retry(|number| {
                // After a try that broke off, the service has some of the part.
                let from = if number == 0 { before } else { progress()? };
                if from > before {
                    return Ok(from);
                }
                let end = length.min(from.saturating_add(self.part as u64));
                let part = slice(parts, from..end);
                let answer = self.send_bytes(&format!("{target}?offset={from}"), &part, PUT)?;
                Ok(read_response::<Upload>(&answer, PUT)?.received)
            });
            received = match sent {
                Err(error) if error.kind() == ErrorKind::Conflict => self.patience.retry(|_| progress())?,
                sent => sent?,
            };
            if received <= before {
                misunderstandings += 1;
            }
            if received > length || misunderstandings > MISUNDERSTANDINGS {
                return Err(nonsense(PUT, name));
            }
        }
        Ok(())
    }
}

const PUT: &str = "store an object";
const READ: &str = "read an object";

struct Stored {
    info: ObjectInfo,
    hash: Option<[u8; 32]>,
}

impl Backend for VaultBackend {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        let length = parts.iter().map(|part| part.len() as u64).sum::<u64>();
        let stored = if length <= self.part as u64 {
            self.put_in_one(name, parts, length)
        } else {
            self.put_in_parts(name, parts, length)
        };
        stored.map_err(|error| refused(error, name))
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        if range.start >= range.end {
            // No header asks for nothing.
            let length = self.head(name, READ)?.info.length;
            return check_range(name, &range, length).map(|_| Vec::new());
        }
        let mut bytes = Vec::new();
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start.saturating_add(self.part as u64));
            bytes.extend_from_slice(&self.read_part(name, start..end, &range)?);
            start = end;
        }
        Ok(bytes)
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.head(name, "look up an object").map(|stored| stored.info)
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        let operation = "list objects";
        let mut after = String::new();
        loop {
            let target = self.target(&format!("objects?folder={}&limit={PAGE}&after={after}", folder.name()));
            let answer = self.call(&Call::get(target), operation).map_err(denied)?;
            let page: Page<StoredObject> = read_response(&answer, operation)?;
            for object in page.items {
                let Ok(name) = object.name.parse::<ObjectName>() else { continue };
                if name.folder() == folder {
                    found(ObjectInfo::new(name, object.length, timestamp(object.modified_at)))?;
                }
            }
            let Some(next) = page.next else { return Ok(()) };
            // A file's name: nothing else is put into a target, and no page leads back to itself.
            if next == after || ObjectName::new(folder, &*next).is_err() {
                return Err(corrupt(operation, "the service's pages do not follow one another").object(folder.name()));
            }
            after = next;
        }
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        let operation = "delete an object";
        let target = self.object(name);
        let request =
            VaultRequest { method: Method::Delete, target: &target, headers: &[], body: &[], idempotency_key: None };
        match self.patience.retry(|_| self.send(&request, operation)) {
            Err(error) if error.kind() == ErrorKind::NotFound && error.object_name() == Some(&name.to_string()) => {
                Ok(())
            }
            done => done.map(drop).map_err(|error| refused(error, name)),
        }
    }

    fn location(&self) -> String {
        format!("vault {} at {}", self.access.vault(), self.access.service())
    }
}

/// The length of the whole object that an answer has some or all of.
fn whole_length(answer: &TransportResponse) -> Option<u64> {
    match answer.status {
        206 => answer.header("Content-Range")?.rsplit_once('/')?.1.parse().ok(),
        _ => None,
    }
}

/// The BLAKE3 hash of parts that follow each other.
fn hash_of(parts: &[&[u8]]) -> [u8; 32] {
    crate::account::proof::body_hash(parts)
}

/// Bytes of parts that follow each other, without copying them.
fn slice<'a>(parts: &[&'a [u8]], range: Range<u64>) -> Vec<&'a [u8]> {
    let (mut found, mut begin) = (Vec::new(), 0_u64);
    for part in parts {
        let end = begin + part.len() as u64;
        let within = |position: u64| usize::try_from(position.clamp(begin, end) - begin).unwrap_or(part.len());
        let piece = part.get(within(range.start)..within(range.end)).unwrap_or_default();
        if !piece.is_empty() {
            found.push(piece);
        }
        begin = end;
    }
    found
}

fn timestamp(milliseconds: i64) -> Timestamp {
    let nanos = u32::try_from(milliseconds.rem_euclid(1000)).unwrap_or(0).saturating_mul(1_000_000);
    Timestamp::new(milliseconds.div_euclid(1000), nanos)
}

/// What the service refused about an object.
fn refused(error: Error, name: &ObjectName) -> Error {
    denied(error).or_object(name)
}

/// What a token does not allow is, to whoever uses storage, what its credentials do not allow.
fn denied(error: Error) -> Error {
    if error.kind() != ErrorKind::Forbidden {
        return error;
    }
    let mut told = Error::new(ErrorKind::PermissionDenied, error.operation());
    if let Some(object) = error.object_name() {
        told = told.object(object);
    }
    if let Some(detail) = error.detail_text() {
        told = told.detail(detail.to_owned());
    }
    told
}

/// An answer that cannot be.
fn nonsense(operation: &'static str, name: &ObjectName) -> Error {
    corrupt(operation, "the service's answer makes no sense").object(name).retry_hint(Retry::No)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_slice_of_parts_is_the_slice_of_all_of_them(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..10),
            start in 0_u64..250,
            length in 0_u64..250,
        ) {
            let whole = parts.concat();
            let borrowed: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let clamped = |position: u64| usize::try_from(position).unwrap().min(whole.len());
            let expected = &whole[clamped(start)..clamped(start + length)];
            prop_assert_eq!(slice(&borrowed, start..start + length).concat(), expected);
        }

        #[test]
        fn times_keep_their_milliseconds(milliseconds in -8_000_000_000_000_i64..8_000_000_000_000) {
            let time = timestamp(milliseconds);
            prop_assert_eq!(time.seconds * 1000 + i64::from(time.nanos / 1_000_000), milliseconds);
            prop_assert_eq!(time.nanos % 1_000_000, 0);
        }
    }
}
