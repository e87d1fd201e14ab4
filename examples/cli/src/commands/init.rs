//! `strongroom init`

use crate::app::App;
use crate::exit::{Exit, Failure, Result};
use crate::output::json::record;
use crate::output::units::{parse_size, rfc3339};
use crate::place::{self, Place};
use crate::secrets;
use clap::Args;
use serde_json::json;
use strongroom::{Backend, Cost, CreateOptions, ErrorKind, LocalBackend, Repository, Role};

/// Makes a new repository
///
/// Its owner is whoever knows the passphrase, which is asked for twice unless it comes from elsewhere. Without the
/// passphrase, a recovery code or an added device nobody can ever read it again. One in a vault (account:NAME) belongs to
/// the account instead, unless a passphrase is given; the vault is made if there is none of that name.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Also makes a recovery code and shows it, once
    #[arg(long)]
    with_recovery_code: bool,
    /// Names the first key [default: the machine's host name]
    ///
    /// The name is readable for everybody who sees the storage.
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    #[command(flatten)]
    cost: CostArgs,
    /// Length of the files that data is stored in, 1M to 512M
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pack_size: Option<u64>,
    /// Puts recovery data beside everything that is stored, this share of it, so that bit rot and lost sectors heal
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    parity: Option<u8>,
}

/// What one try at a passphrase costs.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct CostArgs {
    /// Memory one try at the passphrase takes, 19M to 1G [default: 64M]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    passphrase_memory: Option<u64>,
    /// How often a try goes through that memory, 2 to 32 [default: 3]
    #[arg(long, value_name = "NUMBER")]
    passphrase_passes: Option<u32>,
}

impl CostArgs {
    /// Lanes of the default; they only matter where a try may use several cores.
    const LANES: u32 = 4;

    pub(crate) fn cost(self) -> Result<Cost> {
        if self.passphrase_memory.is_none() && self.passphrase_passes.is_none() {
            return Ok(Cost::DEFAULT);
        }
        let kib = u32::try_from(self.passphrase_memory.unwrap_or(64 << 20) / 1024);
        let kib = kib.map_err(|_| Failure::usage("the memory for a passphrase is at most 1G"))?;
        Cost::new(kib, self.passphrase_passes.unwrap_or(3), Self::LANES)
            .map_err(|error| Failure::usage(error.detail_text().unwrap_or("the cost makes no sense").to_owned()))
    }
}

pub(crate) fn run(app: &App, args: &InitArgs) -> Result<Exit> {
    let place = app.place()?;
    let label = args.label.clone().unwrap_or_else(place::host_name);
    let mut options = CreateOptions::new().label(label).cost(args.cost.cost()?);
    if let Some(size) = args.pack_size {
        let size = u32::try_from(size).map_err(|_| Failure::usage("packs are at most 512M long"))?;
        options = options.pack_size(size);
    }
    if let Some(percent) = args.parity {
        options = options.parity(percent);
    }
    if let Some(folder) = app.state_folder() {
        options = options.state_folder(folder);
    }
    let what = "passphrase of the new repository";
    let repository = match &place {
        Place::Folder(folder) => {
            let backend = LocalBackend::new(folder);
            refuse_existing(&backend, &place)?;
            Repository::create(backend, &secrets::new_passphrase(&app.global.secret, what)?, &options)
        }
        Place::Vault(name) => {
            let vault = super::account::open_vault(app, name, true)?;
            let backend = vault.backend(app);
            refuse_existing(&backend, &place)?;
            let secret = match secrets::new_given(&app.global.secret, what)? {
                Some(secret) => secret,
                None => vault.secret(app)?,
            };
            Repository::create(backend, &secret, &options)
        }
    };
    let repository = repository.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(error),
        _ => error.into(),
    })?;
    let code = match args.with_recovery_code {
        true => Some(repository.add_recovery_code(Role::Owner, "recovery code")?),
        false => None,
    };

    let ui = &app.ui;
    if ui.is_json() {
        ui.json(&record(
            "summary",
            json!({
                "operation": "init",
                "outcome": "complete",
                "repository": repository.id().to_string(),
                "location": repository.location(),
                "created": rfc3339(repository.created()),
                "recovery_code": code.as_ref().map(|(_, code)| code.reveal().as_str().to_owned()),
            }),
        ))?;
        return Ok(Exit::Complete);
    }
    ui.say(&format!("Made repository {} at {place}", repository.id().short()));
    match code {
        Some((_, code)) => super::key::show_code(app, &code)?,
        None if place.folder().is_none() => ui.say(
            "Without a secret of the account nobody can read it. `strongroom key recovery-code` makes a code to keep on paper.",
        ),
        None => ui.say(
            "Without the passphrase nobody can read it. `strongroom key recovery-code` makes a code to keep on paper.",
        ),
    }
    Ok(Exit::Complete)
}

/// Before a person is asked for anything.
fn refuse_existing(backend: &impl Backend, place: &Place) -> Result {
    match backend.stat(&"config".parse()?) {
        Ok(_) => {
            let error = strongroom::Error::new(ErrorKind::AlreadyExists, "make a repository");
            Err(exists(error.object(place).detail("there is one already")))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn exists(error: strongroom::Error) -> Failure {
    Failure::from(error).hint("use another place, or back up into this one with `strongroom backup`")
}
