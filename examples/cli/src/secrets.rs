//! Passphrases, recovery codes and device keys: where they come from. Never from the command line itself, which
//! every user of a machine can see.

use crate::args::SecretArgs;
use crate::commands::account::PasswordArgs;
use crate::exit::{Failure, Result};
use crate::output::text::printable;
use crate::terminal;
use clap::{Args, ValueHint};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use strongroom::{DeviceKey, RecoveryCode, Secret};
use zeroize::Zeroizing;

/// The variable a passphrase may be in.
pub(crate) const PASSPHRASE_VARIABLE: &str = "STRONGROOM_PASSPHRASE";

/// The variable the passphrase of repositories that are copied to may be in.
pub(crate) const TO_PASSPHRASE_VARIABLE: &str = "STRONGROOM_TO_PASSPHRASE";

/// The variable the password of an account may be in.
pub(crate) const ACCOUNT_PASSWORD_VARIABLE: &str = "STRONGROOM_ACCOUNT_PASSWORD";

/// What opens the repositories to copy to. Without any of these, $STRONGROOM_TO_PASSPHRASE, and without that a prompt
/// for each.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(crate) struct ToSecretArgs {
    /// Takes the destination's passphrase from the first line of a file; given once for all, or once for each --to
    ///
    /// Without this and its alternatives it is taken from $STRONGROOM_TO_PASSPHRASE, or asked for.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    to_passphrase_file: Vec<PathBuf>,
    /// Takes the destination's passphrase from what a shell command prints; once for all, or once for each --to
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    to_passphrase_command: Vec<String>,
    /// Opens the destination with the key of this device; once for all, or once for each --to
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    to_device_key: Vec<PathBuf>,
}

impl ToSecretArgs {
    /// Whether there is a secret for each of so many destinations, or one for all.
    pub(crate) fn check(&self, destinations: usize) -> Result {
        let given = [self.to_passphrase_file.len(), self.to_passphrase_command.len(), self.to_device_key.len()];
        match given.into_iter().max() {
            Some(count) if count > 1 && count != destinations => Err(Failure::usage(format!(
                "there are {destinations} destinations and {count} secrets for them: give one for all, or one for each"
            ))),
            _ => Ok(()),
        }
    }
}

/// The secret that opens the destination with this number, where it is said where that comes from.
pub(crate) fn of_destination(args: &ToSecretArgs, number: usize) -> Result<Option<Secret>> {
    use std::os::unix::ffi::OsStringExt;
    if let Some(path) = args.to_device_key.get(number).or(args.to_device_key.first()) {
        return Ok(Some(Secret::device(read_device_key(path)?)));
    }
    if let Some(path) = args.to_passphrase_file.get(number).or(args.to_passphrase_file.first()) {
        return passphrase(first_line(from_file(path)?, path.display())?).map(Some);
    }
    if let Some(command) = args.to_passphrase_command.get(number).or(args.to_passphrase_command.first()) {
        return passphrase(first_line(from_command(command)?, "the command")?).map(Some);
    }
    match std::env::var_os(TO_PASSPHRASE_VARIABLE) {
        Some(value) if !value.is_empty() => passphrase(Zeroizing::new(value.into_vec())).map(Some),
        _ => Ok(None),
    }
}

/// The passphrase of a destination that a person types.
pub(crate) fn ask_passphrase_of_destination(place: &OsStr) -> Result<Secret> {
    let question = format!("Passphrase of {}: ", printable(place.as_encoded_bytes()));
    let typed = terminal::ask_hidden(&question).map_err(|error| {
        no_terminal(error).hint(format!(
            "give it with --to-passphrase-file, --to-passphrase-command, --to-device-key or ${TO_PASSPHRASE_VARIABLE}"
        ))
    })?;
    Ok(Secret::passphrase(typed.as_bytes()))
}

/// Longest secret that is read from a file or command.
const LONGEST: u64 = 64 * 1024;

/// Asks again this often when a recovery code is mistyped.
const TRIES: usize = 3;

/// The secret that opens the repository, where it is said where that comes from.
pub(crate) fn given(args: &SecretArgs) -> Result<Option<Secret>> {
    if let Some(path) = &args.device_key {
        return Ok(Some(Secret::device(read_device_key(path)?)));
    }
    if let Some(path) = &args.recovery_code_file {
        return Ok(Some(Secret::recovery_code(&text(first_line(from_file(path)?, path.display())?)?)?));
    }
    if args.recovery_code {
        return ask_recovery_code().map(Some);
    }
    given_passphrase(args)
}

