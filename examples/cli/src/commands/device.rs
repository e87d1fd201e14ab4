//! `strongroom device …`

use super::key::parse_role;
use super::rotate::{self, EpochArgs};
use super::select::by_prefix;
use crate::app::App;
use crate::exit::{Exit, Failure, Result};
use crate::output::json::{self, record};
use crate::output::table::{Align, Table};
use crate::output::text::printable;
use crate::output::units::{local, rfc3339};
use crate::place;
use crate::signals::Stop;
use clap::{Args, Subcommand, ValueHint};
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use strongroom::{DeviceKey, DeviceRequest, Error, ErrorKind, Role};

/// Makes, lists, adds and revokes devices: keys that never leave their machine
#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
    #[command(subcommand)]
    verb: DeviceVerb,
}

#[derive(Debug, Subcommand)]
enum DeviceVerb {
    /// Makes the key of this device, and the request by which an owner adds it
    ///
    /// The request holds no secret: hand it to the owner in any way. The key stays here.
    New(NewArgs),
    /// Lists the devices whose signatures count
    List,
    /// Lets a device in, by its request
    Add(AddArgs),
    /// Shuts a device out: what it signs is refused, and it cannot read what is written from now on
    ///
    /// New keys are made for whatever is written next, and handed to everybody else. What the device could read before
    /// it may have kept; what is stored is moved to the new keys by `strongroom reencrypt`.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
struct NewArgs {
    /// Where to write the key, for its owner alone; must not exist
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Name of the device for people [default: the machine's host name]
    #[arg(long)]
    name: Option<String>,
    /// Where to write the request; `-` is standard output [default: FILE.request]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    request: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct AddArgs {
    /// The request that `strongroom device new` wrote
    #[arg(value_hint = ValueHint::FilePath)]
    request: PathBuf,
    /// What it may do: writer, reader, maintainer or owner
    #[arg(long, default_value = "writer", value_parser = parse_role)]
    role: Role,
    /// Refuses the request unless its device's id begins like this
    ///
    /// Whoever hands over the request could have put in another one: compare with what the device itself shows.
    #[arg(long, value_name = "ID")]
    expect: Option<String>,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// The device: the first digits of its id
    id: String,
    #[command(flatten)]
    epoch: EpochArgs,
}

/// Longest file that is read as a request.
const MAX_REQUEST: u64 = 64 * 1024;

pub(crate) fn run(app: &App, args: &DeviceArgs) -> Result<Exit> {
    match &args.verb {
        DeviceVerb::New(args) => new(app, args),
        DeviceVerb::List => list(app),
        DeviceVerb::Add(args) => add(app, args),
        DeviceVerb::Revoke(args) => revoke(app, args),
    }
}

fn new(app: &App, args: &NewArgs) -> Result<Exit> {
    let name = args.name.clone().unwrap_or_else(place::host_name);
    let key = DeviceKey::generate()?;
    let request = key.request(&name)?.to_bytes();
    let to_stdout = args.request.as_deref() == Some(Path::new("-"));
    let request_file = args.request.clone().unwrap_or_else(|| {
        let mut name = args.file.clone().into_os_string();
        name.push(".request");
        name.into()
    });
    write_new(&args.file, &key.to_bytes(), 0o600, "write the device key")?;
    if to_stdout {
        app.ui.content_on_stdout();
        app.ui.content().write_all(&request).map_err(Failure::output)?;
    } else {
        write_new(&request_file, &request, 0o644, "write the device's request")?;
    }
    app.ui.json(&record(
        "summary",
        json!({
            "operation": "device new",
            "outcome": "complete",
            "device": key.id().to_string(),
            "name": name,
            "key_file": args.file.to_string_lossy(),
            "request_file": (!to_stdout).then(|| request_file.to_string_lossy().into_owned()),
        }),
    ))?;
    app.ui.say(&format!("Made device {} called {}", key.id(), printable(name.as_bytes())));
    app.ui.say(&format!("  key      {}  (keep it on this machine)", args.file.display()));
    if !to_stdout {
        app.ui.say(&format!("  request  {}  (hand it to an owner)", request_file.display()));
        app.ui.say(&format!(
            "An owner lets it in with: strongroom device add {} --expect {}",
            request_file.display(),
            key.id().short()
        ));
    }
    Ok(Exit::Complete)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32, doing: &'static str) -> Result {
    let failed = |error| Failure::io(error, doing, path.display());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

fn list(app: &App) -> Result<Exit> {
    let repository = app.open()?;
    let owner = json::hex(&repository.owner_key());
    app.ui.say(&format!("Owner {owner}"));
    let columns = ["ID", "ROLE", "ADDED", "REVOKED", "KIND", "NAME"].map(|heading| (heading, Align::Left));
    let mut table = Table::new(&columns);
    for device in repository.devices()? {
        app.ui.json(&record(
            "device",
            json!({
                "id": device.id.to_string(),
                "name": device.name,
                "role": device.role.name(),
                "added": rfc3339(device.added),
                "revoked": device.revoked.map(rfc3339),
                "has_key": device.has_key,
            }),
        ))?;
        table.row([
            device.id.short(),
            device.role.name().to_owned(),
            local(device.added),
            device.revoked.map(local).unwrap_or_default(),
            if device.has_key { "device" } else { "passphrase or code" }.to_owned(),
            printable(device.name.as_bytes()),
        ]);
    }
    app.ui.json(&record("owner", json!({ "key": owner })))?;
    if table.is_empty() {
        app.ui.say("There is no device but the owner's own key.");
        return Ok(Exit::Complete);
    }
    app.ui.table(&table)?;
    Ok(Exit::Complete)
}

fn add(app: &App, args: &AddArgs) -> Result<Exit> {
    let mut bytes = Vec::new();
    File::open(&args.request)
        .and_then(|file| file.take(MAX_REQUEST).read_to_end(&mut bytes))
        .map_err(|error| Failure::io(error, "read the device's request", args.request.display()))?;
    let request = DeviceRequest::from_bytes(&bytes).map_err(|error| error.or_object(args.request.display()))?;
    let id = request.id();
    if let Some(expected) = &args.expect
        && (expected.is_empty() || !id.to_string().starts_with(&expected.to_ascii_lowercase()))
    {
        let error = Error::new(ErrorKind::Untrusted, "add a device")
            .object(args.request.display())
            .detail(format!("the request is of device {id}, not of {expected}"));
        return Err(Failure::from(error).hint("get the request again from the device itself"));
    }
    let repository = app.open()?;
    repository.add_device(&request, args.role)?;
    app.ui.json(&record(
        "summary",
        json!({
            "operation": "device add",
            "outcome": "complete",
            "device": id.to_string(),
            "name": request.name(),
            "role": args.role.name(),
            "owner": json::hex(&repository.owner_key()),
        }),
    ))?;
    app.ui.say(&format!("Added device {id} called {} as {}", printable(request.name().as_bytes()), args.role));
    app.ui.say(&format!("It recognises this repository with: --expect-owner {}", json::hex(&repository.owner_key())));
    if args.expect.is_none() {
        app.ui.say("Compare this id with the one the device itself showed; `strongroom device revoke` shuts it out.");
    }
    Ok(Exit::Complete)
}

fn revoke(app: &App, args: &RevokeArgs) -> Result<Exit> {
    let repository = app.open()?;
    let (ctx, monitor) = app.operation(Stop::Ends);
    let device = by_prefix(repository.devices()?.into_iter().map(|device| device.id), &args.id, "device")?;
    let revocation = repository.revoke_device(&device, &args.epoch.options(), &ctx);
    monitor.finish();
    let revocation = revocation?;
    let rotation = revocation.rotation.as_ref();
    let complete = revocation.remaining.is_empty() && rotation.is_none_or(rotate::is_complete);
    app.ui.json(&record(
        "summary",
        json!({
            "operation": "device revoke",
            "outcome": if complete { "complete" } else { "partial" },
            "device": device.to_string(),
            "since": rfc3339(revocation.since),
            "removed_keys": revocation.removed.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "remaining_keys": revocation.remaining.iter().map(|(slot, _)| slot.to_string()).collect::<Vec<_>>(),
            "rotation": rotation.map(rotate::fields),
        }),
    ))?;
    app.ui.say(&format!("Device {} is shut out since {}", device.short(), local(revocation.since)));
    for (slot, error) in &revocation.remaining {
        app.ui.warn(&format!("its key {} could not be removed, so it can still read: {error}", slot.short()));
    }
    if let Some(rotation) = rotation {
        rotate::say(app, rotation);
    }
    Ok(if complete { Exit::Complete } else { Exit::Partial })
}
