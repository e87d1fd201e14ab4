//! What the command line can say.

use crate::commands;
use crate::exit::EXIT_CODES;
use crate::output::units::{parse_rate, parse_size};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use strongroom::EntryPath;

/// Backs up folders, files and streams into encrypted, deduplicated, compressed repositories, and brings them back.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, max_term_width = 100, after_long_help = EXIT_CODES)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every verb.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where the repository is: a folder, or account:VAULT for a vault of the account this machine is signed in to
    #[arg(short, long, global = true, env = "STRONGROOM_REPOSITORY", value_name = "PLACE", value_hint = ValueHint::DirPath)]
    pub(crate) repository: Option<OsString>,
    /// Where indexes and other local state are kept; all of it can be made again
    ///
    /// The default is `strongroom` in $XDG_CACHE_HOME, or ~/.cache/strongroom.
    #[arg(long, global = true, env = "STRONGROOM_CACHE_DIR", value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Where this machine keeps what makes it a device of an account
    ///
    /// The default is `strongroom` in $XDG_CONFIG_HOME, or ~/.config/strongroom.
    #[arg(long, global = true, env = "STRONGROOM_ACCOUNT_DIR", value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) account_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// Refuses repositories of any other owner than the one with this key, which `strongroom device list` shows
    ///
    /// Whoever controls the storage could put a repository of their own in its place, and let this device in.
    #[arg(long, global = true, env = "STRONGROOM_OWNER", value_name = "KEY", value_parser = parse_owner)]
    pub(crate) expect_owner: Option<OwnerKey>,
    /// Says nothing but what was asked for, and what went wrong
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Says more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Writes JSON, one object a line, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Threads at work [default: as many as the machine has]
    #[arg(long, global = true, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
    /// Memory for buffers, index and caches together [default: 96M]
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) memory: Option<u64>,
    /// Most bytes a second sent to storage, such as 2M
    #[arg(long, global = true, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) limit_upload: Option<u64>,
    /// Most bytes a second read from storage
    #[arg(long, global = true, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) limit_download: Option<u64>,
    /// Shows no progress
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto, hide_possible_values = true)]
    pub(crate) color: Color,
}

/// The public key of a repository's owner.
pub(crate) type OwnerKey = [u8; 32];

fn parse_owner(text: &str) -> Result<OwnerKey, String> {
    let wrong = || "an owner's key has 64 hexadecimal digits, as `strongroom device list` shows it".to_owned();
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Option<Vec<u8>> = text.trim().as_bytes().iter().map(digit).collect();
    let digits = digits.ok_or_else(wrong)?;
    let bytes: Vec<u8> = digits.chunks(2).filter_map(|pair| Some(pair.first()? << 4 | pair.get(1)?)).collect();
    <OwnerKey>::try_from(bytes).ok().filter(|_| digits.len() == 64).ok_or_else(wrong)
}

/// What opens the repository. Without any of these, $STRONGROOM_PASSPHRASE, and without that a prompt.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
#[group(multiple = false)]
pub(crate) struct SecretArgs {
    /// Takes the passphrase from the first line of a file
    ///
    /// Without this and its alternatives it is taken from $STRONGROOM_PASSPHRASE, or asked for.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Takes the passphrase from the first line of what a shell command prints
    #[arg(long, global = true, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub(crate) passphrase_command: Option<String>,
    /// Takes a recovery code from the first line of a file
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) recovery_code_file: Option<PathBuf>,
    /// Asks for a recovery code
    #[arg(long, global = true)]
    pub(crate) recovery_code: bool,
    /// Opens with the key of this device, as made by `strongroom device new`
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) device_key: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(commands::init::InitArgs),
    Backup(Box<commands::backup::BackupArgs>),
    Snapshots(commands::snapshots::SnapshotsArgs),
    Ls(commands::ls::LsArgs),
    Find(commands::find::FindArgs),
    Cat(commands::cat::CatArgs),
    Diff(commands::diff::DiffArgs),
    Stats(commands::stats::StatsArgs),
    Restore(commands::restore::RestoreArgs),
    Export(commands::export::ExportArgs),
    Check(commands::check::CheckArgs),
    Copy(commands::copy::CopyArgs),
    Tag(commands::tag::TagArgs),
    Hold(commands::hold::HoldArgs),
    Forget(Box<commands::forget::ForgetArgs>),
    Key(commands::key::KeyArgs),
    Device(commands::device::DeviceArgs),
    Prune(commands::prune::PruneArgs),
    RebuildIndex(commands::rebuild_index::RebuildIndexArgs),
    Reencrypt(commands::reencrypt::ReencryptArgs),
    Repair(commands::repair::RepairArgs),
    Parity(commands::parity::ParityArgs),
    Account(commands::account::AccountArgs),
    Quickstart(commands::quickstart::QuickstartArgs),
    Completions(commands::completions::CompletionsArgs),
    Man(commands::man::ManArgs),
}

