//! `strongroom account vault …`, and vaults as places of repositories.

use super::person::{self, SessionArgs};
use super::state;
use super::{rfc3339, when};
use crate::app::App;
use crate::exit::{Exit, Failure, Result};
use crate::output::json::record;
use crate::output::table::{Align, Table};
use crate::output::text::printable;
use crate::output::units::{parse_age, size, span};
use clap::{Args, Subcommand};
use serde_json::json;
use std::time::Duration;
use strongroom::account::Account;
use strongroom::account::wire::{Capabilities, Vault};
use strongroom::{Context, Secret, VaultBackend};

#[derive(Debug, Args)]
pub(super) struct VaultArgs {
    #[command(subcommand)]
    verb: VaultVerb,
}

#[derive(Debug, Subcommand)]
enum VaultVerb {
    /// Lists the vaults
    List,
    /// Makes a vault
    Create {
        /// Its name
        name: String,
        /// Keeps what is stored in it from being deleted by anybody until it is this old, such as 30d
        #[arg(long, value_name = "AGE", value_parser = parse_age)]
        minimum_age: Option<Duration>,
    },
    /// Deletes a vault with all that is in it; asks for the password
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
struct DeleteArgs {
    /// The vault: its name, or the first digits of its id
    vault: String,
    #[command(flatten)]
    who: SessionArgs,
}

pub(super) fn run(app: &App, args: &VaultArgs, ctx: &Context) -> Result<Exit> {
    match &args.verb {
        VaultVerb::List => list(app, ctx),
        VaultVerb::Create { name, minimum_age } => create(app, name, *minimum_age, ctx),
        VaultVerb::Delete(args) => delete(app, args, ctx),
    }
}

fn fields(vault: &Vault) -> serde_json::Value {
    json!({
        "vault": vault.vault_id.to_string(),
        "name": vault.name,
        "created": rfc3339(vault.created_at),
        "minimum_age_ms": vault.minimum_age_ms,
        "bytes": vault.bytes,
        "objects": vault.objects,
    })
}

fn list(app: &App, ctx: &Context) -> Result<Exit> {
    let columns = [
        ("VAULT", Align::Left),
        ("NAME", Align::Left),
        ("MADE", Align::Left),
        ("OBJECTS", Align::Right),
        ("SIZE", Align::Right),
        ("KEPT", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for vault in state::signed_in(app)?.account()?.vaults(ctx)? {
        app.ui.json(&record("vault", fields(&vault)))?;
        table.row([
            vault.vault_id.short(),
            printable(vault.name.as_bytes()),
            when(vault.created_at),
            vault.objects.to_string(),
            size(vault.bytes),
            vault.minimum_age_ms.map(|age| span(Duration::from_millis(age))).unwrap_or_default(),
        ]);
    }
    app.ui.table(&table)?;
    Ok(Exit::Complete)
}

fn create(app: &App, name: &str, minimum_age: Option<Duration>, ctx: &Context) -> Result<Exit> {
    let vault = state::signed_in(app)?.account()?.create_vault(name, minimum_age, ctx)?;
    let mut summary = fields(&vault);
    summary["operation"] = "account vault create".into();
    summary["outcome"] = "complete".into();
    app.ui.json(&record("summary", summary))?;
    app.ui.say(&format!("Made vault {} ({})", vault.vault_id.short(), printable(name.as_bytes())));
    Ok(Exit::Complete)
}

/// The vault that a name, or the first digits of an id, stand for.
fn find(account: &Account, named: &str, ctx: &Context) -> Result<Vault> {
    let mut vaults = account.vaults(ctx)?;
    let exact = vaults.iter().filter(|vault| vault.name == named).count();
    vaults.retain(|vault| match exact {
        0 => named.len() >= 4 && vault.vault_id.to_string().starts_with(named),
        _ => vault.name == named,
    });
    let named = printable(named.as_bytes());
    match (vaults.pop(), vaults.is_empty()) {
        (Some(vault), true) => Ok(vault),
        (Some(_), false) => Err(Failure::usage(format!("several vaults are called {named}"))
            .hint("name it by the first digits of its id, as `strongroom account vault list` shows it")),
        (None, _) => Err(Failure::usage(format!("there is no vault {named}"))
            .hint("`strongroom account vault list` shows them; `strongroom account vault create` makes one")),
    }
}

/// A vault as this machine's device reaches it.
pub(crate) struct OpenVault {
    account: Account,
    vault: Vault,
    grants: Capabilities,
}

/// Finds the vault that `account:NAME` stands for. With `make`, one that is not there yet is made.
pub(crate) fn open(app: &App, named: &str, make: bool) -> Result<OpenVault> {
    let ctx = quiet(app);
    let signed_in = state::signed_in(app)?;
    let account = signed_in.account()?;
    let vault = match make && !account.vaults(&ctx)?.iter().any(|vault| vault.name == named) {
        true => account.create_vault(named, None, &ctx)?,
        false => find(&account, named, &ctx)?,
    };
    Ok(OpenVault { account, vault, grants: signed_in.grants })
}

/// For calls on the way to an operation, which itself says what signals do.
fn quiet(app: &App) -> Context {
    Context::new().cancel_token(app.token.clone())
}

impl OpenVault {
    /// What is stored in it.
    pub(crate) fn backend(&self, app: &App) -> VaultBackend {
        let access = self.account.vault_access(&self.vault.vault_id, self.grants);
        VaultBackend::new(access).cancel_token(app.token.clone())
    }

    /// The key of the account for its repository, which this device gets from the service, sealed to it alone.
    pub(crate) fn secret(&self, app: &App) -> Result<Secret> {
        let account = self.account.open_master_key(&quiet(app))?;
        Ok(Secret::account_key(*account.vault_key(&self.vault.vault_id)?))
    }
}

fn delete(app: &App, args: &DeleteArgs, ctx: &Context) -> Result<Exit> {
    let signed_in = state::signed_in(app)?;
    let vault = find(&signed_in.account()?, &args.vault, ctx)?;
    let client = signed_in.service.client()?;
    let session = person::session(&client, &args.who, Some(&signed_in.key), ctx)?;
    session.delete_vault(&vault.vault_id, ctx)?;
    session.sign_out(ctx)?;
    let mut summary = fields(&vault);
    summary["operation"] = "account vault delete".into();
    summary["outcome"] = "complete".into();
    app.ui.json(&record("summary", summary))?;
    app.ui.say(&format!("Deleted vault {} ({})", vault.vault_id.short(), printable(vault.name.as_bytes())));
    Ok(Exit::Complete)
}
