//! A small repository, objects of which somebody changes: storage that is damaged, or hostile.

use super::context;
use crate::backend::{Backend, MemoryBackend, ObjectName};
use crate::chunker::ChunkSizes;
use crate::{
    AppEntry, BackupOptions, CheckOptions, CreateOptions, EntryPath, Folder, PruneOptions, RepairOptions, Repository,
    Secret, SnapshotFilter, SnapshotId, Source,
};
use std::io::Read;
use std::sync::OnceLock;

/// A small repository, and what is done to its objects: five bytes each, for which, how, where and with what.
pub fn repository(data: &[u8]) {
    let mut damaged = Damaged::sound();
    for step in data.chunks_exact(5).take(16) {
        if let [which, how, low, high, value] = *step {
            damaged.change(which, how, u16::from_le_bytes([low, high]).into(), value);
        }
    }
    if let Some(repository) = damaged.open() {
        use_all(&repository);
    }
}

/// Whatever storage does: what comes back is what went in, or an error.
fn use_all(repository: &Repository) {
    let ctx = context();
    let _ = repository.check(&CheckOptions::new().read_data(100.0).verify_content(true), &ctx);
    if let Ok(snapshots) = repository.snapshots(&SnapshotFilter::all()) {
        for snapshot in snapshots.flatten() {
            let _ = repository.export_tar(&snapshot.id, &EntryPath::root(), &mut std::io::sink(), &ctx);
            compare(repository, &snapshot.id);
        }
    }
    let _ = repository.rebuild_index(&ctx);
    let repaired = repository.repair(&RepairOptions::new(), &ctx).is_ok();
    let _ = repository.prune(&PruneOptions::new().min_live_share(1.0), &ctx);
    compare(repository, &Damaged::first());
    if let Ok(report) = repository.backup(Source::entries(entries()), &BackupOptions::new(), &ctx) {
        let found = read(repository, &report.snapshot.unwrap_or_default());
        // What was there already may be damaged, until somebody has looked at all of it.
        assert!(found.is_some() || !repaired, "what was reported as made does not restore");
        assert!(found.is_none_or(|bytes| bytes == long()), "what comes back is not what went in");
    }
}

fn compare(repository: &Repository, snapshot: &SnapshotId) {
    if let Some(bytes) = read(repository, snapshot) {
        assert!(bytes == long(), "what comes back is not what went in");
    }
}

fn read(repository: &Repository, snapshot: &SnapshotId) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    repository.open_file(snapshot, "folder/long").ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn long() -> Vec<u8> {
    (0..20_000_u32).flat_map(u32::to_le_bytes).collect()
}

fn entries() -> Vec<AppEntry> {
    let path = |text: &str| EntryPath::parse(text).unwrap_or_else(|_| EntryPath::root());
    vec![
        AppEntry::directory(path("folder")),
        AppEntry::bytes(path("folder/long"), long()),
        AppEntry::bytes(path("short"), "text"),
        AppEntry::symlink(path("link"), "short"),
    ]
}

/// Objects that somebody changes.
pub(super) struct Damaged(Vec<(ObjectName, Vec<u8>)>);

/// The repository that nobody has changed.
#[derive(Default)]
struct Sound {
    objects: Vec<(ObjectName, Vec<u8>)>,
    snapshot: SnapshotId,
}

impl Damaged {
    /// Made once; every run takes a copy.
    pub(super) fn sound() -> Self {
        Damaged(Damaged::made().objects.clone())
    }

    /// Its only snapshot.
    fn first() -> SnapshotId {
        Damaged::made().snapshot
    }

    fn made() -> &'static Sound {
        static SOUND: OnceLock<Sound> = OnceLock::new();
        SOUND.get_or_init(|| Damaged::make().unwrap_or_default())
    }

    fn secret() -> Secret {
        Secret::account_key([7; 32])
    }

    fn make() -> crate::Result<Sound> {
        let backend = MemoryBackend::new();
        let sizes = CreateOptions::new().chunk_sizes(ChunkSizes::new(1024, 2048, 4096)).segment_size(64 << 10);
        let repository = Repository::create(backend.clone(), &Damaged::secret(), &sizes.pack_size(1 << 20))?;
        let report = repository.backup(Source::entries(entries()), &BackupOptions::new().host("host"), &context())?;
        let snapshot = *report.snapshot()?;
        repository.tag(&snapshot, &["tag"], &[])?;
        let mut objects = Vec::new();
        for folder in Folder::ALL {
            let mut names = Vec::new();
            backend.list(folder, &mut |info| {
                names.push(info);
                Ok(())
            })?;
            for info in names {
                objects.push((info.name.clone(), backend.read(&info.name, 0..info.length)?));
            }
        }
        objects.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Sound { objects, snapshot })
    }

    fn change(&mut self, which: u8, how: u8, at: usize, value: u8) {
        let count = self.0.len();
        let Some(position) = usize::from(which).checked_rem(count) else { return };
        let other = usize::from(value).checked_rem(count).and_then(|other| self.0.get(other)).cloned();
        let Some((_, bytes)) = self.0.get_mut(position) else { return };
        match how % 6 {
            0 => {
                if let Some(byte) = at.checked_rem(bytes.len()).and_then(|at| bytes.get_mut(at)) {
                    *byte ^= value.max(1);
                }
            }
            1 => bytes.truncate(at),
            2 => bytes.extend(std::iter::repeat_n(value, at)),
            3 => drop(self.0.remove(position)),
            // Another object under this name.
            4 => *bytes = other.map(|(_, bytes)| bytes).unwrap_or_default(),
            // From the end, where trailers are.
            _ => {
                let at = bytes.len().checked_sub(at % 256 + 1);
                if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
                    *byte = value;
                }
            }
        }
    }

    fn backend(&self) -> MemoryBackend {
        let backend = MemoryBackend::new();
        for (name, bytes) in &self.0 {
            assert!(backend.put(name, &[bytes]).is_ok(), "memory takes it");
        }
        backend
    }

    pub(super) fn open(&self) -> Option<Repository> {
        Repository::open(self.backend(), &Damaged::secret()).ok()
    }
}