/// The passphrase that a person types.
pub(crate) fn ask_passphrase() -> Result<Secret> {
    let typed = terminal::ask_hidden("Passphrase: ").map_err(no_terminal)?;
    Ok(Secret::passphrase(typed.as_bytes()))
}

/// A passphrase that does not exist yet: typed twice, unless it comes from elsewhere.
pub(crate) fn new_passphrase(args: &SecretArgs, what: &str) -> Result<Secret> {
    match new_given(args, what)? {
        Some(secret) => Ok(secret),
        None => ask_new_passphrase(what),
    }
}

/// A passphrase that does not exist yet, where it is said where that comes from.
pub(crate) fn new_given(args: &SecretArgs, what: &str) -> Result<Option<Secret>> {
    if args.device_key.is_some() || args.recovery_code || args.recovery_code_file.is_some() {
        return Err(Failure::usage(format!("{what} must be a passphrase")).hint(
            "recovery codes and devices are added to a repository once it exists: `strongroom key recovery-code`",
        ));
    }
    given_passphrase(args)
}

/// As [`new_passphrase`], for one that replaces or joins another: the variable holds that one, so it is not looked at.
pub(crate) fn further_passphrase(file: Option<&Path>, command: Option<&str>, what: &str) -> Result<Secret> {
    match (file, command) {
        (Some(path), _) => passphrase(first_line(from_file(path)?, path.display())?),
        (None, Some(command)) => passphrase(first_line(from_command(command)?, "the command")?),
        (None, None) => ask_new_passphrase(what),
    }
}

fn given_passphrase(args: &SecretArgs) -> Result<Option<Secret>> {
    use std::os::unix::ffi::OsStringExt;
    if let Some(path) = &args.passphrase_file {
        return passphrase(first_line(from_file(path)?, path.display())?).map(Some);
    }
    if let Some(command) = &args.passphrase_command {
        return passphrase(first_line(from_command(command)?, "the command")?).map(Some);
    }
    match std::env::var_os(PASSPHRASE_VARIABLE) {
        Some(value) if !value.is_empty() => passphrase(Zeroizing::new(value.into_vec())).map(Some),
        _ => Ok(None),
    }
}

fn passphrase(bytes: Zeroizing<Vec<u8>>) -> Result<Secret> {
    if bytes.is_empty() {
        return Err(Failure::usage("the passphrase is empty"));
    }
    Ok(Secret::passphrase(bytes.as_slice()))
}

fn ask_new_passphrase(what: &str) -> Result<Secret> {
    let first = terminal::ask_hidden(&format!("{}: ", capitalised(what))).map_err(no_terminal)?;
    if first.is_empty() {
        return Err(Failure::usage("the passphrase is empty"));
    }
    let second = terminal::ask_hidden("The same again: ").map_err(no_terminal)?;
    if *first != *second {
        return Err(Failure::usage("the two differ; nothing was changed"));
    }
    Ok(Secret::passphrase(first.as_bytes()))
}

fn ask_recovery_code() -> Result<Secret> {
    let mut last = None;
    for _ in 0..TRIES {
        let typed = terminal::ask_hidden("Recovery code: ").map_err(no_terminal)?;
        match Secret::recovery_code(&typed) {
            Ok(secret) => return Ok(secret),
            // The checksum tells a slip of the finger apart from a wrong code.
            Err(error) => {
                terminal::tell(&format!("{error}\n"));
                last = Some(error);
            }
        }
    }
    Err(last.map_or_else(|| Failure::usage("no recovery code was typed"), Failure::from))
}

/// The password of an account.
pub(crate) fn account_password(args: &PasswordArgs) -> Result<Zeroizing<Vec<u8>>> {
    match given_account_password(args)? {
        Some(password) => Ok(password),
        None => {
            let typed = terminal::ask_hidden("Password of the account: ").map_err(no_terminal_for_password)?;
            Ok(Zeroizing::new(typed.as_bytes().to_vec()))
        }
    }
}

/// The password of an account that does not exist yet: typed twice, unless it comes from elsewhere.
pub(crate) fn new_account_password(args: &PasswordArgs) -> Result<Zeroizing<Vec<u8>>> {
    match given_account_password(args)? {
        Some(password) => Ok(password),
        None => ask_twice("Password of the new account: "),
    }
}

/// A password that replaces another: the variable holds that one, so it is not looked at.
pub(crate) fn further_account_password(file: Option<&Path>) -> Result<Zeroizing<Vec<u8>>> {
    match file {
        Some(path) => first_line(from_file(path)?, path.display()),
        None => ask_twice("New password: "),
    }
}

