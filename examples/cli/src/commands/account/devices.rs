//! `strongroom account devices …`

use super::state;
use super::{rfc3339, when};
use crate::app::App;
use crate::commands::select::by_prefix;
use crate::exit::{Exit, Result};
use crate::output::json::record;
use crate::output::table::{Align, Table};
use crate::output::text::printable;
use clap::{Args, Subcommand};
use serde_json::json;
use strongroom::{Context, DeviceId};

#[derive(Debug, Args)]
pub(super) struct DevicesArgs {
    #[command(subcommand)]
    verb: Option<DevicesVerb>,
}

#[derive(Debug, Subcommand)]
enum DevicesVerb {
    /// Lists the devices; this is what happens without a verb
    List,
    /// Gives a device another name
    Rename {
        /// The device: the first digits of its id
        id: String,
        /// Its new name
        name: String,
    },
    /// Revokes a device: it can do nothing more, at once
    Revoke {
        /// The device: the first digits of its id
        id: String,
    },
}

pub(super) fn run(app: &App, args: &DevicesArgs, ctx: &Context) -> Result<Exit> {
    match &args.verb {
        None | Some(DevicesVerb::List) => list(app, ctx),
        Some(DevicesVerb::Rename { id, name }) => rename(app, id, name, ctx),
        Some(DevicesVerb::Revoke { id }) => revoke(app, id, ctx),
    }
}

fn list(app: &App, ctx: &Context) -> Result<Exit> {
    let signed_in = state::signed_in(app)?;
    let columns = ["ID", "NAME", "MAY", "SINCE", "LAST SEEN", ""].map(|heading| (heading, Align::Left));
    let mut table = Table::new(&columns);
    for device in signed_in.account()?.devices(ctx)? {
        let own = device.device_id == signed_in.key.id();
        app.ui.json(&record(
            "device",
            json!({
                "device": device.device_id.to_string(),
                "name": device.name,
                "grants": device.grants.to_string(),
                "enrolled": rfc3339(device.enrolled_at),
                "last_seen": device.last_seen_at.map(rfc3339),
                "revoked": device.revoked_at.map(rfc3339),
                "current": own,
            }),
        ))?;
        let note = match device.revoked_at {
            Some(time) => format!("revoked {}", when(time)),
            None if own => "this machine".to_owned(),
            None => String::new(),
        };
        table.row([
            device.device_id.short(),
            printable(device.name.as_bytes()),
            device.grants.to_string(),
            when(device.enrolled_at),
            device.last_seen_at.map(when).unwrap_or_default(),
            note,
        ]);
    }
    app.ui.table(&table)?;
    Ok(Exit::Complete)
}

fn found(app: &App, id: &str, ctx: &Context) -> Result<(strongroom::account::Account, DeviceId)> {
    let account = state::signed_in(app)?.account()?;
    let device = by_prefix(account.devices(ctx)?.into_iter().map(|device| device.device_id), id, "device")?;
    Ok((account, device))
}

fn rename(app: &App, id: &str, name: &str, ctx: &Context) -> Result<Exit> {
    let (account, device) = found(app, id, ctx)?;
    account.rename_device(&device, name, ctx)?;
    app.ui.json(&record(
        "summary",
        json!({ "operation": "account devices rename", "outcome": "complete", "device": device.to_string() }),
    ))?;
    app.ui.say(&format!("Device {} is called {}", device.short(), printable(name.as_bytes())));
    Ok(Exit::Complete)
}

fn revoke(app: &App, id: &str, ctx: &Context) -> Result<Exit> {
    let (account, device) = found(app, id, ctx)?;
    account.revoke_device(&device, ctx)?;
    app.ui.json(&record(
        "summary",
        json!({ "operation": "account devices revoke", "outcome": "complete", "device": device.to_string() }),
    ))?;
    app.ui.say(&format!("Revoked device {}", device.short()));
    Ok(Exit::Complete)
}
