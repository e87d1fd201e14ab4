//! A small repository with one of everything in it, and all that can be done with it after an attack.

use super::common::fault::{Call, Fault, FaultBackend, Op};
use super::common::forest::Sizes;
use super::common::vault::Vault;
use super::common::walk::{Kind, Tree, shown, walk};
use super::common::{back_up, create_with, noise, reopen, scratch, secret};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use strongroom::{
    AppEntry, Backend, BackupOptions, CancelToken, CheckOptions, CheckReport, Context, Error, ErrorKind, Folder,
    IterSource, NewKey, ObjectName, Outcome, PruneOptions, Repository, RestoreOptions, Role, Secret, SnapshotFilter,
    SnapshotId, Source, Timestamp,
};

pub(crate) struct Victim {
    scratch: tempfile::TempDir,
    pub(crate) vault: Vault,
    /// As it was after the first of the two snapshots.
    pub(crate) earlier: Vault,
    pub(crate) first: SnapshotId,
    pub(crate) second: SnapshotId,
    trees: BTreeMap<SnapshotId, Tree>,
}

impl Victim {
    /// The second snapshot shares most with the first, and has a pack of its own.
    pub(crate) fn new() -> Self {
        let scratch = scratch();
        let source = scratch.path().join("source");
        fs::create_dir_all(source.join("folder")).unwrap();
        fs::write(source.join("folder/a"), noise(1, 9000)).unwrap();
        fs::write(source.join("folder/b"), "text ".repeat(1000)).unwrap();
        fs::write(source.join("inline"), "short").unwrap();
        std::os::unix::fs::symlink("inline", source.join("link")).unwrap();
        let vault = Vault::new();
        let repo = create_with(vault.clone(), &Sizes::TINY.options());
        repo.add_key(&NewKey::new(Secret::account_key([8; 32]), Role::Reader).label("another")).unwrap();
        let mut trees = BTreeMap::new();
        let first = *back_up(&repo, Source::paths([&source])).snapshot().unwrap();
        trees.insert(first, walk(&source));
        let earlier = vault.fork();
        fs::write(source.join("folder/c"), noise(2, 9000)).unwrap();
        let second = *back_up(&repo, Source::paths([&source])).snapshot().unwrap();
        trees.insert(second, walk(&source));
        repo.tag(&first, &["kept"], &[]).unwrap();
        condemn(&vault, scratch.path());
        repo.add_parity(20, &Context::new()).unwrap();
        // A suspended backup leaves a checkpoint.
        let token = CancelToken::new();
        let suspend = token.clone();
        let rows = (0..).map(move |number: u64| {
            if number == 3 {
                suspend.suspend();
            }
            AppEntry::bytes(format!("{number}").as_str().try_into_path(), noise(number + 50, 500))
        });
        let ctx = Context::new().cancel_token(token);
        let suspended = repo.backup(IterSource::new(rows), &BackupOptions::new(), &ctx).unwrap();
        assert_eq!(suspended.outcome, Outcome::Suspended);
        let victim = Victim { scratch, vault, earlier, first, second, trees };
        assert_eq!(victim.folders(), Folder::ALL);
        victim
    }

