//! The tools that are compared, as data: what each is told to do the same work at about zstd level 3, with its caches
//! and settings in folders of its own.
//!
//! In arguments, variables and files stand `{repository}`, `{cache}`, `{home}` (folders), `{source}` and `{target}`
//! (what is backed up and where it is restored to), `{name}` (of the backup at hand) and `{password}`.

use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tool and its commands.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Prints its version, the first word with digits and dots in it.
    version: &'static [&'static str],
    pub(crate) variables: &'static [(&'static str, &'static str)],
    /// Files it reads, written before anything is run.
    pub(crate) files: &'static [(&'static str, &'static str)],
    /// Make a repository, one after the other; not measured.
    pub(crate) init: &'static [&'static [&'static str]],
    pub(crate) backup: Action,
    pub(crate) restore: Action,
    /// Reads all that is stored; `None` where the tool has nothing of the kind.
    pub(crate) check: Option<Action>,
    /// Decrypts and hashes all of it as well, where that is a check of its own.
    pub(crate) check_content: Option<Action>,
}

/// A command, and the folder it is run in where that matters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Action {
    pub(crate) arguments: &'static [&'static str],
    pub(crate) folder: Option<&'static str>,
}

const fn action(arguments: &'static [&'static str]) -> Action {
    Action { arguments, folder: None }
}

const fn action_in(folder: &'static str, arguments: &'static [&'static str]) -> Action {
    Action { arguments, folder: Some(folder) }
}

/// The name of the tool of this workspace.
pub(crate) const OWN: &str = "strongroom";

/// All tools that are known, this one first.
pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: OWN,
        version: &["--version"],
        variables: &[
            ("STRONGROOM_REPOSITORY", "{repository}"),
            ("STRONGROOM_PASSPHRASE", "{password}"),
            ("STRONGROOM_CACHE_DIR", "{cache}"),
        ],
        files: &[],
        init: &[&["init", "--quiet"]],
        backup: action(&["backup", "--quiet", "{source}"]),
        restore: action(&["restore", "--quiet", "latest", "--target", "{target}"]),
        check: Some(action(&["check", "--quiet", "--read-data"])),
        check_content: Some(action(&["check", "--quiet", "--read-data", "--verify-content"])),
    },
    Peer {
        name: "bupstash",
        version: &["version"],
        variables: &[
            ("BUPSTASH_REPOSITORY", "{repository}"),
            ("BUPSTASH_KEY", "{home}/key"),
            ("BUPSTASH_SEND_LOG", "{cache}/send-log"),
            ("BUPSTASH_QUERY_CACHE", "{cache}/query-cache"),
        ],
        files: &[],
        init: &[&["new-key", "-o", "{home}/key"], &["init"]],
        backup: action(&["put", "--quiet", "--compression", "zstd:3", "--xattrs", "name={name}", "{source}"]),
        restore: action(&["restore", "--quiet", "--ownership", "--xattrs", "--into", "{target}", "name={name}"]),
        check: None,
        check_content: None,
    },
    Peer {
        name: "vykar",
        version: &["--version"],
        variables: &[("VYKAR_CONFIG", "{home}/vykar.yaml"), ("VYKAR_PASSPHRASE", "{password}")],
        files: &[(
            "vykar.yaml",
            "repositories:\n  - url: \"{repository}\"\n    label: bench\ncache_dir: \"{cache}\"\n\
             compression:\n  algorithm: zstd\n  zstd_level: 3\n",
        )],
        init: &[&["init", "-R", "bench"]],
        backup: action(&["backup", "-R", "bench", "-l", "bench", "{source}"]),
        restore: action(&["restore", "-R", "bench", "latest", "{target}"]),
        check: Some(action(&["check", "-R", "bench", "--verify-data"])),
        check_content: None,
    },
    Peer {
        name: "restic",
        version: &["version"],
        variables: &[
            ("RESTIC_REPOSITORY", "{repository}"),
            ("RESTIC_PASSWORD", "{password}"),
            ("RESTIC_CACHE_DIR", "{cache}"),
        ],
        files: &[],
        init: &[&["init", "--quiet"]],
        // Its `auto` compression is about level 3.
        backup: action(&["backup", "--quiet", "{source}"]),
        restore: action(&["restore", "--quiet", "latest:{source}", "--target", "{target}"]),
        check: Some(action(&["check", "--quiet", "--read-data"])),
        check_content: None,
    },
    Peer {
        name: "rustic",
        version: &["--version"],
        variables: &[
            ("RUSTIC_REPOSITORY", "{repository}"),
            ("RUSTIC_PASSWORD", "{password}"),
            ("RUSTIC_CACHE_DIR", "{cache}"),
            ("RUSTIC_NO_PROGRESS", "true"),
            ("RUSTIC_LOG_LEVEL", "warn"),
        ],
        files: &[],
        init: &[&["init", "--set-compression", "3"]],
        backup: action(&["backup", "{source}"]),
        restore: action(&["restore", "latest:{source}", "{target}"]),
        check: Some(action(&["check", "--read-data"])),
        check_content: None,
    },
    Peer {
        name: "borg",
        version: &["--version"],
        variables: &[
            ("BORG_REPO", "{repository}"),
            ("BORG_PASSPHRASE", "{password}"),
            ("BORG_BASE_DIR", "{home}"),
            ("BORG_CACHE_DIR", "{cache}"),
        ],
        files: &[],
        init: &[&["init", "--encryption", "repokey-blake2"]],
        backup: action_in("{source}", &["create", "--compression", "zstd,3", "::{name}", "."]),
        restore: action_in("{target}", &["extract", "::{name}"]),
        check: Some(action(&["check", "--verify-data"])),
        check_content: None,
    },
    Peer {
        name: "kopia",
        version: &["--version"],
        variables: &[
            ("KOPIA_CONFIG_PATH", "{home}/kopia.config"),
            ("KOPIA_PASSWORD", "{password}"),
            ("KOPIA_CACHE_DIRECTORY", "{cache}"),
            ("KOPIA_LOG_DIR", "{home}/log"),
            ("KOPIA_CHECK_FOR_UPDATES", "false"),
        ],
        files: &[],
        init: &[
            &["repository", "create", "filesystem", "--path", "{repository}"],
            &["policy", "set", "--global", "--compression", "zstd"],
        ],
        backup: action(&["snapshot", "create", "--no-progress", "{source}"]),
        restore: action(&["snapshot", "restore", "--no-progress", "--snapshot-time", "latest", "{source}", "{target}"]),
        check: Some(action(&["snapshot", "verify", "--verify-files-percent", "100"])),
        check_content: None,
    },
];

