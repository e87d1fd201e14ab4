//! The profile, the password and the second factor.

use super::Account;
use crate::account::flow::PasswordChange;
use crate::account::password::Password;
use crate::account::transport::Method;
use crate::account::wire::{
    ChangeEmail, ConfirmEmail, ConfirmSecondFactor, Profile, RecoveryCodes, RemoveSecondFactor, Request,
    SecondFactorStarted, SecretText, StartPasswordChange, UpdateProfile, Usage, normalise_email, read_response,
};
use crate::context::Context;
use crate::error::Result;

impl Account {
    /// What is known of the person.
    ///
    /// # Errors
    /// Those of every call of an [`AccountClient`](super::AccountClient).
    pub fn profile(&self, ctx: &Context) -> Result<Profile> {
        self.get("/v1/profile", ctx, "read the profile")
    }

    /// Corrects names; what is `None` stays as it is.
    ///
    /// # Errors
    /// Those of every call; [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for what cannot be a name.
    pub fn update_profile(&self, first_name: Option<&str>, last_name: Option<&str>, ctx: &Context) -> Result<Profile> {
        let message =
            UpdateProfile { first_name: first_name.map(str::to_owned), last_name: last_name.map(str::to_owned) };
        let answer = self.change(Method::Patch, "/v1/profile", &message, ctx)?;
        read_response(&answer, UpdateProfile::OPERATION)
    }

    /// Asks for another e-mail address. It counts once it is [confirmed](Self::confirm_email) with the code that is
    /// mailed there; the address in force is told.
    ///
    /// # Errors
    /// Those of every call; [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for what cannot be an address.
    pub fn change_email(&self, new_email: &str, ctx: &Context) -> Result<()> {
        let message = ChangeEmail { new_email: normalise_email(new_email) };
        self.change(Method::Post, "/v1/profile/email", &message, ctx).map(drop)
    }

    /// Confirms an e-mail address with the code that was mailed there.
    ///
    /// # Errors
    /// Those of every call; [`WrongKey`](crate::ErrorKind::WrongKey) for a wrong code.
    pub fn confirm_email(&self, code: &str, ctx: &Context) -> Result<()> {
        let message = ConfirmEmail { code: SecretText::new(code.trim()) };
        self.change(Method::Post, "/v1/profile/email/confirm", &message, ctx).map(drop)
    }

    /// Sets another password; every other session ends. The master key stays what it is, and so do devices and vaults.
    /// Needs a session.
    ///
    /// # Errors
    /// Those of every call; [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a password that cannot be, or
    /// without the master key.
    pub fn change_password(&self, password: Password, ctx: &Context) -> Result<()> {
        let operation = StartPasswordChange::OPERATION;
        let master_key = self.needed_master_key(operation)?;
        let (change, call) = PasswordChange::start(password)?;
        let call = change.answered(&self.call(&call, ctx, operation)?, master_key)?;
        self.call(&call, ctx, operation).map(drop)
    }

    /// Gives what an authenticator is set up with. The second factor is in force once a code of it
    /// [confirms](Self::confirm_second_factor) that it works.
    ///
    /// # Errors
    /// Those of every call.
    pub fn start_second_factor(&self, ctx: &Context) -> Result<SecondFactorStarted> {
        let operation = "set up the second factor";
        read_response(&self.do_it(Method::Post, "/v1/second-factor/start", ctx, operation)?, operation)
    }

    /// Turns the second factor on. The codes in the result are shown now, and never again.
    ///
    /// # Errors
    /// Those of every call; [`WrongKey`](crate::ErrorKind::WrongKey) for a wrong code.
    pub fn confirm_second_factor(&self, code: &str, ctx: &Context) -> Result<Vec<SecretText>> {
        let message = ConfirmSecondFactor { code: SecretText::new(code.trim()) };
        let answer = self.change(Method::Post, "/v1/second-factor/confirm", &message, ctx)?;
        let codes: RecoveryCodes = read_response(&answer, ConfirmSecondFactor::OPERATION)?;
        Ok(codes.recovery_codes)
    }

    /// Turns the second factor off, with a code of it.
    ///
    /// # Errors
    /// Those of every call; [`WrongKey`](crate::ErrorKind::WrongKey) for a wrong code.
    pub fn remove_second_factor(&self, code: &str, ctx: &Context) -> Result<()> {
        let message = RemoveSecondFactor { code: SecretText::new(code.trim()) };
        self.change(Method::Delete, "/v1/second-factor", &message, ctx).map(drop)
    }

    /// What is stored.
    ///
    /// # Errors
    /// Those of every call.
    pub fn usage(&self, ctx: &Context) -> Result<Usage> {
        self.get("/v1/profile/usage", ctx, "read what is stored")
    }

    /// Ends the session. For a device, nothing is to end.
    ///
    /// # Errors
    /// Those of every call.
    pub fn sign_out(&self, ctx: &Context) -> Result<()> {
        if self.expires_at().is_none() {
            return Ok(());
        }
        self.do_it(Method::Post, "/v1/sign-out", ctx, "sign out").map(drop)
    }
}