/// `SNAPSHOT[:PATH]` as it was typed: `latest`, `3f2a91bc`, `latest:album/1.jpg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotPath {
    pub(crate) snapshot: String,
    pub(crate) path: EntryPath,
}

impl SnapshotPath {
    /// Reads it. No snapshot has a colon in its name, so the first one begins the path.
    pub(crate) fn parse(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let (snapshot, path) = match bytes.iter().position(|byte| *byte == b':') {
            Some(colon) => (bytes.get(..colon), bytes.get(colon + 1..)),
            None => (Some(bytes), None),
        };
        let snapshot = snapshot.and_then(|snapshot| std::str::from_utf8(snapshot).ok()).unwrap_or_default();
        if snapshot.is_empty() {
            return Err("a snapshot is named by `latest` or the beginning of its id, before the colon".to_owned());
        }
        let path = OsStr::from_bytes(path.unwrap_or_default());
        let path = EntryPath::parse(path).map_err(|error| error.to_string())?;
        Ok(SnapshotPath { snapshot: snapshot.to_owned(), path })
    }
}

/// Lets clap read a [`SnapshotPath`] from an argument that need not be UTF-8.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SnapshotPathParser;

impl clap::builder::TypedValueParser for SnapshotPathParser {
    type Value = SnapshotPath;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        SnapshotPath::parse(value).map_err(|why| invalid(command, argument, value, &why))
    }
}

/// Reads a path inside a snapshot, with or without the colon it has behind a snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryPathParser;

impl clap::builder::TypedValueParser for EntryPathParser {
    type Value = EntryPath;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let bytes = value.as_bytes();
        let path = OsString::from_vec(bytes.strip_prefix(b":").unwrap_or(bytes).to_vec());
        EntryPath::parse(path).map_err(|error| invalid(command, argument, value, &error.to_string()))
    }
}

fn invalid(command: &clap::Command, argument: Option<&clap::Arg>, value: &OsStr, why: &str) -> clap::Error {
    let name = argument.map_or_else(|| "...".to_owned(), ToString::to_string);
    clap::Error::raw(
        clap::error::ErrorKind::ValueValidation,
        format!("invalid value '{}' for '{name}': {why}\n", value.to_string_lossy()),
    )
    .with_cmd(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn snapshots_and_paths_part_at_the_first_colon() {
        let parsed = SnapshotPath::parse(OsStr::new("latest:a/b:c")).unwrap();
        assert_eq!((parsed.snapshot.as_str(), parsed.path.to_string().as_str()), ("latest", "a/b:c"));
        assert!(SnapshotPath::parse(OsStr::new("3f2a")).unwrap().path.is_root());
        assert!(SnapshotPath::parse(OsStr::new("3f2a:")).unwrap().path.is_root());
        assert_eq!(SnapshotPath::parse(OsStr::from_bytes(b"latest:\xff")).unwrap().path.to_os_bytes(), b"\xff");
        assert!(SnapshotPath::parse(OsStr::new(":a")).is_err());
        assert!(SnapshotPath::parse(OsStr::new("latest:../a")).is_err());
    }
}
