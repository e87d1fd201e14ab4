//! Getting back in with the recovery code: `POST /v1/recovery/…`.

use super::text::{check_code, check_email};
use super::{Base64Url, Nonce, RecoveryId, Request, SecretText, Stretching};
use crate::account::PublicKey;
use crate::error::Result;

request! {
    /// `start`: begins a recovery; a code is mailed.
    pub struct StartRecovery {
        /// The address, in its normal form.
        pub email: String,
    }

    /// `prove`: shows that the recovery code and the mail are at hand, and begins to set a new password.
    pub struct ProveRecovery {
        /// From `start`.
        pub recovery_id: RecoveryId,
        /// The code of the mail.
        pub code: SecretText,
        /// The recovery code's signature over [`recovery_message`].
        pub signature: Base64Url,
        /// OPAQUE's registration request for the new password.
        pub opaque_request: Base64Url,
    }

    /// `finish`: sets the new password and the new recovery code.
    pub struct FinishRecovery {
        /// From `start`.
        pub recovery_id: RecoveryId,
        /// OPAQUE's registration record.
        pub opaque_upload: Base64Url,
        /// The master key, wrapped by OPAQUE's export key.
        pub password_wrap: Base64Url,
        /// The master key, wrapped by the new recovery code.
        pub recovery_wrap: Base64Url,
        /// What a signature by the new recovery code is checked with.
        pub recovery_public: PublicKey,
    }
}

response! {
    /// The answer to `start`, the same whether or not there is such an account.
    pub struct RecoveryStarted {
        /// Names the recovery from now on.
        pub recovery_id: RecoveryId,
        /// What the recovery code signs.
        pub challenge: Nonce,
    }

    /// The answer to `prove`.
    pub struct RecoveryProved {
        /// The master key, wrapped by the recovery code.
        pub recovery_wrap: Base64Url,
        /// OPAQUE's registration response.
        pub opaque_response: Base64Url,
        /// How to stretch the new password.
        pub stretching: Stretching,
    }
}

/// What the recovery code signs, in the context `strongroom account recovery 1`.
#[must_use]
pub fn recovery_message(recovery: &RecoveryId, challenge: &Nonce) -> Vec<u8> {
    super::lines("strongroom recovery 1", &[recovery.to_string(), challenge.to_string()])
}

impl Request for StartRecovery {
    const OPERATION: &'static str = "recover the account";

    fn check(&self) -> Result<()> {
        check_email(&self.email, "email", Self::OPERATION)
    }
}

impl Request for ProveRecovery {
    const OPERATION: &'static str = "recover the account";

    fn check(&self) -> Result<()> {
        check_code(self.code.expose(), Self::OPERATION)
    }
}

impl Request for FinishRecovery {
    const OPERATION: &'static str = "recover the account";
}