fn given_account_password(args: &PasswordArgs) -> Result<Option<Zeroizing<Vec<u8>>>> {
    use std::os::unix::ffi::OsStringExt;
    if let Some(path) = &args.password_file {
        return first_line(from_file(path)?, path.display()).map(Some);
    }
    if let Some(command) = &args.password_command {
        return first_line(from_command(command)?, "the command").map(Some);
    }
    let value = std::env::var_os(ACCOUNT_PASSWORD_VARIABLE).filter(|value| !value.is_empty());
    Ok(value.map(|value| Zeroizing::new(value.into_vec())))
}

fn ask_twice(question: &str) -> Result<Zeroizing<Vec<u8>>> {
    let first = terminal::ask_hidden(question).map_err(no_terminal_for_password)?;
    let second = terminal::ask_hidden("The same again: ").map_err(no_terminal_for_password)?;
    if *first != *second {
        return Err(Failure::usage("the two differ; nothing was changed"));
    }
    Ok(Zeroizing::new(first.as_bytes().to_vec()))
}

/// The recovery code of an account, from a file or the terminal.
pub(crate) fn account_recovery_code(file: Option<&Path>) -> Result<RecoveryCode> {
    let typed = match file {
        Some(path) => text(first_line(from_file(path)?, path.display())?)?,
        None => terminal::ask_hidden("Recovery code of the account: ").map_err(no_terminal_for_password)?,
    };
    Ok(RecoveryCode::parse(&typed)?)
}

/// Asks for a code that is good once; `option` is what gives it without a terminal, if anything does.
pub(crate) fn ask(question: &str, option: Option<&str>) -> Result<Zeroizing<String>> {
    terminal::ask_hidden(question).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::usage("nothing was typed"),
        _ => {
            let failure = Failure::usage("there is no terminal to ask for the code on");
            option.into_iter().fold(failure, |failure, option| failure.hint(format!("give it with {option}")))
        }
    })
}

fn no_terminal_for_password(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::usage("nothing was typed"),
        _ => Failure::usage("there is no terminal to ask for the password on")
            .hint(format!("give it with --password-file, --password-command or ${ACCOUNT_PASSWORD_VARIABLE}")),
    }
}

/// Reads what `strongroom device new` wrote.
pub(crate) fn read_device_key(path: &Path) -> Result<DeviceKey> {
    Ok(DeviceKey::from_bytes(&from_file(path)?).map_err(|error| error.or_object(path.display()))?)
}

fn from_file(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |error| Failure::io(error, "read the secret", path.display());
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

fn from_command(command: &str) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |error| Failure::io(error, "run the passphrase command", "sh");
    // What it says on standard error, and what it asks there, is between it and its user.
    let mut child = Command::new("sh")
        .args(["-c", command])
        .env_remove(PASSPHRASE_VARIABLE)
        .env_remove(TO_PASSPHRASE_VARIABLE)
        .env_remove(ACCOUNT_PASSWORD_VARIABLE)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::new());
    if let Some(out) = child.stdout.take() {
        out.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        // The command itself may hold a secret, so it is not repeated.
        return Err(Failure::usage(format!("the passphrase command failed ({status})")));
    }
    Ok(bytes)
}

fn first_line(bytes: Zeroizing<Vec<u8>>, place: impl std::fmt::Display) -> Result<Zeroizing<Vec<u8>>> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(Failure::usage(format!("there is no secret in the first line of {place}")));
    }
    Ok(Zeroizing::new(line.to_vec()))
}

fn text(bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>> {
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Failure::usage("the recovery code is not text")),
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

fn no_terminal(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::usage("nothing was typed"),
        _ => Failure::usage("there is no terminal to ask for the secret on").hint(format!(
            "give it with --passphrase-file, --passphrase-command, --recovery-code-file, --device-key or \
             ${PASSPHRASE_VARIABLE}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8]) -> Option<Vec<u8>> {
        first_line(Zeroizing::new(bytes.to_vec()), "here").ok().map(|line| line.to_vec())
    }

    #[test]
    fn the_first_line_counts_without_its_end() {
        assert_eq!(line(b"secret"), Some(b"secret".to_vec()));
        assert_eq!(line(b" with spaces \r\nmore\n"), Some(b" with spaces ".to_vec()));
        assert_eq!(line(b"\nsecret"), None);
        assert_eq!(line(b""), None);
    }

    #[test]
    fn a_failing_command_gives_no_secret_and_is_not_repeated() {
        let failure = from_command("echo hunter2; exit 3").err().unwrap();
        assert!(!failure.message.contains("hunter2"));
        assert_eq!(from_command("printf a").unwrap().as_slice(), b"a");
    }
}
