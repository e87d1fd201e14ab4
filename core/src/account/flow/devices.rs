//! Adding devices, and the tokens they ask for.

use super::Call;
use crate::account::keys::MasterKey;
use crate::account::public_key::TOKEN_CONTEXT;
use crate::account::wire::{
    AccountId, Base64Url, Capabilities, Device, DeviceToken, EnrolDevice, Nonce, Request, RequestDeviceToken, VaultId,
    read_response, token_request_message,
};
use crate::error::{Error, ErrorKind, Result, corrupt};
use crate::format::device::{DeviceKey, DeviceRequest};
use crate::id::DeviceId;

/// Longest life of a token that is believed, in milliseconds.
const LONGEST_TOKEN: i64 = 24 * 60 * 60 * 1000;

/// A device about to be added, waiting for the service's answer.
#[derive(Debug)]
pub struct AddDevice {
    message: EnrolDevice,
}

impl AddDevice {
    /// Certifies a device and asks the service to add it. With `master_key_too`, the device gets the master key, sealed to
    /// it, and so can read every vault of the account; without, it has what vaults' owners give it. `now` is in
    /// milliseconds since 1970 UTC.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a name that cannot be.
    pub fn start(
        account: AccountId,
        master_key: &MasterKey,
        device: &DeviceRequest,
        grants: Capabilities,
        master_key_too: bool,
        now: i64,
    ) -> Result<(Self, Call)> {
        let master_wrap = if master_key_too { Some(Base64Url(master_key.wrap_for_device(device)?)) } else { None };
        let message = EnrolDevice {
            name: device.name().to_owned(),
            request: Base64Url(device.to_bytes()),
            grants,
            certificate: master_key.certify(account, device, grants, now),
            master_wrap,
        };
        let call = Call::post("/v1/devices", &message)?;
        Ok((AddDevice { message }, call))
    }

    /// Takes the answer: the device as the service lists it.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) for an answer that is none, or about something else than was asked.
    pub fn answered(self, answer: &[u8]) -> Result<Device> {
        let device: Device = read_response(answer, EnrolDevice::OPERATION)?;
        let same = device.certificate == self.message.certificate
            && device.device_id == self.message.certificate.device_id
            && device.grants == self.message.grants
            && device.request == self.message.request;
        if same { Ok(device) } else { Err(corrupt(EnrolDevice::OPERATION, "the service added another device")) }
    }
}

/// Opens, on a device, the master key that was sealed to it, and checks that it is the one the account certified the
/// device with.
///
/// # Errors
/// [`Untrusted`](ErrorKind::Untrusted) when certificate and key do not fit each other and this device,
/// [`NotFound`](ErrorKind::NotFound) when the device was given none, [`Corrupt`](ErrorKind::Corrupt) when it was sealed to
/// another.
pub fn open_master_key(device: &Device, key: &DeviceKey) -> Result<MasterKey> {
    let operation = "open the master key with the device's key";
    let Some(wrap) = &device.master_wrap else {
        return Err(Error::new(ErrorKind::NotFound, operation).detail("this device was given no key of the account"));
    };
    let master_key = MasterKey::unwrap_by_device(&wrap.0, key)?;
    master_key.public_key().check_certificate(&device.certificate)?;
    if device.certificate.device_id != key.id() {
        return Err(Error::new(ErrorKind::Untrusted, operation).detail("the certificate is another device's"));
    }
    Ok(master_key)
}

/// A request for a token, waiting for the service's answer.
#[derive(Debug)]
pub struct TokenRequest {
    now: i64,
}

impl TokenRequest {
    /// Asks for a token that lets this device do no more than is needed. `now` is in milliseconds since 1970 UTC, by the
    /// service's clock as far as known.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) when the system's random number generator fails.
    pub fn start(
        account: &AccountId,
        key: &DeviceKey,
        capabilities: Capabilities,
        vault_id: Option<VaultId>,
        now: i64,
    ) -> Result<(Self, Call)> {
        let device: DeviceId = key.id();
        let nonce = Nonce::random()?;
        let signature = Base64Url::default();
        let mut message = RequestDeviceToken { capabilities, vault_id, requested_at: now, nonce, signature };
        let signature = key.signing().sign(TOKEN_CONTEXT, &token_request_message(account, &device, &message));
        message.signature = Base64Url(signature.to_vec());
        Ok((TokenRequest { now }, Call::post(format!("/v1/devices/{device}/tokens"), &message)?))
    }

    /// Takes the answer.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) for an answer that is none.
    pub fn answered(self, answer: &[u8]) -> Result<DeviceToken> {
        let mut token: DeviceToken = read_response(answer, RequestDeviceToken::OPERATION)?;
        // A token that is kept for longer than that is asked for anew; it costs a request.
        token.expires_at = token.expires_at.min(self.now.saturating_add(LONGEST_TOKEN));
        Ok(token)
    }
}
