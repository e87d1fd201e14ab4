//! The messages of the protocol, as JSON, and the rules that both sides hold them to.
//!
//! The types are plain records, made field by field by whoever sends them; [`write_request`], [`read_request`],
//! [`write_response`] and [`read_response`] are the ways from and to bytes. A message that grows does so with an
//! optional field.

/// Derives what every message needs. Fields that are not known are refused.
macro_rules! request {
    ($($message:item)*) => { $(
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(deny_unknown_fields)]
        $message
    )* };
}

/// As `request`, but fields that are not known are passed over: a newer service may say more.
macro_rules! response {
    ($($message:item)*) => { $(
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        $message
    )* };
}

mod binary;
mod capability;
mod device;
mod ids;
mod plan;
mod problem;
mod profile;
mod recovery;
mod registration;
mod second_factor;
mod service;
mod sign_in;
mod text;
mod vault;

pub use binary::{Base64Url, SecretText};
pub use capability::{Capabilities, Capability};
pub use device::{
    Device, DeviceCertificate, DeviceToken, EnrolDevice, RenameDevice, RequestDeviceToken, certificate_message,
    token_request_message,
};
pub use ids::{
    AccountId, IdempotencyKey, InvoiceId, Nonce, RecoveryId, RegistrationId, SignInId, TokenId, UploadId, VaultId,
};
pub use plan::{
    ChangePlan, Interval, Invoice, InvoiceStatus, Link, Plan, PlanChange, Subscription, SubscriptionEvent,
    SubscriptionEventKind, SubscriptionPreview, SubscriptionStatus,
};
pub use problem::{PROBLEM_CONTENT_TYPE, ProblemDocument};
pub use profile::{
    ChangeEmail, ChangePassword, ChangePasswordStarted, ConfirmEmail, Profile, StartPasswordChange, UpdateProfile,
    Usage, VaultUsage, Wraps,
};
pub use recovery::{FinishRecovery, ProveRecovery, RecoveryProved, RecoveryStarted, StartRecovery, recovery_message};
pub use registration::{
    ConfirmRegistration, FinishRegistration, RegistrationConfirmed, RegistrationFinished, RegistrationStarted,
    StartRegistration,
};
pub use second_factor::{ConfirmSecondFactor, RecoveryCodes, RemoveSecondFactor, SecondFactorStarted};
pub use service::{ServiceInfo, Stretching};
pub use sign_in::{
    FinishSignIn, KnownDevice, Session, SignInFinished, SignInStarted, StartSignIn, VerifySecondFactor,
    known_device_message,
};
pub use text::{check_email, check_label, check_name, check_text, looks_like_card_number, normalise_email};
pub use vault::{CreateVault, FinishUpload, Hold, SetHold, StartUpload, StoredObject, Upload, Vault};

use crate::error::{Error, ErrorKind, Result, corrupt, internal, invalid};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest JSON body a service reads, in bytes.
pub const MAX_REQUEST: usize = 64 * 1024;
/// Longest JSON body a client reads, in bytes.
pub const MAX_RESPONSE: usize = 1024 * 1024;
/// Longest body of an object, or part of an upload, that a service reads in one request, in bytes.
pub const MAX_OBJECT_PART: u64 = 64 * 1024 * 1024;

/// The header that names a change, so that it is made once however often it is asked for.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// The header in which a service says its time, in milliseconds since 1970 UTC, to a client whose clock is wrong.
pub const SERVICE_TIME: &str = "Strongroom-Time";
/// The header that says when storage received an object, in milliseconds since 1970 UTC.
pub const OBJECT_MODIFIED: &str = "Strongroom-Modified";
/// The header that says the BLAKE3 hash of an object, in lower-case hexadecimal.
pub const OBJECT_HASH: &str = "Strongroom-Hash";

/// A body of a request, with the rules that go beyond its form.
pub trait Request: Serialize + DeserializeOwned {
    /// What is asked for, as a verb phrase, for errors.
    const OPERATION: &'static str;

    /// Checks what the types do not say, such as lengths of texts.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument), naming the field and never repeating what it holds.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// What to ask for as `after` to go on; missing on the last page.
    #[serde(default)]
    pub next: Option<String>,
}

/// An answer that says no more than that it was done: `{}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Done {}

/// Checks and writes a request.
///
/// # Errors
/// [`InvalidArgument`](ErrorKind::InvalidArgument) when a field breaks a rule,
/// [`LimitExceeded`](ErrorKind::LimitExceeded) when it is longer than [`MAX_REQUEST`].
pub fn write_request<T: Request>(request: &T) -> Result<Vec<u8>> {
    request.check()?;
    let bytes = encode(request, T::OPERATION)?;
    if bytes.len() > MAX_REQUEST {
        return Err(too_long(T::OPERATION, MAX_REQUEST));
    }
    Ok(bytes)
}

/// Reads and checks a request.
///
/// # Errors
/// [`InvalidArgument`](ErrorKind::InvalidArgument) when it is not the message or breaks a rule,
/// [`LimitExceeded`](ErrorKind::LimitExceeded) when it is longer than [`MAX_REQUEST`]. No error repeats what the
/// message holds.
pub fn read_request<T: Request>(bytes: &[u8]) -> Result<T> {
    if bytes.len() > MAX_REQUEST {
        return Err(too_long(T::OPERATION, MAX_REQUEST));
    }
    let request: T = serde_json::from_slice(bytes).map_err(|error| invalid(T::OPERATION, fault(&error)))?;
    request.check()?;
    Ok(request)
}

/// Writes a response.
///
/// # Errors
/// [`Internal`](ErrorKind::Internal) when it cannot be written as JSON, which no message of this crate causes.
pub fn write_response<T: Serialize>(response: &T) -> Result<Vec<u8>> {
    encode(response, "write a response")
}

/// Reads a response to `operation`.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt) when it is not the message or longer than [`MAX_RESPONSE`]. No error repeats what
/// the message holds.
pub fn read_response<T: DeserializeOwned>(bytes: &[u8], operation: &'static str) -> Result<T> {
    if bytes.len() > MAX_RESPONSE {
        return Err(corrupt(operation, format!("the service's answer is longer than {MAX_RESPONSE} bytes")));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| corrupt(operation, format!("the service's answer: {}", fault(&error))))
}

fn encode<T: Serialize>(message: &T, operation: &'static str) -> Result<Vec<u8>> {
    serde_json::to_vec(message).map_err(|_| internal(operation, "a message cannot be written as JSON"))
}

/// A statement that is signed: what it is, and its fields, each ended by a line feed. No field can hold one.
pub(crate) fn lines(what: &str, fields: &[String]) -> Vec<u8> {
    std::iter::once(what)
        .chain(fields.iter().map(String::as_str))
        .flat_map(|line| [line, "\n"])
        .collect::<String>()
        .into_bytes()
}

fn too_long(operation: &'static str, most: usize) -> Error {
    Error::new(ErrorKind::LimitExceeded, operation).detail(format!("the message is longer than {most} bytes"))
}

/// What is wrong with JSON, without the values in it: they may be secret, or personal.
fn fault(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        Some((field, _)) => format!("the field {field} is missing"),
        None => format!("it is not the JSON that is expected here, at line {} column {}", error.line(), error.column()),
    }
}

#[cfg(test)]
mod tests;
