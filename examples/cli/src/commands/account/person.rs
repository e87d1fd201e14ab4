//! Registering, signing in, and what is known of the person.

use super::state::{self, Service, ServiceArgs, SignedIn};
use super::{rfc3339, when};
use crate::app::App;
use crate::exit::{Exit, Failure, Result};
use crate::output::json::record;
use crate::output::table::{Align, Table};
use crate::output::text::printable;
use crate::output::units::{percent, size};
use crate::{place, secrets};
use clap::{Args, ValueHint};
use serde_json::json;
use std::path::PathBuf;
use strongroom::account::wire::Capabilities;
use strongroom::account::{Account, AccountClient, Password, Registrant, SignInStep};
use strongroom::{Context, DeviceKey, RecoveryCode};

/// Where the password comes from. Without any of these, $STRONGROOM_ACCOUNT_PASSWORD, and without that a prompt.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(crate) struct PasswordArgs {
    /// Takes the account's password from the first line of a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) password_file: Option<PathBuf>,
    /// Takes the account's password from the first line of what a shell command prints
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub(crate) password_command: Option<String>,
}

/// Whose password it is, and what else signing in with it may take.
#[derive(Debug, Args)]
pub(super) struct SessionArgs {
    /// E-mail address of the account
    #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::EmailAddress)]
    email: String,
    /// A code of the authenticator, where one is asked for; else it is asked for
    #[arg(long, value_name = "CODE")]
    second_factor: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Debug, Args)]
pub(super) struct RegisterArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// First name
    #[arg(long, value_name = "NAME")]
    first_name: String,
    /// Last name
    #[arg(long, value_name = "NAME")]
    last_name: String,
    /// E-mail address
    #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::EmailAddress)]
    email: String,
    /// The plan, as `strongroom account plans` lists them
    #[arg(long)]
    plan: String,
    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Debug, Args)]
pub(super) struct ConfirmArgs {
    /// The eight digits of the mail
    code: String,
}

#[derive(Debug, Args)]
pub(super) struct SignInArgs {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    who: SessionArgs,
    /// Name of this device for people [default: the machine's host name]
    #[arg(long, value_name = "NAME")]
    device_name: Option<String>,
    /// What this device may do: append, read, maintain, account, with commas between [default: all]
    #[arg(long, value_name = "LIST")]
    grants: Option<Capabilities>,
}

