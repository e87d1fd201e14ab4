//! A static library that shows programs its own names and nothing else.

use crate::process;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What the names of the library begin with.
const PREFIX: &str = "sr_";

/// The names that a library defines for others. `dynamic` for a shared one.
pub(crate) fn defined(library: &Path, dynamic: bool) -> Result<Vec<String>> {
    let mut nm = Command::new("nm");
    nm.arg(if dynamic { "-D" } else { "-g" }).arg("--defined-only").arg(library);
    let (status, text) = process::capture(&mut nm)?;
    ensure!(status.success(), "nm cannot read {}: {text}", library.display());
    let names = text.lines().filter_map(|line| line.split_whitespace().nth(2).map(str::to_owned));
    Ok(names.collect())
}

/// Whether the tools are here that it takes.
pub(crate) fn can_hide() -> bool {
    cfg!(target_os = "linux")
        && ["ld", "objcopy", "ar", "nm"].iter().all(|tool| process::exists(Command::new(tool).arg("--version")))
}

/// Makes one object of what the static library at `from` needs for `names`, and of that the library `to`, in which
/// nothing else can be seen: a program with other Rust libraries in it, or with the same C ones, would meet its own
/// names in ours.
pub(crate) fn hide_all_but(names: &[String], from: &Path, to: &Path) -> Result<()> {
    let object = to.with_extension("o");
    let mut link = Command::new("ld");
    link.args(["-r", "--gc-sections"]).args(names.iter().flat_map(|name| ["-u", name]));
    process::succeed(link.arg(from).arg("-o").arg(&object))?;
    // The bitcode that the standard library carries is of no use to anybody, and of a version that the plugins of some
    // archivers abort on.
    let mut hide = Command::new("objcopy");
    hide.args(["--wildcard", "--remove-section", ".llvmbc", "--remove-section", ".llvmcmd"]);
    process::succeed(hide.arg(format!("--keep-global-symbol={PREFIX}*")).arg(&object))?;
    let _ = fs::remove_file(to);
    process::succeed(Command::new("ar").arg("rcs").arg(to).arg(&object))?;
    fs::remove_file(&object).with_context(|| format!("cannot remove {}", object.display()))
}
