//! `strongroom key …`

use super::init::CostArgs;
use super::rotate::{self, EpochArgs};
use super::select::by_prefix;
use crate::app::App;
use crate::exit::{Exit, Result};
use crate::output::Paint;
use crate::output::json::record;
use crate::output::table::{Align, Table};
use crate::output::text::printable;
use crate::output::units::{local, rfc3339};
use crate::secrets;
use crate::signals::Stop;
use clap::{Args, Subcommand, ValueHint};
use serde_json::json;
use std::path::PathBuf;
use strongroom::{NewKey, RecoveryCode, Role};

/// Lists, adds, removes and changes what opens the repository
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    verb: KeyVerb,
}

#[derive(Debug, Subcommand)]
enum KeyVerb {
    /// Lists the keys
    List,
    /// Adds a passphrase
    Add(AddArgs),
    /// Removes a key, and shuts its holder out
    ///
    /// Not the one that opened the repository: open it with another owner's key to remove this one. As somebody may
    /// have kept what the key held, new keys are made for whatever is written next, and handed to everybody else.
    Remove(RemoveArgs),
    /// Makes new keys for whatever is written next, and hands them to everybody who has access
    ///
    /// What is stored stays readable with the keys there are; `strongroom reencrypt` moves it to the new ones.
    Rotate,
    /// Changes the passphrase that opens the repository
    Passphrase(PassphraseArgs),
    /// Makes a recovery code and shows it, once
    RecoveryCode {
        #[command(flatten)]
        named: NamedArgs,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    #[command(flatten)]
    named: NamedArgs,
    #[command(flatten)]
    new: NewPassphraseArgs,
    #[command(flatten)]
    cost: CostArgs,
}

#[derive(Debug, Args)]
struct RemoveArgs {
    /// The key: the first digits of its id
    id: String,
    #[command(flatten)]
    epoch: EpochArgs,
}

#[derive(Debug, Args)]
struct PassphraseArgs {
    #[command(flatten)]
    new: NewPassphraseArgs,
    #[command(flatten)]
    cost: CostArgs,
}

#[derive(Debug, Args)]
struct NamedArgs {
    /// What its holder may do: writer, reader, maintainer or owner
    #[arg(long, default_value = "owner", value_parser = parse_role)]
    role: Role,
    /// What it is called; readable for everybody who sees the storage
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
}

/// Where the new passphrase comes from. It is asked for twice unless one of these is given.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct NewPassphraseArgs {
    /// Takes the new passphrase from the first line of a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    new_passphrase_file: Option<PathBuf>,
    /// Takes the new passphrase from the first line of what a shell command prints
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    new_passphrase_command: Option<String>,
}

impl NewPassphraseArgs {
    fn secret(&self) -> Result<strongroom::Secret> {
        let (file, command) = (self.new_passphrase_file.as_deref(), self.new_passphrase_command.as_deref());
        secrets::further_passphrase(file, command, "new passphrase")
    }
}

/// Reads a role; also for devices.
pub(super) fn parse_role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|_| "the roles are writer, reader, maintainer and owner".to_owned())
}

pub(crate) fn run(app: &App, args: &KeyArgs) -> Result<Exit> {
    match &args.verb {
        KeyVerb::List => list(app),
        KeyVerb::Add(args) => add(app, args),
        KeyVerb::Remove(args) => remove(app, args),
        KeyVerb::Rotate => rotate::run(app),
        KeyVerb::Passphrase(args) => passphrase(app, args),
        KeyVerb::RecoveryCode { named } => recovery_code(app, named),
    }
}

fn list(app: &App) -> Result<Exit> {
    let repository = app.open()?;
    let columns = ["ID", "OPENED BY", "ROLE", "EPOCH", "MADE", "DEVICE", "LABEL"].map(|heading| (heading, Align::Left));
    let mut table = Table::new(&columns);
    for slot in repository.keys()? {
        app.ui.json(&record(
            "key",
            json!({
                "id": slot.id.to_string(),
                "method": slot.method.name(),
                "role": slot.role.name(),
                "epoch": slot.epoch,
                "created": rfc3339(slot.created),
                "device": slot.device.map(|device| device.to_string()),
                "label": slot.label,
                "current": slot.current,
            }),
        ))?;
        let mut label = printable(slot.label.as_bytes());
        if slot.current {
            label.push_str(if label.is_empty() { "(in use)" } else { " (in use)" });
        }
        table.row([
            slot.id.short(),
            slot.method.name().replace('_', " "),
            slot.role.name().to_owned(),
            slot.epoch.to_string(),
            local(slot.created),
            slot.device.map(|device| device.short()).unwrap_or_default(),
            label,
        ]);
    }
    app.ui.table(&table)?;
    Ok(Exit::Complete)
}