#[derive(Debug, Args)]
pub(super) struct ProfileArgs {
    /// Corrects the first name
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// Corrects the last name
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct EmailArgs {
    /// The new address; a code is mailed there
    #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::EmailAddress)]
    to: Option<String>,
    /// The code that was mailed
    #[arg(long, value_name = "CODE")]
    confirm: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct PasswordChangeArgs {
    #[command(flatten)]
    who: SessionArgs,
    /// Takes the new password from the first line of a file; else it is asked for, twice
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    new_password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// E-mail address
    #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::EmailAddress)]
    email: String,
    /// Takes the recovery code from the first line of a file; else it is asked for
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    code_file: Option<PathBuf>,
    /// Takes the new password from the first line of a file; else it is asked for, twice
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    new_password_file: Option<PathBuf>,
}

pub(super) fn register(app: &App, args: &RegisterArgs, ctx: &Context) -> Result<Exit> {
    let service = args.service.service()?;
    let client = service.client()?;
    let password = Password::new(secrets::new_account_password(&args.password)?.as_slice());
    let who = Registrant {
        first_name: args.first_name.clone(),
        last_name: args.last_name.clone(),
        email: args.email.clone(),
        plan: args.plan.clone(),
    };
    let pending = client.register(who, password, ctx)?;
    state::keep_registration(app, &service, &pending.registration_id)?;
    app.ui.json(&record(
        "summary",
        json!({
            "operation": "account register",
            "outcome": "complete",
            "registration": pending.registration_id.to_string(),
            "confirm_by": rfc3339(pending.confirm_by_at),
            "recovery_code": pending.recovery_code.reveal().as_str(),
        }),
    ))?;
    if !app.ui.is_json() {
        show_code(app, &pending.recovery_code)?;
    }
    app.ui.say(&format!(
        "A code is on its way to {}: `strongroom account confirm CODE`, by {}",
        printable(args.email.as_bytes()),
        when(pending.confirm_by_at)
    ));
    Ok(Exit::Complete)
}

/// Shows a code to whoever is to write it down.
fn show_code(app: &App, code: &RecoveryCode) -> Result {
    app.ui.say("This recovery code gets you back in when the password is lost. Write it down; it is not shown again:");
    app.ui.say("");
    app.ui.data(&format!("    {}", app.ui.paint(crate::output::Paint::Bold, &code.reveal())))?;
    app.ui.say("");
    Ok(())
}

pub(super) fn confirm(app: &App, args: &ConfirmArgs, ctx: &Context) -> Result<Exit> {
    let (service, registration) = state::registration(app)?;
    let account = service.client()?.confirm(registration, &args.code, ctx)?;
    state::forget_registration(app)?;
    app.ui.json(&record(
        "summary",
        json!({ "operation": "account confirm", "outcome": "complete", "account": account.to_string() }),
    ))?;
    app.ui.say(&format!("Account {} is confirmed: `strongroom account sign-in`", account.short()));
    Ok(Exit::Complete)
}

/// Signs in with the password, and with a second factor where one is asked for.
pub(super) fn session(
    client: &AccountClient,
    who: &SessionArgs,
    device: Option<&DeviceKey>,
    ctx: &Context,
) -> Result<Account> {
    let password = Password::new(secrets::account_password(&who.password)?.as_slice());
    match client.sign_in(&who.email, password, device, ctx)? {
        SignInStep::SignedIn(account) => Ok(account),
        SignInStep::SecondFactor(pending) => match &who.second_factor {
            Some(code) => Ok(pending.verify(code, ctx)?),
            None => Ok(pending.verify(&secrets::ask("Code of the authenticator: ", Some("--second-factor"))?, ctx)?),
        },
    }
}

pub(super) fn sign_in(app: &App, args: &SignInArgs, ctx: &Context) -> Result<Exit> {
    if state::is_signed_in(app) {
        return Err(Failure::usage("this machine is signed in already")
            .hint("sign out first with `strongroom account sign-out`, or name another folder with --account-dir"));
    }
    let service: Service = args.service.service()?;
    let client = service.client()?;
    let session = session(&client, &args.who, None, ctx)?;
    let key = DeviceKey::generate()?;
    let name = args.device_name.clone().unwrap_or_else(place::host_name);
    let grants = args.grants.unwrap_or(Capabilities::ALL);
    let device = session.add_device(&key.request(&name)?, grants, true, ctx)?;
    let signed_in = SignedIn { service, account_id: session.id(), key, grants };
    state::keep(app, &signed_in)?;
    // The session did its work; a device's tokens are what is used from now on.
    session.sign_out(ctx)?;
    app.ui.json(&record(
        "summary",
        json!({
            "operation": "account sign-in",
            "outcome": "complete",
            "account": signed_in.account_id.to_string(),
            "device": device.device_id.to_string(),
            "grants": device.grants.to_string(),
        }),
    ))?;
    app.ui.say(&format!(
        "Signed in to account {} as device {} ({})",
        signed_in.account_id.short(),
        device.device_id.short(),
        printable(name.as_bytes())
    ));
    Ok(Exit::Complete)
}

pub(super) fn sign_out(app: &App, ctx: &Context) -> Result<Exit> {
    let signed_in = state::signed_in(app)?;
    let device = signed_in.key.id();
    signed_in.account()?.revoke_device(&device, ctx)?;
    state::forget(app)?;
    app.ui.json(&record(
        "summary",
        json!({ "operation": "account sign-out", "outcome": "complete", "device": device.to_string() }),
    ))?;
    app.ui.say(&format!("Signed out: device {} is revoked", device.short()));
    Ok(Exit::Complete)
}

pub(super) fn profile(app: &App, args: &ProfileArgs, ctx: &Context) -> Result<Exit> {
    let account = state::signed_in(app)?.account()?;
    let profile = match (&args.first_name, &args.last_name) {
        (None, None) => account.profile(ctx)?,
        (first, last) => account.update_profile(first.as_deref(), last.as_deref(), ctx)?,
    };
    app.ui.json(&record(
        "profile",
        json!({
            "account": profile.account_id.to_string(),
            "first_name": profile.first_name,
            "last_name": profile.last_name,
            "email": profile.email,
            "pending_email": profile.pending_email,
            "created": rfc3339(profile.created_at),
            "second_factor": profile.second_factor,
        }),
    ))?;
    let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("account", profile.account_id.to_string());
    row("first name", printable(profile.first_name.as_bytes()));
    row("last name", printable(profile.last_name.as_bytes()));
    row("e-mail", printable(profile.email.as_bytes()));
    if let Some(pending) = &profile.pending_email {
        row("to be confirmed", printable(pending.as_bytes()));
    }
    row("since", when(profile.created_at));
    row("second factor", if profile.second_factor { "on" } else { "off" }.to_owned());
    app.ui.table(&table)?;
    Ok(Exit::Complete)
}

pub(super) fn email(app: &App, args: &EmailArgs, ctx: &Context) -> Result<Exit> {
    let account = state::signed_in(app)?.account()?;
    let said = match (&args.to, &args.confirm) {
        (Some(to), _) => {
            account.change_email(to, ctx)?;
            "A code is on its way to the new address: `strongroom account email --confirm CODE`"
        }
        (None, Some(code)) => {
            account.confirm_email(code, ctx)?;
            "The new address is in force"
        }
        (None, None) => return Err(Failure::usage("neither an address nor a code is given")),
    };
    app.ui.json(&record("summary", json!({ "operation": "account email", "outcome": "complete" })))?;
    app.ui.say(said);
    Ok(Exit::Complete)
}

pub(super) fn change_password(app: &App, args: &PasswordChangeArgs, ctx: &Context) -> Result<Exit> {
    let signed_in = state::signed_in(app)?;
    let client = signed_in.service.client()?;
    let session = session(&client, &args.who, Some(&signed_in.key), ctx)?;
    let new = secrets::further_account_password(args.new_password_file.as_deref())?;
    session.change_password(Password::new(new.as_slice()), ctx)?;
    session.sign_out(ctx)?;
    app.ui.json(&record("summary", json!({ "operation": "account password", "outcome": "complete" })))?;
    app.ui.say("Changed the password; devices stay signed in");
    Ok(Exit::Complete)
}

pub(super) fn recover(app: &App, args: &RecoverArgs, ctx: &Context) -> Result<Exit> {
    let client = args.service.service()?.client()?;
    let challenge = client.start_recovery(&args.email, ctx)?;
    app.ui.say(&format!("A code is on its way to {}", printable(args.email.as_bytes())));
    let mailed = secrets::ask("Code of the mail: ", None)?;
    let code = secrets::account_recovery_code(args.code_file.as_deref())?;
    let new = secrets::further_account_password(args.new_password_file.as_deref())?;
    let code = client.finish_recovery(&challenge, &mailed, code, Password::new(new.as_slice()), ctx)?;
    app.ui.json(&record(
        "summary",
        json!({
            "operation": "account recover",
            "outcome": "complete",
            "recovery_code": code.reveal().as_str(),
        }),
    ))?;
    if !app.ui.is_json() {
        show_code(app, &code)?;
    }
    app.ui.say("The new password is in force; the old recovery code is worth nothing any more");
    Ok(Exit::Complete)
}

pub(super) fn usage(app: &App, ctx: &Context) -> Result<Exit> {
    let usage = state::signed_in(app)?.account()?.usage(ctx)?;
    let mut table =
        Table::new(&[("VAULT", Align::Left), ("NAME", Align::Left), ("OBJECTS", Align::Right), ("SIZE", Align::Right)]);
    for vault in &usage.vaults {
        app.ui.json(&record(
            "vault",
            json!({
                "vault": vault.vault_id.to_string(),
                "name": vault.name,
                "objects": vault.objects,
                "bytes": vault.bytes,
            }),
        ))?;
        let name = printable(vault.name.as_bytes());
        table.row([vault.vault_id.short(), name, vault.objects.to_string(), size(vault.bytes)]);
    }
    app.ui.json(&record(
        "summary",
        json!({
            "operation": "account usage",
            "outcome": "complete",
            "bytes": usage.bytes,
            "objects": usage.objects,
            "quota_bytes": usage.quota_bytes,
        }),
    ))?;
    app.ui.table(&table)?;
    let share = percent(usage.bytes, usage.quota_bytes);
    app.ui.say(&format!("{} of {} ({share})", size(usage.bytes), size(usage.quota_bytes)));
    Ok(Exit::Complete)
}
