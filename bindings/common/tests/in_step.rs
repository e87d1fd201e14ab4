//! The records, enumerations, options and operations here, held against the engine's source: whoever adds something there
//! and not here is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use strongroom_bindings::enums::{ENUMS, ErrorKind};
use strongroom_bindings::operations::OPERATIONS;
use strongroom_bindings::{Mirror, records};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
}

fn engine() -> Vec<String> {
    let mut found = Vec::new();
    sources(&root().join("core/src"), &mut found);
    found
}

/// The lines between `head` and the closing brace in the first column.
fn body<'a>(sources: &'a [String], head: &str) -> Option<&'a str> {
    sources.iter().find_map(|source| {
        let (_, rest) = source.split_once(head)?;
        rest.split_once("\n}").map(|(body, _)| body)
    })
}

fn fields(body: &str) -> Vec<&str> {
    let public = body.lines().filter_map(|line| line.strip_prefix("    pub "));
    public.filter_map(|line| line.split_once(':').map(|(name, _)| name)).filter(|name| !name.contains(' ')).collect()
}

fn variants(body: &str) -> Vec<&str> {
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let named = lines.filter(|line| line.starts_with(|letter: char| letter.is_ascii_uppercase()));
    named.map(|line| line.split([',', ' ', '(', '{']).next().unwrap()).collect()
}

fn check<T: Mirror>(sources: &[String], faults: &mut Vec<String>) {
    let body = body(sources, &format!("pub struct {} {{", T::CORE)).unwrap_or_else(|| panic!("no {}", T::CORE));
    let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) =
        (T::CORE_FIELDS.iter().copied().collect(), fields(body).into_iter().collect());
    if ours != theirs {
        let missing: Vec<_> = theirs.difference(&ours).collect();
        faults.push(format!("{}: {missing:?} is missing", T::CORE));
    }
}

macro_rules! check_all {
    ($sources:expr, $faults:expr, $( $record:ident ),* $(,)?) => { $( check::<records::$record>($sources, $faults); )* };
}