    /// The folders with something in them.
    pub(crate) fn folders(&self) -> Vec<Folder> {
        Folder::ALL.into_iter().filter(|folder| !self.vault.names(*folder).is_empty()).collect()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn snapshots(&self) -> BTreeSet<SnapshotId> {
        self.trees.keys().copied().collect()
    }

    fn source(&self) -> PathBuf {
        self.scratch.path().join("source")
    }

    /// Does everything with what stands there now, and makes sure that nothing wrong is taken for right.
    pub(crate) fn survey(&self, backend: impl Backend + Clone + 'static, what: &str) -> Survey {
        let mut survey = Survey { what: what.to_owned(), ..Survey::default() };
        let repo = match Repository::open(backend.clone(), &secret()) {
            Ok(repo) => repo,
            Err(error) => {
                survey.note(&error);
                survey.open = Some(error);
                return survey;
            }
        };
        match repo.snapshots(&SnapshotFilter::all()) {
            Ok(found) => {
                for one in found {
                    match one {
                        Ok(snapshot) => {
                            assert!(self.trees.contains_key(&snapshot.id), "{what}: {} was never made", snapshot.id);
                            survey.tags.insert(snapshot.id, snapshot.tags);
                        }
                        Err(error) => survey.rejected.push(survey.note(&error)),
                    }
                }
            }
            Err(error) => survey.failed.push(survey.note(&error)),
        }
        for (snapshot, tree) in &self.trees {
            match self.restored(&repo, snapshot, tree, what) {
                Ok(true) => drop(survey.whole.insert(*snapshot)),
                Ok(false) => {}
                Err(error) => survey.failed.push(survey.note(&error)),
            }
        }
        match repo.check(&CheckOptions::new().read_data(100.0).verify_content(true), &Context::new()) {
            Ok(report) => survey.check = Some(report),
            Err(error) => survey.failed.push(survey.note(&error)),
        }
        match repo.backup(Source::paths([self.source()]), &BackupOptions::new(), &Context::new()) {
            Ok(report) => {
                let (snapshot, tree) = (report.snapshot().unwrap(), walk(&self.source()));
                survey.backed_up = self.restored(&repo, snapshot, &tree, what).unwrap_or(false);
            }
            Err(error) => survey.failed.push(survey.note(&error)),
        }
        for error in repo.keys().err().into_iter().chain(repo.devices().err()).chain(repo.sessions().err()) {
            survey.note(&error);
        }
        survey
    }

    /// Prunes what stands there now: whatever was damaged, nothing goes of what came back before.
    pub(crate) fn assert_pruning_keeps(&self, vault: &Vault, survey: &Survey, what: &str) {
        let Ok(repo) = Repository::open(vault.clone(), &secret()) else { return };
        let pruned = repo.prune(&PruneOptions::new().min_live_share(1.0), &Context::new());
        let after = Survey { what: what.to_owned(), ..Survey::default() };
        if let Err(error) = &pruned {
            after.note(error);
        }
        let repo = Repository::open(vault.clone(), &secret()).unwrap();
        for snapshot in &survey.whole {
            let restored = self.restored(&repo, snapshot, &self.trees[snapshot], what);
            assert!(matches!(restored, Ok(true)), "{what}: {snapshot} was whole before {pruned:?}: {restored:?}");
        }
    }

    /// Whether a snapshot comes back whole. What comes back of it has to be right, and what does not, be named.
    fn restored(&self, repo: &Repository, id: &SnapshotId, tree: &Tree, what: &str) -> Result<bool, Error> {
        let target = tempfile::tempdir_in(self.scratch.path()).unwrap();
        let report = repo.restore(id, &RestoreOptions::to(target.path()), &Context::new())?;
        let named: BTreeSet<String> = report.problems.iter().map(|one| shown(&one.path.to_os_bytes())).collect();
        let found = walk(target.path());
        assert!(found.keys().all(|path| tree.contains_key(path)), "{what}: {found:?}");
        let mut whole = true;
        for (path, node) in tree {
            let same = found.get(path) == Some(node);
            let parent_time_only = matches!(node.kind, Kind::Folder) && found.contains_key(path);
            whole &= same;
            if !same && !parent_time_only {
                let is_named = named
                    .iter()
                    .any(|named| named.is_empty() || named == path || path.starts_with(&format!("{named}/")));
                assert!(is_named, "{what}: {path} is not what it was, and only {:?} is reported", report.problems);
            }
        }
        assert_eq!(report.outcome == Outcome::Complete, report.problem_count == 0, "{what}");
        assert!(whole || report.outcome == Outcome::Partial, "{what}: {report:?}");
        Ok(whole)
    }
}

/// Lets pruning come to all of its stages: it has removed what waited for a session that died, and condemned what now
/// waits for one at work. Nothing that stays is moved.
pub(crate) fn condemn(vault: &Vault, scratch: &Path) {
    let prune = || reopen(vault.clone()).prune(&PruneOptions::new().min_live_share(0.0), &Context::new()).unwrap();
    for round in 0..2 {
        let gone = scratch.join(format!("gone {round}"));
        fs::create_dir(&gone).unwrap();
        fs::write(gone.join("a"), noise(700 + round, 20_000)).unwrap();
        let report = back_up(&reopen(vault.clone()), Source::paths([&gone]));
        die(vault.clone(), &gone);
        vault.remove(&ObjectName::new(Folder::Snapshots, report.snapshot().unwrap().to_string()).unwrap());
        let report = prune();
        assert!(report.condemned_packs > 0 && report.removed_packs == 0 && report.emptied_packs == 0, "{report:?}");
        let [session] = report.waiting_for[..] else { panic!("{report:?}") };
        if round == 0 {
            let session = session.to_string();
            for name in vault.names(Folder::Sessions).iter().filter(|name| name.file().starts_with(&session)) {
                let received = vault.stat(name).unwrap().modified;
                vault.set_time(name, Timestamp::new(received.seconds - 2 * 60 * 60, 0));
            }
            assert!(prune().removed_packs > 0);
        }
    }
    let stages: BTreeSet<char> =
        vault.names(Folder::Condemned).iter().filter_map(|name| name.file().chars().last()).collect();
    assert_eq!(stages, BTreeSet::from(['1', '2', '3', '4']));
}

/// A backup that breaks off and never says that it ended.
fn die(vault: Vault, source: &Path) {
    let rule = |call: &Call| {
        let renews = call.name.as_ref().is_some_and(|name| !name.file().ends_with("-00000000"));
        (call.op == Op::Put && call.folder == Folder::Sessions && renews).then_some(Fault::Fail(ErrorKind::Unavailable))
    };
    let repo = reopen(FaultBackend::new(vault, rule));
    repo.backup(Source::paths([source]), &BackupOptions::new(), &Context::new()).unwrap_err();
}

trait TryIntoPath {
    fn try_into_path(self) -> strongroom::EntryPath;
}

impl TryIntoPath for &str {
    fn try_into_path(self) -> strongroom::EntryPath {
        strongroom::EntryPath::parse(self).unwrap()
    }
}

/// What came of all that.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    what: String,
    /// Why it could not be opened.
    pub(crate) open: Option<Error>,
    /// Tags of the snapshots that were listed.
    pub(crate) tags: BTreeMap<SnapshotId, Vec<String>>,
    /// What was listed as an error instead.
    pub(crate) rejected: Vec<(ErrorKind, String)>,
    /// Operations that failed as a whole.
    pub(crate) failed: Vec<(ErrorKind, String)>,
    /// Snapshots that came back whole.
    pub(crate) whole: BTreeSet<SnapshotId>,
    pub(crate) check: Option<CheckReport>,
    /// Whether a new backup was made and came back whole.
    pub(crate) backed_up: bool,
}

