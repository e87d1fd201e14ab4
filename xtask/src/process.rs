//! Starting other programs.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

/// Runs a program with this one's input and output.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("cannot start {}", name(command)))
}

/// Runs a program that has to succeed.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("{} failed ({status})", line(command));
    }
    Ok(())
}

/// Runs a program in the place of this one: its exit code is the answer.
pub(crate) fn become_it(command: &mut Command) -> Result<ExitCode> {
    let status = status(command)?;
    // A program that a signal ended has no code of its own.
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

/// Runs a program and hands over each line of its standard output while it runs; `show` says whether
/// the line is also printed.
pub(crate) fn watch(command: &mut Command, mut show: impl FnMut(&str) -> bool) -> Result<ExitStatus> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", name(command)))?;
    let stdout = child.stdout.take().context("the output is not piped")?;
    let mut own = std::io::stdout();
    for bytes in BufReader::new(stdout).split(b'\n') {
        let bytes = bytes.with_context(|| format!("cannot read what {} says", name(command)))?;
        let line = String::from_utf8_lossy(&bytes);
        if show(line.trim_end_matches('\r')) {
            // A reader that went away (`| head`) is no reason to lose the counts.
            let _ = writeln!(own, "{line}");
        }
    }
    child.wait().with_context(|| format!("cannot wait for {}", name(command)))
}

/// Runs a program and returns all that it printed, standard error first.
pub(crate) fn capture(command: &mut Command) -> Result<(ExitStatus, String)> {
    let output = command.output().with_context(|| format!("cannot start {}", name(command)))?;
    let mut text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stdout));
    Ok((output.status, text))
}

/// Whether a program can be started at all.
pub(crate) fn exists(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The command as one would type it, with the program's folder left out.
pub(crate) fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut text = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_handed_over_and_the_status_comes_last() {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; printf 'two \\377'; exit 3"]);
        let status = watch(&mut command, |line| {
            lines.push(line.to_owned());
            false
        });
        assert_eq!(status.unwrap().code(), Some(3));
        assert_eq!(lines, ["one", "two \u{fffd}"]);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = succeed(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"), "{error}");
        assert!(!exists(&mut Command::new("no-such-program-here")));
    }
}
