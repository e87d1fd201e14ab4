//! One tool at work in a place of its own.

use crate::peers::{Action, Found};
use crate::process::{self, Usage};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PASSWORD: &str = "correct horse battery staple";

/// A tool with the options it is given beyond the usual ones.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// Heads its column.
    pub(crate) label: String,
    pub(crate) found: Found,
    /// Options of the commands that make the repository.
    pub(crate) init_options: Vec<String>,
    /// Options of every command that is measured.
    pub(crate) options: Vec<String>,
    /// Options of backups.
    pub(crate) backup_options: Vec<String>,
}

impl Subject {
    pub(crate) fn new(found: Found) -> Self {
        let label = format!("{} {}", found.peer.name, found.version);
        Subject { label, found, init_options: Vec::new(), options: Vec::new(), backup_options: Vec::new() }
    }

    /// Has this workspace's tool do with what `Budget::small` of the library is.
    pub(crate) fn be_small(&mut self) {
        self.options.extend(["--threads=2".to_owned(), "--memory=48M".to_owned()]);
        self.try_small_passphrase();
    }

    /// Trying a passphrase takes 64 MiB unless told otherwise, more than the small budget: it would hide the peak of
    /// the engine in every step.
    pub(crate) fn try_small_passphrase(&mut self) {
        self.init_options.push("--passphrase-memory=19M".to_owned());
    }
}

/// What a tool is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    Backup,
    Restore,
    Check,
    CheckContent,
}

/// A subject with its folders.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    subject: &'a Subject,
    root: PathBuf,
    source: &'a Path,
    /// Backups made so far.
    backups: u32,
}

impl<'a> Place<'a> {
    /// Makes an empty repository at `root`, where nothing is yet.
    pub(crate) fn create(subject: &'a Subject, root: PathBuf, source: &'a Path) -> Result<Self> {
        let place = Place { subject, root, source, backups: 0 };
        for folder in ["home", "cache", "tmp"] {
            fs::create_dir_all(place.root.join(folder))?;
        }
        for (name, text) in subject.found.peer.files {
            fs::write(place.root.join("home").join(name), place.fill(text)?)?;
        }
        for arguments in subject.found.peer.init {
            place.run(&Action { arguments, folder: None }, &subject.init_options)?;
        }
        Ok(place)
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Bytes of the files of the repository.
    pub(crate) fn repository_size(&self) -> Result<u64> {
        Ok(crate::compare::extent(&self.root.join("repository"))?.bytes)
    }

    /// Does a job; nothing where the tool has no command for it.
    pub(crate) fn measure(&mut self, job: Job) -> Result<Option<Usage>> {
        let peer = self.subject.found.peer;
        let action = match job {
            Job::Backup => Some(peer.backup),
            Job::Restore => Some(peer.restore),
            Job::Check => peer.check,
            Job::CheckContent => peer.check_content,
        };
        let Some(action) = action else { return Ok(None) };
        let mut options = self.subject.options.clone();
        match job {
            Job::Backup => {
                self.backups += 1;
                options.extend_from_slice(&self.subject.backup_options);
            }
            Job::Restore => fs::create_dir(self.target())?,
            Job::Check | Job::CheckContent => {}
        }
        self.settle();
        self.run(&action, &options).map(Some)
    }

    /// Has what was written before brought to storage, so that it does not cost what is measured next.
    fn settle(&self) {
        if let Ok(folder) = File::open(&self.root) {
            // Where that cannot be done the figures are a little less steady, and no less true.
            let _ = rustix::fs::syncfs(folder);
        }
    }

    fn run(&self, action: &Action, options: &[String]) -> Result<Usage> {
        let log = self.root.join("log");
        let log_file = File::create(&log)?;
        let mut command = Command::new(&self.subject.found.program);
        for argument in action.arguments {
            command.arg(self.fill(argument)?);
        }
        command.args(options);
        command.current_dir(self.fill(action.folder.unwrap_or("{home}"))?);
        command.env_clear();
        for name in ["PATH", "USER", "LOGNAME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("LANG", "C.UTF-8").env("HOME", self.root.join("home")).env("TMPDIR", self.root.join("tmp"));
        for (name, value) in self.subject.found.peer.variables {
            command.env(name, self.fill(value)?);
        }
        command.stdin(Stdio::null()).stdout(log_file.try_clone()?).stderr(log_file);
        let (status, usage) = process::run(&mut command)
            .with_context(|| format!("cannot run {}", self.subject.found.program.display()))?;
        if !status.success() {
            let said = fs::read(&log).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            let lines: Vec<_> = said.lines().collect();
            let last = lines[lines.len().saturating_sub(20)..].join("\n");
            bail!("{} {}: {status}\n{last}", self.subject.label, action.arguments.join(" "));
        }
        Ok(usage)
    }

    fn fill(&self, text: &str) -> Result<String> {
        let own =
            |path: &Path| path.to_str().map(str::to_owned).with_context(|| format!("{} is not UTF-8", path.display()));
        let mut filled = text.to_owned();
        for (name, value) in [
            ("{repository}", own(&self.root.join("repository"))?),
            ("{cache}", own(&self.root.join("cache"))?),
            ("{home}", own(&self.root.join("home"))?),
            ("{target}", own(&self.target())?),
            ("{source}", own(self.source)?),
            ("{name}", format!("backup-{}", self.backups)),
            ("{password}", PASSWORD.to_owned()),
        ] {
            filled = filled.replace(name, &value);
        }
        Ok(filled)
    }
}