impl Survey {
    /// No attack is a bug of ours, or the fault of whoever asks.
    fn note(&self, error: &Error) -> (ErrorKind, String) {
        let kinds = [ErrorKind::Internal, ErrorKind::InvalidArgument, ErrorKind::Cancelled, ErrorKind::AlreadyExists];
        assert!(!kinds.contains(&error.kind()), "{}: {error:?}", self.what);
        (error.kind(), error.to_string())
    }

    /// Everything is as if nothing had happened.
    #[track_caller]
    pub(crate) fn assert_unharmed(&self, victim: &Victim) {
        assert!(self.open.is_none() && self.failed.is_empty() && self.rejected.is_empty(), "{self:?}");
        assert!(self.whole == victim.snapshots() && self.backed_up, "{self:?}");
        assert_eq!(self.tags[&victim.first], ["kept"], "{}", self.what);
    }

    /// Something in the check's report is about this object.
    pub(crate) fn check_names(&self, name: &ObjectName) -> bool {
        let Some(report) = &self.check else { return false };
        report
            .problems
            .iter()
            .chain(&report.notes)
            .any(|problem| format!("{} {}", problem.object, problem.detail).contains(name.file()))
    }

    /// Some error that was returned is about this object.
    pub(crate) fn errors_name(&self, name: &ObjectName) -> bool {
        let opened = self.open.iter().map(Error::to_string);
        let others = self.rejected.iter().chain(&self.failed).map(|(_, text)| text.clone());
        opened.chain(others).any(|text| text.contains(name.file()))
    }
}
