//! The client of an account service: blocking calls over a transport.

mod billing;
mod credentials;
mod devices;
mod profile;
mod requester;
mod vaults;

pub use vaults::{VaultAccess, VaultRequest};

use self::credentials::{Credentials, DeviceCredentials};
use self::requester::{Patience, Requester};
use super::flow::{
    self, Call, PendingRegistration, PendingSecondFactor, Recovery, RecoveryChallenge, Registrant, Registration,
    SignIn, SignInOutcome, SignedIn,
};
use super::keys::MasterKey;
use super::password::Password;
use super::transport::{Method, Transport};
use super::wire::{AccountId, Capabilities, Page, Plan, RegistrationId, Request, ServiceInfo, read_response};
use crate::context::Context;
use crate::crypto::recovery::RecoveryCode;
use crate::error::{Result, corrupt};
use crate::format::device::DeviceKey;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Most pages of a list that are read: a service that never ends one is not followed for ever.
const MAX_PAGES: usize = 10_000;

/// An account service, as somebody sees it who is not signed in. A cheap clone, shared by threads.
///
/// Calls that fail for a reason that passes are tried again, with growing waits and as the service asks; a change is
/// made once however often it is asked for. Cancellation of the [`Context`] is answered within 250 ms.
///
/// ```no_run
/// # #[cfg(feature = "account-http")] {
/// use strongroom::Context;
/// use strongroom::account::transport::{HttpOptions, HttpTransport};
/// use strongroom::account::{AccountClient, Password, Registrant};
/// let client = AccountClient::new(HttpTransport::new("https://backup.example.org", HttpOptions::new())?);
/// let ctx = Context::new();
/// let who = Registrant {
///     first_name: "Kim".into(),
///     last_name: "Example".into(),
///     email: "kim@example.org".into(),
///     plan: client.plans(&ctx)?[0].id.clone(),
/// };
/// let pending = client.register(who, Password::new("correct horse battery"), &ctx)?;
/// println!("keep this on paper: {}", pending.recovery_code.reveal().as_str());
/// client.confirm(pending.registration_id, "12345678", &ctx)?;
/// # }
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone)]
pub struct AccountClient {
    requester: Arc<Requester>,
}

impl fmt::Debug for AccountClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountClient({})", self.requester.service())
    }
}

impl AccountClient {
    /// For the service that a transport leads to. Nothing is sent yet.
    pub fn new(transport: impl Transport + 'static) -> Self {
        AccountClient { requester: Arc::new(Requester::new(Arc::new(transport), Patience::default())) }
    }

    /// How often a call is tried, the first time included, and the longest time in which a try may begin. Five times
    /// within two minutes if nothing else is set; 0 tries count as 1.
    #[must_use]
    pub fn tries(self, tries: u32, within: Duration) -> Self {
        let patience = Patience { tries: tries.max(1), within, ..Patience::default() };
        AccountClient { requester: Arc::new(self.requester.with_patience(patience)) }
    }

    /// What the service says of itself.
    ///
    /// # Errors
    /// Those of every call: [`Unavailable`](crate::ErrorKind::Unavailable), [`Cancelled`](crate::ErrorKind::Cancelled),
    /// [`Untrusted`](crate::ErrorKind::Untrusted) when it is not the service of that name,
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for an answer that is none, and what the service answers with.
    pub fn service_info(&self, ctx: &Context) -> Result<ServiceInfo> {
        let operation = "ask what the service is";
        read_response(&self.call(&Call::get("/v1/service"), ctx, operation)?, operation)
    }

    /// The plans on offer.
    ///
    /// # Errors
    /// Those of every call.
    pub fn plans(&self, ctx: &Context) -> Result<Vec<Plan>> {
        list(&self.requester, None, "/v1/plans", ctx, "list the plans")
    }

    /// Registers. The account is there once it is [confirmed](Self::confirm) with the code that is mailed; the recovery
    /// code in the result is shown to the person now, and never again.
    ///
    /// # Errors
    /// Those of every call; [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for what cannot be a name, an address,
    /// a password or a plan, or looks like a payment card's number.
    pub fn register(&self, who: Registrant, password: Password, ctx: &Context) -> Result<PendingRegistration> {
        let operation = "register";
        let (registration, call) = Registration::start(who, password)?;
        let (finish, call) = registration.answered(&self.call(&call, ctx, operation)?)?;
        finish.answered(&self.call(&call, ctx, operation)?)
    }

