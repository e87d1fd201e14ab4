//! Registration: `POST /v1/registrations/…`.

use super::text::{check_email, check_name, check_text};
use super::{AccountId, Base64Url, RegistrationId, Request, SecretText, Stretching};
use crate::account::PublicKey;
use crate::error::Result;

request! {
    /// `start`: begins a registration.
    pub struct StartRegistration {
        /// The address, in its normal form.
        pub email: String,
        /// OPAQUE's registration request.
        pub opaque_request: Base64Url,
    }

    /// `finish`: what an account is made of.
    pub struct FinishRegistration {
        /// From `start`.
        pub registration_id: RegistrationId,
        /// First name.
        pub first_name: String,
        /// Last name.
        pub last_name: String,
        /// The address given at `start`.
        pub email: String,
        /// The id of the plan.
        pub plan: String,
        /// OPAQUE's registration record.
        pub opaque_upload: Base64Url,
        /// The master key, wrapped by OPAQUE's export key.
        pub password_wrap: Base64Url,
        /// The master key, wrapped by the recovery code.
        pub recovery_wrap: Base64Url,
        /// What a signature by the recovery code is checked with.
        pub recovery_public: PublicKey,
        /// What the account's signatures, such as those of device certificates, are checked with.
        pub account_public: PublicKey,
    }

    /// `confirm`: the code that was mailed.
    pub struct ConfirmRegistration {
        /// From `start`.
        pub registration_id: RegistrationId,
        /// The eight digits of the mail.
        pub code: SecretText,
    }
}

response! {
    /// The answer to `start`.
    pub struct RegistrationStarted {
        /// Names the registration from now on.
        pub registration_id: RegistrationId,
        /// OPAQUE's registration response.
        pub opaque_response: Base64Url,
        /// How to stretch the password.
        pub stretching: Stretching,
    }

    /// The answer to `finish`, the same whether or not the address has an account already.
    pub struct RegistrationFinished {
        /// The registration.
        pub registration_id: RegistrationId,
        /// Until when the code counts, in milliseconds since 1970 UTC.
        pub confirm_by_at: i64,
    }

    /// The answer to `confirm`: there is an account now.
    pub struct RegistrationConfirmed {
        /// Its id.
        pub account_id: AccountId,
    }
}

impl Request for StartRegistration {
    const OPERATION: &'static str = "register";

    fn check(&self) -> Result<()> {
        check_email(&self.email, "email", Self::OPERATION)
    }
}

impl Request for FinishRegistration {
    const OPERATION: &'static str = "register";

    fn check(&self) -> Result<()> {
        check_name(&self.first_name, "first_name", Self::OPERATION)?;
        check_name(&self.last_name, "last_name", Self::OPERATION)?;
        check_email(&self.email, "email", Self::OPERATION)?;
        check_text(&self.plan, 64, "plan", Self::OPERATION)
    }
}

impl Request for ConfirmRegistration {
    const OPERATION: &'static str = "confirm the registration";

    fn check(&self) -> Result<()> {
        super::text::check_code(self.code.expose(), Self::OPERATION)
    }
}
