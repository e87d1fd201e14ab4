//! Devices and their tokens: `/v1/devices`.

use super::text::check_label;
use super::{AccountId, Base64Url, Capabilities, Nonce, Request, TokenId, VaultId};
use crate::error::{Result, invalid};
use crate::id::DeviceId;

request! {
    /// `POST`: adds a device to the account.
    pub struct EnrolDevice {
        /// What people call it.
        pub name: String,
        /// The device's own request ([`DeviceRequest`](crate::DeviceRequest)): its public keys, signed by it.
        pub request: Base64Url,
        /// What its tokens may let it do.
        pub grants: Capabilities,
        /// That the holder of the master key wants it.
        pub certificate: DeviceCertificate,
        /// The master key, sealed to the device; missing for a device that gets no key of the account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub master_wrap: Option<Base64Url>,
    }

    /// `PATCH …/{id}`: gives a device another name.
    pub struct RenameDevice {
        /// The name.
        pub name: String,
    }

    /// `POST …/{id}/tokens`: asks for a token. Signed by the device itself.
    pub struct RequestDeviceToken {
        /// What the token is to let it do: no more than its grants.
        pub capabilities: Capabilities,
        /// The only vault it is to count for; missing for every vault of the account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub vault_id: Option<VaultId>,
        /// When it was signed, in milliseconds since 1970 UTC.
        pub requested_at: i64,
        /// Used once.
        pub nonce: Nonce,
        /// The device's signature over [`token_request_message`].
        pub signature: Base64Url,
    }
}

response! {
    /// The statement of an account that a device is its own.
    #[serde(deny_unknown_fields)]
    pub struct DeviceCertificate {
        /// The account.
        pub account_id: AccountId,
        /// The device.
        pub device_id: DeviceId,
        /// What its tokens may let it do.
        pub grants: Capabilities,
        /// When it was signed, in milliseconds since 1970 UTC.
        pub issued_at: i64,
        /// The account's signature over [`certificate_message`].
        pub signature: Base64Url,
    }

    /// A device of the account.
    pub struct Device {
        /// Its id.
        pub device_id: DeviceId,
        /// What people call it.
        pub name: String,
        /// What its tokens may let it do.
        pub grants: Capabilities,
        /// Its own request, with its public keys.
        pub request: Base64Url,
        /// That the holder of the master key wanted it.
        pub certificate: DeviceCertificate,
        /// When it was added, in milliseconds since 1970 UTC.
        pub enrolled_at: i64,
        /// When it last did something, in milliseconds since 1970 UTC.
        #[serde(default)]
        pub last_seen_at: Option<i64>,
        /// When it was revoked, in milliseconds since 1970 UTC.
        #[serde(default)]
        pub revoked_at: Option<i64>,
        /// The master key, sealed to the device; said to the device itself alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub master_wrap: Option<Base64Url>,
    }

    /// The answer to a request for a token. It is no secret: each request carries a signature of the device.
    pub struct DeviceToken {
        /// Names the token.
        pub token: TokenId,
        /// When it ends, in milliseconds since 1970 UTC.
        pub expires_at: i64,
    }
}

/// What the account signs to certify a device, in the context `strongroom account device certificate 1`. The name is
/// not part of it: it may change.
#[must_use]
pub fn certificate_message(certificate: &DeviceCertificate) -> Vec<u8> {
    let fields = [
        certificate.account_id.to_string(),
        certificate.device_id.to_string(),
        certificate.grants.to_string(),
        certificate.issued_at.to_string(),
    ];
    super::lines("strongroom device certificate 1", &fields)
}

/// What a device signs to get a token, in the context `strongroom account token request 1`.
#[must_use]
pub fn token_request_message(account: &AccountId, device: &DeviceId, request: &RequestDeviceToken) -> Vec<u8> {
    let fields = [
        account.to_string(),
        device.to_string(),
        request.capabilities.to_string(),
        request.vault_id.map(|vault| vault.to_string()).unwrap_or_default(),
        request.requested_at.to_string(),
        request.nonce.to_string(),
    ];
    super::lines("strongroom token request 1", &fields)
}

impl Request for EnrolDevice {
    const OPERATION: &'static str = "add a device";

    fn check(&self) -> Result<()> {
        check_label(&self.name, "name", Self::OPERATION)?;
        if self.grants != self.certificate.grants {
            return Err(invalid(Self::OPERATION, "it differs from what the certificate says").object("grants"));
        }
        Ok(())
    }
}

impl Request for RenameDevice {
    const OPERATION: &'static str = "rename the device";

    fn check(&self) -> Result<()> {
        check_label(&self.name, "name", Self::OPERATION)
    }
}

impl Request for RequestDeviceToken {
    const OPERATION: &'static str = "get a token";
}
