//! Signing in: `POST /v1/sign-in/…`.

use super::text::{check_code, check_email};
use super::{AccountId, Base64Url, Nonce, Request, SecretText, SignInId, Stretching, TokenId};
use crate::crypto::hash;
use crate::error::Result;
use crate::id::{DeviceId, hex};

request! {
    /// `start`: begins a sign-in.
    pub struct StartSignIn {
        /// The address, in its normal form.
        pub email: String,
        /// OPAQUE's credential request.
        pub opaque_request: Base64Url,
        /// The device, when it belongs to the account: it is not held up by strangers' failures.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub device: Option<KnownDevice>,
    }

    /// Shows that a sign-in comes from a device of the account.
    pub struct KnownDevice {
        /// The device.
        pub device_id: DeviceId,
        /// When it was signed, in milliseconds since 1970 UTC.
        pub signed_at: i64,
        /// Used once.
        pub nonce: Nonce,
        /// The device's signature over [`known_device_message`].
        pub signature: Base64Url,
    }

    /// `finish`: shows that the password is known.
    pub struct FinishSignIn {
        /// From `start`.
        pub sign_in_id: SignInId,
        /// OPAQUE's credential finalization.
        pub opaque_finalization: Base64Url,
    }

    /// `second-factor`: a code of the authenticator, or a recovery code of it.
    pub struct VerifySecondFactor {
        /// From `start`.
        pub sign_in_id: SignInId,
        /// The code.
        pub code: SecretText,
    }
}

response! {
    /// The answer to `start`, the same whether or not there is such an account.
    pub struct SignInStarted {
        /// Names the sign-in from now on.
        pub sign_in_id: SignInId,
        /// OPAQUE's credential response.
        pub opaque_response: Base64Url,
        /// How to stretch the password.
        pub stretching: Stretching,
    }

    /// The answer to `finish` and to `second-factor`.
    pub struct SignInFinished {
        /// Whether a second factor is asked for first: then there is nothing else in the answer.
        pub second_factor: bool,
        /// The session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub session: Option<Session>,
        /// The master key, wrapped by OPAQUE's export key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub password_wrap: Option<Base64Url>,
    }

    /// A session. Its token is no secret: each request carries a proof by OPAQUE's session key.
    pub struct Session {
        /// Names the session.
        pub token: TokenId,
        /// The account.
        pub account_id: AccountId,
        /// When it ends, in milliseconds since 1970 UTC.
        pub expires_at: i64,
    }
}

/// What a known device signs, in the context `strongroom account sign-in 1`.
#[must_use]
pub fn known_device_message(start: &StartSignIn, device: &KnownDevice) -> Vec<u8> {
    let request = hash::name(&start.opaque_request.0);
    let fields = [
        start.email.clone(),
        device.device_id.to_string(),
        device.signed_at.to_string(),
        device.nonce.to_string(),
        hex(&request),
    ];
    super::lines("strongroom sign-in 1", &fields)
}

impl Request for StartSignIn {
    const OPERATION: &'static str = "sign in";

    fn check(&self) -> Result<()> {
        check_email(&self.email, "email", Self::OPERATION)
    }
}

impl Request for FinishSignIn {
    const OPERATION: &'static str = "sign in";
}

impl Request for VerifySecondFactor {
    const OPERATION: &'static str = "check the second factor";

    fn check(&self) -> Result<()> {
        check_code(self.code.expose(), Self::OPERATION)
    }
}
