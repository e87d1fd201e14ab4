//! `cargo xtask uniffi`: the library and the sources that the Kotlin and Swift bindings are built on.

use crate::process;
use crate::workspace::Workspace;
use crate::{bindings, guides};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Builds the library in a profile of cargo, and puts it and what is made of it where the build of a language looks.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let (language, profile) = match arguments {
        [language] => (language.as_str(), "release"),
        [language, profile] => (language.as_str(), profile.as_str()),
        _ => bail!("uniffi takes a language, and a profile of cargo if it is not to be release"),
    };
    match language {
        "kotlin" => kotlin(workspace, profile)?,
        "swift" => swift(workspace, profile)?,
        other => bail!("there is no binding for `{other}` here"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the library and the generator, in one go, so that what both stand on is built once; the folder they are in.
fn build(workspace: &Workspace, profile: &str) -> Result<PathBuf> {
    bindings::build(workspace, &["strongroom-uniffi", "strongroom-uniffi-bindgen"], profile)
}

/// The library among what was built.
fn library() -> String {
    format!("{}strongroom_uniffi{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// Writes the sources of a language into a folder.
fn sources(workspace: &Workspace, built: &Path, language: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let program = format!("strongroom-uniffi-bindgen{}", std::env::consts::EXE_SUFFIX);
    let mut generate = workspace.command(built.join(program));
    generate.args(["generate", "--no-format", "--language", language, "--config", "bindings/uniffi/bindgen.toml"]);
    process::succeed(generate.arg("--out-dir").arg(folder).arg(built.join(library())))
}

/// Where JNA looks for a library in a jar.
fn jna_platform() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "x86-64",
        other => other,
    };
    format!("{system}-{architecture}")
}

fn kotlin(workspace: &Workspace, profile: &str) -> Result<()> {
    kotlin_of(workspace, &build(workspace, profile)?)
}

/// Puts the library that was built, and the sources that are made of it, where the build of the Kotlin package looks for them.
pub(crate) fn kotlin_of(workspace: &Workspace, built: &Path) -> Result<()> {
    let folder = workspace.root().join("bindings/kotlin/target");
    sources(workspace, built, "kotlin", &folder.join("generated-sources/uniffi"))?;
    copy(&built.join(library()), &folder.join("native").join(jna_platform()).join(library()))?;
    let generated = folder.join("generated-sources/uniffi/strongroom/strongroom.kt");
    let text = fs::read_to_string(&generated).with_context(|| format!("cannot read {}", generated.display()))?;
    fs::write(&generated, hidden(&text)).with_context(|| format!("cannot write {}", generated.display()))?;
    let guide = workspace.root().join("docs/guide-kotlin.md");
    guides::write(&guides::KOTLIN, &guide, &folder.join("generated-test-sources/guide/Guide.kt"))
}

/// Types of the generated Kotlin that no app is to see: what the layer over it wraps.
fn is_inner(name: &str) -> bool {
    let parts = ["Handle", "Foreign", "FailureParts", "NativeException", "NativeError"];
    !name.starts_with("Uniffi") && parts.iter().any(|part| name.contains(part))
}

/// The generator makes everything public. What the layer over it wraps becomes internal.
fn hidden(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for line in text.lines() {
        let bare = line.strip_prefix("public ").unwrap_or(line);
        let words =
            bare.strip_prefix("open ").or_else(|| bare.strip_prefix("data ")).or_else(|| bare.strip_prefix("sealed "));
        let words = words.unwrap_or(bare);
        let declared = ["class ", "interface ", "object "].iter().find_map(|kind| words.strip_prefix(kind));
        let name = declared.and_then(|rest| rest.split(|letter: char| !letter.is_alphanumeric()).next());
        if name.is_some_and(is_inner) {
            made.push_str("internal ");
            made.push_str(bare);
        } else {
            made.push_str(line);
        }
        made.push('\n');
    }
    made
}

/// Puts the library, its header and the generated sources into the Swift package.
pub(crate) fn swift(workspace: &Workspace, profile: &str) -> Result<()> {
    swift_of(workspace, &build(workspace, profile)?)
}

/// The same with the library that was built.
pub(crate) fn swift_of(workspace: &Workspace, built: &Path) -> Result<()> {
    let package = workspace.root().join("bindings/swift");
    let made = workspace.target().join("xtask/swift-sources");
    sources(workspace, built, "swift", &made)?;
    for (from, to) in [
        (made.join("Strongroom.swift"), "Sources/Strongroom/Generated.swift".to_owned()),
        (made.join("StrongroomFFI.h"), "Sources/StrongroomFFI/StrongroomFFI.h".to_owned()),
        (built.join(library()), format!("lib/{}", library())),
    ] {
        copy(&from, &package.join(to))?;
    }
    let map = "module StrongroomFFI [system] {\n    header \"StrongroomFFI.h\"\n    link \"strongroom_uniffi\"\n    export *\n}\n";
    let place = package.join("Sources/StrongroomFFI/module.modulemap");
    fs::write(&place, map).with_context(|| format!("cannot write {}", place.display()))?;
    let guide = workspace.root().join("docs/guide-swift.md");
    guides::write(&guides::SWIFT, &guide, &package.join("Tests/StrongroomTests/Guide.swift"))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let folder = to.parent().context("a file has no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_becomes_internal_and_nothing_else_changes() {
        let text = "public interface ForeignLog {\n    fun log()\n}\nopen class RunHandle: Disposable, RunHandleInterface\n\
                    public object FfiConverterTypeRunHandle: FfiConverter<RunHandle, Long> {\ndata class Budget (\n";
        let wanted = "internal interface ForeignLog {\n    fun log()\n}\ninternal open class RunHandle: Disposable, RunHandleInterface\n\
                      internal object FfiConverterTypeRunHandle: FfiConverter<RunHandle, Long> {\ndata class Budget (\n";
        assert_eq!(hidden(text), wanted);
    }
}
