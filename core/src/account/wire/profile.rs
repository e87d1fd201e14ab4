//! The profile: `/v1/profile`.

use super::text::{check_code, check_email, check_name};
use super::{AccountId, Base64Url, Request, SecretText, Stretching, VaultId};
use crate::error::Result;

request! {
    /// `PATCH`: corrects names; what is missing stays as it is.
    pub struct UpdateProfile {
        /// First name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub first_name: Option<String>,
        /// Last name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub last_name: Option<String>,
    }

    /// `POST …/email`: asks for another address; a code is mailed to it, and a notice to the one in force.
    pub struct ChangeEmail {
        /// The address, in its normal form.
        pub new_email: String,
    }

    /// `POST …/email/confirm`: the code that was mailed.
    pub struct ConfirmEmail {
        /// The code.
        pub code: SecretText,
    }

    /// `POST …/password/start`: begins to set another password.
    pub struct StartPasswordChange {
        /// OPAQUE's registration request.
        pub opaque_request: Base64Url,
    }

    /// `POST …/password/finish`: sets it, and ends all other sessions.
    pub struct ChangePassword {
        /// OPAQUE's registration record.
        pub opaque_upload: Base64Url,
        /// The master key, wrapped by OPAQUE's export key.
        pub password_wrap: Base64Url,
    }
}

response! {
    /// The answer to `POST …/password/start`.
    pub struct ChangePasswordStarted {
        /// OPAQUE's registration response.
        pub opaque_response: Base64Url,
        /// How to stretch the password.
        pub stretching: Stretching,
    }

    /// `GET`: what is known of the person.
    pub struct Profile {
        /// The account.
        pub account_id: AccountId,
        /// First name.
        pub first_name: String,
        /// Last name.
        pub last_name: String,
        /// The address in force.
        pub email: String,
        /// An address that is not confirmed yet.
        #[serde(default)]
        pub pending_email: Option<String>,
        /// When the account was made, in milliseconds since 1970 UTC.
        pub created_at: i64,
        /// Whether signing in asks for a second factor.
        pub second_factor: bool,
    }

    /// `GET …/usage`: what is stored.
    pub struct Usage {
        /// Bytes in all vaults.
        pub bytes: u64,
        /// Objects in all vaults.
        pub objects: u64,
        /// The most bytes the plan allows.
        pub quota_bytes: u64,
        /// Each vault.
        pub vaults: Vec<VaultUsage>,
    }

    /// What is stored in one vault.
    pub struct VaultUsage {
        /// The vault.
        pub vault_id: VaultId,
        /// Its name.
        pub name: String,
        /// Bytes.
        pub bytes: u64,
        /// Objects.
        pub objects: u64,
    }

    /// `GET …/wraps`: the wraps of the master key that need the person.
    pub struct Wraps {
        /// By OPAQUE's export key.
        pub password_wrap: Base64Url,
        /// By the recovery code.
        pub recovery_wrap: Base64Url,
    }
}

impl Request for UpdateProfile {
    const OPERATION: &'static str = "change the profile";

    fn check(&self) -> Result<()> {
        self.first_name.iter().try_for_each(|name| check_name(name, "first_name", Self::OPERATION))?;
        self.last_name.iter().try_for_each(|name| check_name(name, "last_name", Self::OPERATION))
    }
}

impl Request for ChangeEmail {
    const OPERATION: &'static str = "change the e-mail address";

    fn check(&self) -> Result<()> {
        check_email(&self.new_email, "new_email", Self::OPERATION)
    }
}

impl Request for ConfirmEmail {
    const OPERATION: &'static str = "confirm the e-mail address";

    fn check(&self) -> Result<()> {
        check_code(self.code.expose(), Self::OPERATION)
    }
}

impl Request for StartPasswordChange {
    const OPERATION: &'static str = "change the password";
}

impl Request for ChangePassword {
    const OPERATION: &'static str = "change the password";
}