fn add(app: &App, args: &AddArgs) -> Result<Exit> {
    let repository = app.open()?;
    let NamedArgs { role, label } = &args.named;
    let new = NewKey::new(args.new.secret()?, *role).label(label).cost(args.cost.cost()?);
    let slot = repository.add_key(&new)?;
    app.ui.json(&record(
        "summary",
        json!({ "operation": "key add", "outcome": "complete", "key": slot.to_string(), "role": role.name() }),
    ))?;
    app.ui.say(&format!("Added key {}, a passphrase of a {role}", slot.short()));
    Ok(Exit::Complete)
}

fn remove(app: &App, args: &RemoveArgs) -> Result<Exit> {
    let repository = app.open()?;
    let (ctx, monitor) = app.operation(Stop::Ends);
    let slot = by_prefix(repository.keys()?.into_iter().map(|slot| slot.id), &args.id, "key")?;
    let removal = repository.remove_key(&slot, &args.epoch.options(), &ctx);
    monitor.finish();
    let removal = removal?;
    let rotation = removal.rotation.as_ref();
    let complete = removal.remaining.is_empty() && rotation.is_none_or(rotate::is_complete);
    app.ui.json(&record(
        "summary",
        json!({
            "operation": "key remove",
            "outcome": if complete { "complete" } else { "partial" },
            "key": slot.to_string(),
            "revoked_device": removal.revoked.map(|device| device.to_string()),
            "removed_keys": removal.removed.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "remaining_keys": removal.remaining.iter().map(|(slot, _)| slot.to_string()).collect::<Vec<_>>(),
            "rotation": rotation.map(rotate::fields),
        }),
    ))?;
    if removal.removed.contains(&slot) {
        app.ui.say(&format!("Removed key {}", slot.short()));
    }
    for (slot, error) in &removal.remaining {
        app.ui.warn(&format!("key {} could not be removed, so it still opens: {error}", slot.short()));
    }
    if let Some(device) = removal.revoked {
        app.ui.say(&format!("Its holder, listed as device {}, is shut out", device.short()));
    }
    if let Some(rotation) = rotation {
        rotate::say(app, rotation);
    }
    Ok(if complete { Exit::Complete } else { Exit::Partial })
}

fn passphrase(app: &App, args: &PassphraseArgs) -> Result<Exit> {
    let repository = app.open()?;
    let change = repository.change_passphrase(&args.new.secret()?, args.cost.cost()?)?;
    let remaining = change.remaining.as_ref();
    app.ui.json(&record(
        "summary",
        json!({
            "operation": "key passphrase",
            "outcome": if remaining.is_none() { "complete" } else { "partial" },
            "key": change.slot.to_string(),
            "remaining": remaining.map(|(slot, _)| slot.to_string()),
        }),
    ))?;
    app.ui.say(&format!("Changed the passphrase; its key is now {}", change.slot.short()));
    let Some((slot, error)) = remaining else { return Ok(Exit::Complete) };
    app.ui.warn(&format!(
        "the old passphrase still opens the repository, because its key {} could not be removed: {error}",
        slot.short()
    ));
    Ok(Exit::Partial)
}

fn recovery_code(app: &App, named: &NamedArgs) -> Result<Exit> {
    let repository = app.open()?;
    let label = if named.label.is_empty() { "recovery code" } else { &named.label };
    let (slot, code) = repository.add_recovery_code(named.role, label)?;
    if app.ui.is_json() {
        app.ui.json(&record(
            "summary",
            json!({
                "operation": "key recovery-code",
                "outcome": "complete",
                "key": slot.to_string(),
                "recovery_code": code.reveal().as_str(),
            }),
        ))?;
        return Ok(Exit::Complete);
    }
    show_code(app, &code)?;
    Ok(Exit::Complete)
}

/// Shows a code to whoever is to write it down.
pub(super) fn show_code(app: &App, code: &RecoveryCode) -> Result {
    app.ui.say("This recovery code opens the repository. Write it down and keep it safe; it is not shown again:");
    app.ui.say("");
    let revealed = code.reveal();
    app.ui.data(&format!("    {}", app.ui.paint(Paint::Bold, &revealed)))?;
    app.ui.say("");
    Ok(())
}