/// A tool that is on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) peer: &'static Peer,
    pub(crate) program: PathBuf,
    pub(crate) version: String,
}

/// Finds the tools named, or all that are there when none is. `programs` says where some of them are, as
/// `NAME=PATH`; this workspace's own is built unless it is among them.
pub(crate) fn find(names: &[String], programs: &[String]) -> Result<Vec<Found>> {
    let mut given = Vec::new();
    for program in programs {
        let (name, path) = program.split_once('=').with_context(|| format!("write --bin NAME=PATH, not {program}"))?;
        given.push((known(name)?.name, PathBuf::from(path)));
    }
    let wanted = match names {
        [] => PEERS.iter().collect(),
        names => names.iter().map(|name| known(name)).collect::<Result<Vec<_>>>()?,
    };
    let mut found = Vec::new();
    for peer in wanted {
        let program = match given.iter().find(|(name, _)| *name == peer.name) {
            Some((_, path)) => std::path::absolute(path)?,
            None if peer.name == OWN => build()?,
            None => match on_path(peer.name) {
                Some(path) => path,
                None if names.is_empty() => {
                    eprintln!("{} is not installed and left out", peer.name);
                    continue;
                }
                None => bail!("{0} is not on the PATH; say where it is with --bin {0}=PATH", peer.name),
            },
        };
        let output = Command::new(&program).args(peer.version).output();
        let output = output.with_context(|| format!("cannot run {}", program.display()))?;
        ensure!(output.status.success(), "{} does not tell its version: {}", program.display(), output.status);
        let version = version(&String::from_utf8_lossy(&output.stdout)).unwrap_or_default();
        found.push(Found { peer, program, version });
    }
    Ok(found)
}

fn known(name: &str) -> Result<&'static Peer> {
    PEERS.iter().find(|peer| peer.name == name).with_context(|| {
        let names: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
        format!("`{name}` is not known here; {} are", names.join(", "))
    })
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// The first word of the kind `1.2.3`, with what may come before or behind it cut off.
fn version(text: &str) -> Option<String> {
    text.split([' ', '-', '\n', '\t'])
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
        .map(str::to_owned)
}

/// Builds the `strongroom` command of this workspace in the release profile.
fn build() -> Result<PathBuf> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the benchmarks stand outside of the workspace")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--package", "strongroom-cli"])
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the strongroom command is not built: cargo ended with {status}");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
    Ok(target.join("release").join(OWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version("restic 0.18.0 compiled with go1.24.4 on linux/amd64").as_deref(), Some("0.18.0"));
        assert_eq!(version("bupstash-0.12.0\n").as_deref(), Some("0.12.0"));
        assert_eq!(version("rustic v0.11.2").as_deref(), Some("0.11.2"));
        assert_eq!(version("none"), None);
    }

    #[test]
    fn tools_are_known_by_their_names() {
        assert!(known("restic").is_ok());
        let error = known("tar").unwrap_err().to_string();
        assert!(error.contains("borg") && error.contains(OWN), "{error}");
        assert!(find(&["restic".to_owned()], &["restic=/does/not/exist".to_owned()]).is_err());
        assert!(find(&[], &["restic".to_owned()]).is_err());
    }

    #[test]
    fn every_placeholder_is_known() {
        let known = ["{repository}", "{cache}", "{home}", "{source}", "{target}", "{name}", "{password}"];
        for peer in PEERS {
            let actions = [Some(peer.backup), Some(peer.restore), peer.check, peer.check_content];
            let mut texts: Vec<&str> = peer.init.concat();
            for action in actions.into_iter().flatten() {
                texts.extend(action.arguments.iter().chain(&action.folder));
            }
            texts.extend(peer.variables.iter().chain(peer.files).map(|(_, value)| value));
            for text in texts {
                let left = known.iter().fold(text.to_owned(), |text, name| text.replace(name, ""));
                assert!(!left.contains(['{', '}']), "{}: {text}", peer.name);
            }
        }
    }
}
