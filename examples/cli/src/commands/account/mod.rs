//! `strongroom account …`

mod billing;
mod devices;
mod person;
mod state;
mod vaults;

pub(crate) use person::PasswordArgs;
pub(crate) use vaults::open as open_vault;

use crate::app::App;
use crate::exit::{Exit, Result};
use crate::signals::Stop;
use clap::{Args, Subcommand};
use strongroom::Context;

/// Registers at an account service, and looks after account, devices, plan and vaults
///
/// What this machine keeps is a device's key, in $XDG_CONFIG_HOME/strongroom or ~/.config/strongroom unless --account-dir names
/// another folder. The password never leaves this machine, and is asked for unless it comes from elsewhere.
#[derive(Debug, Args)]
pub(crate) struct AccountArgs {
    #[command(subcommand)]
    verb: AccountVerb,
}

#[derive(Debug, Subcommand)]
enum AccountVerb {
    /// Makes an account; a code is mailed
    Register(person::RegisterArgs),
    /// Confirms the account with the code that was mailed
    Confirm(person::ConfirmArgs),
    /// Signs in on this machine, which becomes a device of the account
    SignIn(person::SignInArgs),
    /// Signs this machine out: its device is revoked
    SignOut,
    /// Shows the profile, or corrects the names in it
    Profile(person::ProfileArgs),
    /// Asks for another e-mail address, or confirms it with the code that was mailed there
    Email(person::EmailArgs),
    /// Changes the password
    Password(person::PasswordChangeArgs),
    /// Gets back in with the recovery code when the password is lost
    Recover(person::RecoverArgs),
    /// Shows what is stored, and how much may be
    Usage,
    /// Lists, renames and revokes the account's devices
    Devices(devices::DevicesArgs),
    /// Lists the plans of a service
    Plans(billing::PlansArgs),
    /// Shows the subscription, previews and makes changes of it
    Plan(billing::PlanArgs),
    /// Lists the invoices
    Invoices,
    /// Lists, makes and deletes vaults: places for repositories at the service
    Vault(vaults::VaultArgs),
}

pub(crate) fn run(app: &App, args: &AccountArgs) -> Result<Exit> {
    let ctx = context(app);
    match &args.verb {
        AccountVerb::Register(args) => person::register(app, args, &ctx),
        AccountVerb::Confirm(args) => person::confirm(app, args, &ctx),
        AccountVerb::SignIn(args) => person::sign_in(app, args, &ctx),
        AccountVerb::SignOut => person::sign_out(app, &ctx),
        AccountVerb::Profile(args) => person::profile(app, args, &ctx),
        AccountVerb::Email(args) => person::email(app, args, &ctx),
        AccountVerb::Password(args) => person::change_password(app, args, &ctx),
        AccountVerb::Recover(args) => person::recover(app, args, &ctx),
        AccountVerb::Usage => person::usage(app, &ctx),
        AccountVerb::Devices(args) => devices::run(app, args, &ctx),
        AccountVerb::Plans(args) => billing::plans(app, args, &ctx),
        AccountVerb::Plan(args) => billing::run(app, args, &ctx),
        AccountVerb::Invoices => billing::invoices(app, &ctx),
        AccountVerb::Vault(args) => vaults::run(app, args, &ctx),
    }
}

/// A context that signals stop, without progress: calls are short.
fn context(app: &App) -> Context {
    app.operation(Stop::Ends).0
}

/// A point in time of the service, for people.
fn when(milliseconds: i64) -> String {
    crate::output::units::local(timestamp(milliseconds))
}

/// The same for scripts.
fn rfc3339(milliseconds: i64) -> String {
    crate::output::units::rfc3339(timestamp(milliseconds))
}

fn timestamp(milliseconds: i64) -> strongroom::Timestamp {
    let nanos = u32::try_from(milliseconds.rem_euclid(1000)).unwrap_or(0) * 1_000_000;
    strongroom::Timestamp::new(milliseconds.div_euclid(1000), nanos)
}
