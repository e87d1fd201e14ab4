//! The second factor: `/v1/second-factor`.

use super::text::check_code;
use super::{Request, SecretText};
use crate::error::Result;

request! {
    /// `POST …/confirm`: shows that the authenticator works, which turns the second factor on.
    pub struct ConfirmSecondFactor {
        /// A code of the authenticator.
        pub code: SecretText,
    }

    /// `DELETE`: turns the second factor off.
    pub struct RemoveSecondFactor {
        /// A code of the authenticator, or a recovery code of it.
        pub code: SecretText,
    }
}

response! {
    /// The answer to `POST …/start`: what an authenticator is set up with (RFC 6238). Not in force yet.
    pub struct SecondFactorStarted {
        /// The secret in base32, to be typed.
        pub secret: SecretText,
        /// The same as an `otpauth` address, to be shown as a QR code.
        pub uri: SecretText,
    }

    /// The answer to `POST …/confirm`: codes to be kept on paper, each good once in place of the authenticator.
    pub struct RecoveryCodes {
        /// The codes.
        pub recovery_codes: Vec<SecretText>,
    }
}

impl Request for ConfirmSecondFactor {
    const OPERATION: &'static str = "turn the second factor on";

    fn check(&self) -> Result<()> {
        check_code(self.code.expose(), Self::OPERATION)
    }
}

impl Request for RemoveSecondFactor {
    const OPERATION: &'static str = "turn the second factor off";

    fn check(&self) -> Result<()> {
        check_code(self.code.expose(), Self::OPERATION)
    }
}