    /// Confirms a registration with the code that was mailed.
    ///
    /// # Errors
    /// Those of every call; [`WrongKey`](crate::ErrorKind::WrongKey) for a wrong code,
    /// [`NotFound`](crate::ErrorKind::NotFound) when it was not confirmed in time.
    pub fn confirm(&self, registration_id: RegistrationId, code: &str, ctx: &Context) -> Result<AccountId> {
        let call = flow::confirm_registration(registration_id, code)?;
        flow::read_confirmation(&self.call(&call, ctx, "confirm the registration")?)
    }

    /// Signs in. The key of a device that belongs to the account spares it the waits that strangers' guesses cause.
    ///
    /// # Errors
    /// Those of every call; [`WrongKey`](crate::ErrorKind::WrongKey) when address or password are wrong: which, is not
    /// said.
    pub fn sign_in(
        &self,
        email: &str,
        password: Password,
        device: Option<&DeviceKey>,
        ctx: &Context,
    ) -> Result<SignInStep> {
        let operation = "sign in";
        let (sign_in, call) = SignIn::start(email, password, device, self.requester.now())?;
        let (finish, call) = sign_in.answered(&self.call(&call, ctx, operation)?)?;
        Ok(match finish.answered(&self.call(&call, ctx, operation)?)? {
            SignInOutcome::SignedIn(signed_in) => SignInStep::SignedIn(self.session(*signed_in)),
            SignInOutcome::SecondFactor(pending) => {
                SignInStep::SecondFactor(PendingSignIn { client: self.clone(), pending })
            }
        })
    }

    /// Begins to get back in with the recovery code; a code is mailed.
    ///
    /// # Errors
    /// Those of every call. Whether there is such an account is not said.
    pub fn start_recovery(&self, email: &str, ctx: &Context) -> Result<RecoveryChallenge> {
        let (recovery, call) = Recovery::start(email)?;
        recovery.answered(&self.call(&call, ctx, "recover the account")?)
    }

    /// Sets a new password with the code that was mailed and the recovery code. All sessions end. The new recovery code
    /// in the result is shown to the person now, and never again.
    ///
    /// # Errors
    /// Those of every call; [`WrongKey`](crate::ErrorKind::WrongKey) when a code is wrong.
    pub fn finish_recovery(
        &self,
        challenge: &RecoveryChallenge,
        mailed: &str,
        code: RecoveryCode,
        password: Password,
        ctx: &Context,
    ) -> Result<RecoveryCode> {
        let operation = "recover the account";
        let (finish, call) = challenge.prove(mailed, code, password)?;
        let (recovered, call) = finish.answered(&self.call(&call, ctx, operation)?)?;
        self.call(&call, ctx, operation)?;
        Ok(recovered.recovery_code)
    }

    /// The account as one of its devices sees it, with tokens that let it do no more than `capabilities`. Nothing is
    /// sent yet.
    #[must_use]
    pub fn device(&self, account_id: AccountId, key: DeviceKey, capabilities: Capabilities) -> Account {
        let credentials = Credentials::Device(DeviceCredentials::new(account_id, key, capabilities, None));
        Account { requester: Arc::clone(&self.requester), credentials: Arc::new(credentials), master_key: None }
    }

    fn session(&self, signed_in: SignedIn) -> Account {
        let SignedIn { session, session_key: key, master_key } = signed_in;
        let credentials = Arc::new(Credentials::Session { session, key });
        Account { requester: Arc::clone(&self.requester), credentials, master_key: Some(master_key) }
    }

    fn call(&self, call: &Call, ctx: &Context, operation: &'static str) -> Result<Vec<u8>> {
        self.requester.call(call, None, ctx.token(), operation)
    }
}

/// What came of a password.
#[derive(Debug)]
pub enum SignInStep {
    /// That was all.
    SignedIn(Account),
    /// The account asks for a second factor.
    SecondFactor(PendingSignIn),
}

