//! From the command line to a verb and from its result to an exit code.

use crate::args::{Cli, Command, Global, OwnerKey};
use crate::commands;
use crate::exit::{Exit, Failure, Result};
use crate::output::Ui;
use crate::output::progress::Monitor;
use crate::output::units::counted;
use crate::place::{self, Place};
use crate::secrets;
use crate::signals::{self, Stop};
use clap::Parser;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use strongroom::{
    Backend, Budget, CancelToken, Context, ErrorKind, LocalBackend, ObjectName, OpenOptions, Repository, Secret,
};

/// What every verb works with.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) global: Global,
    pub(crate) ui: Arc<Ui>,
    pub(crate) token: CancelToken,
}

pub(crate) fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    let ui = Ui::new(&global);
    let app = App { global, ui: ui.clone(), token: CancelToken::new() };
    let ended = run(&app, command).and_then(|exit| ui.flush().map(|()| exit));
    let exit = match ended {
        Ok(exit) => exit,
        Err(_) if ui.is_reader_gone() => Exit::Pipe,
        Err(failure) => {
            ui.failure(&failure);
            // The failure may be that nothing can be written any more.
            let _ = ui.flush();
            failure.exit
        }
    };
    ExitCode::from(exit as u8)
}

fn run(app: &App, command: Command) -> Result<Exit> {
    match command {
        Command::Init(args) => commands::init::run(app, &args),
        Command::Backup(args) => commands::backup::run(app, *args),
        Command::Snapshots(args) => commands::snapshots::run(app, &args),
        Command::Ls(args) => commands::ls::run(app, &args),
        Command::Find(args) => commands::find::run(app, &args),
        Command::Cat(args) => commands::cat::run(app, &args),
        Command::Diff(args) => commands::diff::run(app, &args),
        Command::Stats(args) => commands::stats::run(app, &args),
        Command::Restore(args) => commands::restore::run(app, &args),
        Command::Export(args) => commands::export::run(app, &args),
        Command::Check(args) => commands::check::run(app, &args),
        Command::Copy(args) => commands::copy::run(app, &args),
        Command::Tag(args) => commands::tag::run(app, &args),
        Command::Hold(args) => commands::hold::run(app, &args),
        Command::Forget(args) => commands::forget::run(app, &args),
        Command::Key(args) => commands::key::run(app, &args),
        Command::Device(args) => commands::device::run(app, &args),
        Command::Prune(args) => commands::prune::run(app, &args),
        Command::RebuildIndex(args) => commands::rebuild_index::run(app, &args),
        Command::Reencrypt(args) => commands::reencrypt::run(app, &args),
        Command::Repair(args) => commands::repair::run(app, &args),
        Command::Parity(args) => commands::parity::run(app, &args),
        Command::Account(args) => commands::account::run(app, &args),
        Command::Quickstart(args) => commands::quickstart::run(app, &args),
        Command::Completions(args) => commands::completions::run(app, &args),
        Command::Man(args) => commands::man::run(app, &args),
    }
}

impl App {
    /// The place that `--repository` names.
    pub(crate) fn place(&self) -> Result<Place> {
        match &self.global.repository {
            Some(place) => Place::parse(place),
            None => Err(Failure::usage("no repository is named")
                .hint("name its place with --repository, or in $STRONGROOM_REPOSITORY")),
        }
    }

    /// Opens the repository. A missing one is reported before any secret is asked for.
    pub(crate) fn open(&self) -> Result<Repository> {
        let given = || secrets::given(&self.global.secret);
        self.open_place(&self.place()?, given, secrets::ask_passphrase, self.global.expect_owner)
    }

    /// Opens another repository, with a secret of its own.
    pub(crate) fn open_at(
        &self,
        place: &OsStr,
        given: impl FnOnce() -> Result<Option<Secret>>,
        asked: impl FnOnce() -> Result<Secret>,
    ) -> Result<Repository> {
        self.open_place(&Place::parse(place)?, given, asked, None)
    }

    /// Opens a repository with the secret that is `given`. Without one, a vault is opened by the account's key, and a person is
    /// `asked` for what opens a folder.
    fn open_place(
        &self,
        place: &Place,
        given: impl FnOnce() -> Result<Option<Secret>>,
        asked: impl FnOnce() -> Result<Secret>,
        owner: Option<OwnerKey>,
    ) -> Result<Repository> {
        let expect = |secret: Secret| match owner {
            Some(owner) => secret.expect_owner(owner),
            None => secret,
        };
        match place {
            Place::Folder(folder) => {
                self.open_on(LocalBackend::new(folder), place, || Ok(expect(given()?.map_or_else(asked, Ok)?)))
            }
            Place::Vault(name) => {
                let vault = commands::account::open_vault(self, name, false)?;
                let own = || vault.secret(self);
                self.open_on(vault.backend(self), place, || Ok(expect(given()?.map_or_else(own, Ok)?)))
            }
        }
    }

    fn open_on(
        &self,
        backend: impl Backend + 'static,
        place: &Place,
        secret: impl FnOnce() -> Result<Secret>,
    ) -> Result<Repository> {
        let config: ObjectName = "config".parse()?;
        match backend.stat(&config) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let error = error.object(place).detail("there is no repository");
                return Err(Failure::from(error)
                    .exit(Exit::NoRepository)
                    .hint("check the place, or make a repository there with `strongroom init`"));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Repository::open_with(backend, &secret()?, &self.open_options())?)
    }

    pub(crate) fn open_options(&self) -> OpenOptions {
        match self.state_folder() {
            Some(folder) => OpenOptions::new().state_folder(folder),
            None => OpenOptions::new(),
        }
    }

    /// Where local state is kept; none, with a warning, where nothing can be written.
    pub(crate) fn state_folder(&self) -> Option<PathBuf> {
        let choose = "choose another folder with --cache-dir or $STRONGROOM_CACHE_DIR";
        let Some(folder) = place::cache_folder(self.global.cache_dir.as_deref()) else {
            self.ui.warn(&format!("there is no home folder to keep a cache in, so this run is slower; {choose}"));
            return None;
        };
        match place::prepare_cache(&folder) {
            Ok(()) => Some(folder),
            Err(error) => {
                let folder = folder.display();
                self.ui.warn(&format!(
                    "the cache folder {folder} cannot be written ({error}), so this run is slower; {choose}"
                ));
                None
            }
        }
    }

    /// Warns of packs that could be read only by their parity.
    pub(crate) fn warn_healed(&self, repository: &Repository) {
        let healed = repository.healed_packs();
        if let Some(first) = healed.first() {
            self.ui.warn(&format!(
                "{} were damaged and healed by parity, the first {first}: run `strongroom repair`",
                counted(healed.len() as u64, "pack", "packs")
            ));
        }
    }

    fn budget(&self) -> Budget {
        let mut budget = Budget::default();
        if let Some(threads) = self.global.threads {
            budget = budget.threads(threads.into());
        }
        if let Some(memory) = self.global.memory {
            budget = budget.memory(memory);
        }
        if let Some(rate) = self.global.limit_upload {
            budget = budget.upload_rate(rate);
        }
        if let Some(rate) = self.global.limit_download {
            budget = budget.download_rate(rate);
        }
        budget
    }

    /// The context of a long operation: with progress, and stopped by signals.
    pub(crate) fn operation(&self, stop: Stop) -> (Context, Arc<Monitor>) {
        signals::handle(&self.token, &self.ui, stop);
        let monitor = Monitor::new(&self.ui);
        let ctx = Context::new().cancel_token(self.token.clone()).budget(self.budget());
        (monitor.attach(ctx), monitor)
    }
}