#[test]
fn records_have_every_field() {
    let sources = engine();
    let mut faults = Vec::new();
    check_all!(
        &sources,
        &mut faults,
        HardLink,
        Xattr,
        Hole,
        Changes,
        Snapshot,
        SnapshotCounts,
        RepositoryStats,
        SnapshotStats,
        Problem,
        Progress,
        BackupReport,
        RestoreReport,
        CopyReport,
        CopyDestination,
        SnapshotCopy,
        ForgetReport,
        DamagedSnapshot,
        RetentionGroup,
        RetentionDecision,
        CheckProblem,
        CheckReport,
        RepairReport,
        DamagedPack,
        SalvagedSnapshot,
        RebuildReport,
        UnreadablePack,
        PruneReport,
        ParityReport,
        ReencryptReport,
        SlotInfo,
        DeviceInfo,
        SessionInfo,
        RotationReport,
        LeftBehind,
        Revocation,
        KeyRemoval,
        PassphraseChange,
    );
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_public_report_has_a_record() {
    let ours = fs::read_to_string(root().join("bindings/common/src/flat.rs")).unwrap();
    assert!(ours.contains("macro_rules! mirror"));
    let mut records = Vec::new();
    sources(&root().join("bindings/common/src/records"), &mut records);
    let lib = fs::read_to_string(root().join("core/src/lib.rs")).unwrap();
    let names = lib.split(|letter: char| !letter.is_alphanumeric()).filter(|word| {
        ["Report", "Info", "Stats", "Snapshot", "Pack"].iter().any(|end| word.ends_with(end))
            && !word.starts_with("Object")
    });
    for name in names.collect::<BTreeSet<_>>() {
        let head = [format!(" {name} {{"), format!("pub struct {name} ")];
        assert!(records.iter().any(|text| head.iter().any(|head| text.contains(head))), "{name} has no record");
    }
}

#[test]
fn enumerations_have_every_value_with_its_name() {
    let sources = engine();
    for table in ENUMS.iter().filter(|table| !["ChangeKind", "LogLevel"].contains(&table.name)) {
        let body =
            body(&sources, &format!("pub enum {} {{", table.name)).unwrap_or_else(|| panic!("no {}", table.name));
        let ours: Vec<_> = table.values.iter().filter(|value| value.code < 100).map(|value| value.type_name).collect();
        assert_eq!(ours, variants(body), "{}", table.name);
    }
    for table in ENUMS {
        let codes: BTreeSet<_> = table.values.iter().map(|value| value.code).collect();
        let names: BTreeSet<_> = table.values.iter().map(|value| value.name).collect();
        assert_eq!((codes.len(), names.len()), (table.values.len(), table.values.len()), "{}", table.name);
    }
}

#[test]
fn error_kinds_are_the_engines() {
    for kind in strongroom::ErrorKind::ALL {
        let ours = ErrorKind::from(&kind);
        assert_eq!((ours.code(), ours.name()), (u32::from(kind.code()), kind.name()));
        assert_eq!(ours.to_core(), kind);
    }
    assert_eq!(ErrorKind::from_code(101), Some(ErrorKind::Closed));
    assert_eq!(ErrorKind::from_name("callback"), Some(ErrorKind::Callback));
}

/// The methods that build options, by the type they belong to.
fn builders(sources: &[String], name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in sources {
        for part in source.split(&format!("\nimpl {name} {{")).skip(1) {
            let body = part.split_once("\n}").map_or(part, |(body, _)| body);
            let mut hidden = false;
            for line in body.lines() {
                hidden |= line.trim() == "#[doc(hidden)]";
                let Some(function) = line.strip_prefix("    pub fn ") else { continue };
                // What is hidden is no part of the engine's face.
                let is_hidden = std::mem::take(&mut hidden);
                if let Some((method, rest)) = function.split_once('(')
                    && rest.starts_with("mut self")
                    && !is_hidden
                {
                    found.insert(method.to_owned());
                }
            }
        }
    }
    found
}

#[test]
fn options_have_every_setting() {
    let sources = engine();
    let ours = fs::read_to_string(root().join("bindings/common/src/options.rs")).unwrap()
        + &fs::read_to_string(root().join("bindings/common/src/source.rs")).unwrap();
    let renamed: BTreeMap<&str, &str> = BTreeMap::from([("tag", "tags"), ("snapshot", "snapshots"), ("path", "path")]);
    for name in [
        "CreateOptions",
        "OpenOptions",
        "BackupOptions",
        "RestoreOptions",
        "SnapshotFilter",
        "ForgetOptions",
        "PruneOptions",
        "CheckOptions",
        "RepairOptions",
        "ReencryptOptions",
        "CopyOptions",
        "NewKey",
        "RevokeOptions",
        "RetentionPolicy",
        "Budget",
        "FileSource",
        "ReaderSource",
        "RetryBackend",
    ] {
        let methods = builders(&sources, name);
        assert!(!methods.is_empty(), "{name}");
        for method in methods {
            let method = renamed.get(method.as_str()).map_or(method.as_str(), |name| name);
            assert!(
                ours.contains(&format!(".{method}(")) || ours.contains(&format!("pub {method}:")),
                "{name}::{method}"
            );
        }
    }
}

#[test]
fn operations_have_every_method_of_a_repository() {
    let mut sources_of = Vec::new();
    sources(&root().join("core/src/repository"), &mut sources_of);
    let listed: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.rust).collect();
    let names: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
    assert_eq!(names.len(), OPERATIONS.len());
    for source in &sources_of {
        for part in source.split("\nimpl Repository {").skip(1) {
            let body = part.split_once("\n}").map_or(part, |(body, _)| body);
            for line in body.lines().filter_map(|line| line.strip_prefix("    pub fn ")) {
                let method = line.split(['(', '<']).next().unwrap();
                let known = listed.contains(format!("Repository::{method}").as_str());
                assert!(known || ["make_mistake", "open"].contains(&method), "Repository::{method} is no operation");
            }
        }
    }
    // And every one that is listed is a function of the shared layer, where it is one of a repository.
    let mut ours = Vec::new();
    sources(&root().join("bindings/common/src/repository"), &mut ours);
    ours.push(fs::read_to_string(root().join("bindings/common/src/repository.rs")).unwrap());
    for operation in OPERATIONS.iter().filter(|operation| operation.rust.starts_with("Repository::")) {
        let head = format!("pub fn {}(", operation.name);
        assert!(ours.iter().any(|text| text.contains(&head)), "{} is missing", operation.name);
    }
}