/// A sign-in that waits for a code of the authenticator.
#[derive(Debug)]
pub struct PendingSignIn {
    client: AccountClient,
    pending: PendingSecondFactor,
}

impl PendingSignIn {
    /// Signs in with a code of the authenticator, or a recovery code of it. After a wrong one, another may be tried.
    ///
    /// # Errors
    /// Those of every call; [`WrongKey`](crate::ErrorKind::WrongKey) for a wrong code.
    pub fn verify(&self, code: &str, ctx: &Context) -> Result<Account> {
        let call = self.pending.verify(code)?;
        let answer = self.client.call(&call, ctx, "check the second factor")?;
        Ok(self.client.session(self.pending.answered(&answer)?))
    }
}

/// An account, as a session or one of its devices sees it. A cheap clone, shared by threads.
///
/// A device's tokens are asked for as they are needed. What they do not let it do fails with
/// [`Forbidden`](crate::ErrorKind::Forbidden); once the device is revoked, everything does with
/// [`PermissionDenied`](crate::ErrorKind::PermissionDenied).
#[derive(Clone)]
pub struct Account {
    requester: Arc<Requester>,
    credentials: Arc<Credentials>,
    master_key: Option<MasterKey>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({} at {})", self.id(), self.requester.service())
    }
}

impl Account {
    /// The account's id.
    #[must_use]
    pub fn id(&self) -> AccountId {
        self.credentials.account_id()
    }

    /// When the session ends, in milliseconds since 1970 UTC; `None` for a device.
    #[must_use]
    pub fn expires_at(&self) -> Option<i64> {
        match &*self.credentials {
            Credentials::Session { session, .. } => Some(session.expires_at),
            Credentials::Device(_) => None,
        }
    }

    /// The master key, in a session and after [`open_master_key`](Self::open_master_key).
    #[must_use]
    pub fn master_key(&self) -> Option<&MasterKey> {
        self.master_key.as_ref()
    }

    fn needed_master_key(&self, operation: &'static str) -> Result<&MasterKey> {
        self.master_key.as_ref().ok_or_else(|| {
            crate::error::invalid(operation, "it needs the master key: sign in, or open it with the device's key first")
        })
    }

    fn get<T: DeserializeOwned>(&self, target: &str, ctx: &Context, operation: &'static str) -> Result<T> {
        read_response(&self.call(&Call::get(target), ctx, operation)?, operation)
    }

    /// A change that says something.
    fn change<R: Request>(&self, method: Method, target: &str, message: &R, ctx: &Context) -> Result<Vec<u8>> {
        self.call(&Call::change(method, target, message)?, ctx, R::OPERATION)
    }

    /// A change whose target says it all.
    fn do_it(&self, method: Method, target: &str, ctx: &Context, operation: &'static str) -> Result<Vec<u8>> {
        self.call(&Call::plain_change(method, target)?, ctx, operation)
    }

    fn list<T: DeserializeOwned>(&self, target: &str, ctx: &Context, operation: &'static str) -> Result<Vec<T>> {
        list(&self.requester, Some(&self.credentials), target, ctx, operation)
    }

    fn call(&self, call: &Call, ctx: &Context, operation: &'static str) -> Result<Vec<u8>> {
        self.requester.call(call, Some(&self.credentials), ctx.token(), operation)
    }
}

/// Every item of a list.
fn list<T: DeserializeOwned>(
    requester: &Requester,
    credentials: Option<&Credentials>,
    target: &str,
    ctx: &Context,
    operation: &'static str,
) -> Result<Vec<T>> {
    let mut items = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let page = match &after {
            None => format!("{target}?limit=1000"),
            Some(after) => format!("{target}?limit=1000&after={}", percent_encoded(after)),
        };
        let answer = requester.call(&Call::get(page), credentials, ctx.token(), operation)?;
        let page: Page<T> = read_response(&answer, operation)?;
        items.extend(page.items);
        match page.next {
            None => return Ok(items),
            Some(next) if Some(&next) == after.as_ref() => break,
            Some(next) => after = Some(next),
        }
    }
    Err(corrupt(operation, "the service's list does not end"))
}

/// A text as part of a query: all but the characters that RFC 3986 reserves for nothing, as their bytes.
fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

#[cfg(test)]
mod tests;
