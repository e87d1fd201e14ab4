//! All other steps.

use super::values::{content, escape, path, text, texts, unhex};
use super::{Place, Played, World, expect};
use crate::support::{Dictionary, Writer, cheap};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use strongroom_bindings::options::{
    CheckOptions, CopyOptions, Cost, ForgetOptions, NewKey, OpenOptions, Pattern, PruneOptions, ReencryptOptions,
    RepairOptions, RestoreOptions, RetentionPolicy, RevokeOptions, SnapshotFilter,
};
use strongroom_bindings::records::{Entry, Timestamp};
use strongroom_bindings::{
    Backend, DeviceKey, EntryListing, HostBackend, Overwrite, Repository, Role, Run, RunOptions, Secret,
};

impl World {
    pub(crate) fn play(&mut self, step: &Value) -> Played {
        match step["do"].as_str().unwrap_or_default() {
            "backend" => self.backend(step),
            "create" => self.create(step),
            "open" => self.open(step),
            "open_vector" => self.open_vector(step),
            "vector_holds" => self.vector_holds(step),
            "close" => {
                let repository = self.repository(step)?;
                repository.close();
                repository.close();
                Ok(Value::Null)
            }
            "info" => {
                let repository = self.repository(step)?;
                Ok(json!({"role": repository.role()?.name(), "id": repository.id()?}))
            }
            "wait" => {
                std::thread::sleep(std::time::Duration::from_millis(step["milliseconds"].as_u64().unwrap()));
                Ok(Value::Null)
            }
            "write" => self.write(step),
            "remove" => self.remove(step),
            "compare" => self.compare(step),
            "holds" => self.holds(step),
            "corrupt" => self.corrupt(step),
            "backup" => self.backup(step),
            "snapshots" => self.list_snapshots(step),
            "snapshot" => self.find_snapshot(step),
            "list" => self.list(step),
            "find" => self.find(step),
            "entry" => self.entry(step),
            "diff" => self.diff(step),
            "stats" => {
                let stats = self.repository(step)?.stats(&Run::default())?;
                Ok(json!({"raw_bytes": stats.raw_bytes, "unreadable_nodes": stats.unreadable_nodes}))
            }
            "read" => self.read(step),
            "restore" => self.restore(step),
            "export_tar" => self.export_tar(step),
            "tag" => {
                let snapshot = self.snapshot(&step["snapshot"])?;
                let tags = self.repository(step)?.tag(&snapshot, &texts(&step["add"]), &texts(&step["remove"]))?;
                expect("the tags", tags, texts(&step["tags"]))
            }
            "hold" => {
                let now = Timestamp::from(strongroom::Timestamp::from(std::time::SystemTime::now()));
                let until = Timestamp { seconds: now.seconds + 86_400, nanos: 0 };
                let held = self.repository(step)?.hold(&self.snapshot(&step["snapshot"])?, until)?;
                expect("the hold", held, until)
            }
            "release" => {
                self.repository(step)?.release(&self.snapshot(&step["snapshot"])?)?;
                Ok(Value::Null)
            }
            "forget" => self.forget(step),
            "prune" => {
                let report = self.repository(step)?.prune(&PruneOptions::default(), &Run::default())?;
                Ok(json!({"outcome": report.outcome.name()}))
            }
            "rebuild_index" => {
                self.repository(step)?.rebuild_index(&Run::default())?;
                Ok(Value::Null)
            }
            "check" => self.check(step),
            "repair" => self.repair(step),
            "copy" => self.copy(step),
            "keys" => {
                let keys = self.repository(step)?.keys()?;
                let mut methods: Vec<_> = keys.iter().map(|key| key.method.name().to_owned()).collect();
                methods.sort();
                expect("the methods", methods, texts(&step["methods"]))
            }
            "add_key" => {
                let secret = self.secret(&step["secret"])?;
                let role = Role::from_name(step["role"].as_str().unwrap()).unwrap();
                let key = NewKey { secret, role, label: text(&step["label"]), cost: Some(Cost::FLOOR) };
                self.repository(step)?.add_key(&key)?;
                Ok(Value::Null)
            }
            "add_recovery_code" => {
                let role = Role::from_name(step["role"].as_str().unwrap()).unwrap();
                let added = self.repository(step)?.add_recovery_code(role, "on paper")?;
                self.codes.insert(text(&step["as"]), added.code.to_string());
                Ok(Value::Null)
            }
            "remove_key" => {
                let repository = self.repository(step)?;
                let keys = repository.keys()?;
                let key = keys.iter().find(|key| Some(key.label.as_str()) == step["label"].as_str()).unwrap();
                repository.remove_key(&key.id, &RevokeOptions::default(), &Run::default())?;
                Ok(Value::Null)
            }
            "change_passphrase" => {
                let new = Secret::passphrase(text(&step["passphrase"]).into_bytes());
                self.repository(step)?.change_passphrase(&new, Some(Cost::FLOOR))?;
                Ok(Value::Null)
            }
            "device_key" => {
                let key = DeviceKey::generate()?;
                self.devices.insert(text(&step["as"]), DeviceKey::import(&key.export())?);
                Ok(Value::Null)
            }
            "add_device" => {
                let key = self.named(&self.devices, &step["device"])?;
                let role = Role::from_name(step["role"].as_str().unwrap()).unwrap();
                let request = key.request(step["name"].as_str().unwrap())?;
                let id = self.repository(step)?.add_device(&request, role)?;
                expect("the device's id", id, key.id())
            }
            "revoke_device" => {
                let id = self.named(&self.devices, &step["device"])?.id();
                self.repository(step)?.revoke_device(&id, &RevokeOptions::default(), &Run::default())?;
                Ok(Value::Null)
            }
            "devices" => {
                let devices = self.repository(step)?.devices()?;
                let kept = devices.into_iter().filter(|device| device.has_key && device.revoked.is_none());
                let mut names: Vec<_> = kept.map(|device| device.name).collect();
                names.sort();
                expect("the devices", names, texts(&step["names"]))
            }
            "rotate" => Ok(json!({"epoch": self.repository(step)?.rotate(&Run::default())?.epoch})),
            "reencrypt" => {
                let report = self.repository(step)?.reencrypt(&ReencryptOptions::default(), &Run::default())?;
                Ok(json!({"outcome": report.outcome.name(), "epoch": report.epoch}))
            }
            "epoch" => expect("the epoch", json!(self.repository(step)?.epoch()?), step["is"].clone()),
            "add_parity" => {
                let percent = step["percent"].as_u64().unwrap() as u8;
                let report = self.repository(step)?.add_parity(percent, &Run::default())?;
                Ok(json!({"outcome": report.outcome.name()}))
            }
            other => Err(format!("no step is called {other:?}").into()),
        }
    }

    fn backend(&mut self, step: &Value) -> Played {
        let name = text(&step["as"]);
        let made = match step["kind"].as_str().unwrap() {
            "local" => {
                let new = || self.folder.path().join(format!("storage of {name}"));
                let folder = step["folder"].as_str().map_or_else(new, |folder| self.scenarios.join(folder));
                (Backend::local(folder.as_os_str().as_bytes(), false)?, Place::Folder(folder))
            }
            "memory" => (Backend::memory(), Place::Memory),
            "host" => {
                let dictionary = Arc::new(Dictionary::default());
                let host = Arc::clone(&dictionary) as Arc<dyn HostBackend>;
                (Backend::host(host), Place::Dictionary(dictionary))
            }
            other => return Err(format!("no backend is a {other}").into()),
        };
        self.backends.insert(name, made);
        Ok(Value::Null)
    }

    fn secret(&self, secret: &Value) -> Played<Secret> {
        if let Some(passphrase) = secret["passphrase"].as_str() {
            return Ok(Secret::passphrase(passphrase.as_bytes().to_vec()));
        }
        if let Some(code) = secret["recovery_code"].as_str() {
            return Ok(Secret::recovery_code(code)?);
        }
        if let Some(key) = secret["account_key"].as_str() {
            return Ok(Secret::account_key(&unhex(key))?);
        }
        if secret["code"].is_string() {
            return Ok(Secret::recovery_code(self.named(&self.codes, &secret["code"])?)?);
        }
        Ok(Secret::device(self.named(&self.devices, &secret["device"])?))
    }

    fn create(&mut self, step: &Value) -> Played {
        let mut options = cheap();
        options.parity = step["options"]["parity"].as_u64().map(|percent| percent as u8);
        options.pack_size = step["options"]["pack_size"].as_u64().map(|bytes| bytes as u32);
        let (backend, _) = self.named(&self.backends, &step["backend"])?;
        let repository = Repository::create(backend, &self.secret(&step["secret"])?, &options, None)?;
        self.repositories.insert(text(&step["as"]), repository);
        Ok(Value::Null)
    }

    fn open(&mut self, step: &Value) -> Played {
        let mut secret = self.secret(&step["secret"])?;
        if step["owner_of"].is_string() {
            let owner = self.named(&self.repositories, &step["owner_of"])?.owner_key()?;
            secret = secret.expect_owner(&owner)?;
        }
        let (backend, _) = self.named(&self.backends, &step["backend"])?;
        let repository = Repository::open(backend, &secret, &OpenOptions::default(), None)?;
        self.repositories.insert(text(&step["as"]), repository);
        Ok(Value::Null)
    }

    fn vector(&self, step: &Value) -> (std::path::PathBuf, Value) {
        let vector = self.root.join("docs/vectors/repositories").join(step["vector"].as_str().unwrap());
        let expected = serde_json::from_slice(&fs::read(vector.join("expected.json")).unwrap()).unwrap();
        (vector, expected)
    }

    fn open_vector(&mut self, step: &Value) -> Played {
        let (vector, expected) = self.vector(step);
        let name = text(&step["as"]);
        let folder = self.folder.path().join(format!("vector {name}"));
        copy(&vector.join("repository"), &folder);
        let secret = &expected["secrets"][step["secret"].as_u64().unwrap() as usize];
        let value = secret["value"].as_str().unwrap();
        let opens = match secret["method"].as_str().unwrap() {
            "passphrase" => Secret::passphrase(value.as_bytes().to_vec()),
            "recovery_code" => Secret::recovery_code(value)?,
            "account_key" => Secret::account_key(&unhex(value))?,
            _ => Secret::device(&DeviceKey::import(&unhex(value))?),
        };
        let backend = Backend::local(folder.as_os_str().as_bytes(), false)?;
        let repository = Repository::open(&backend, &opens, &OpenOptions::default(), None)?;
        expect("the role", json!(repository.role()?.name()), secret["role"].clone())?;
        self.backends.insert(name.clone(), (backend, Place::Folder(folder)));
        self.repositories.insert(name, repository);
        Ok(Value::Null)
    }

    fn vector_holds(&self, step: &Value) -> Played {
        let (repository, (_, expected)) = (self.repository(step)?, self.vector(step));
        for snapshot in expected["snapshots"].as_array().unwrap() {
            let id = snapshot["id"].as_str().unwrap();
            for entry in snapshot["entries"].as_array().unwrap() {
                let found = repository.entry(id, &path(&entry["path"]))?;
                let size = entry["size"].as_u64().unwrap_or(0);
                expect("the size", found.size, size)?;
                expect("the kind", json!(found.kind.name()), entry["kind"].clone())?;
                expect("the mode", json!(found.mode), entry["mode"].clone())?;
                let target = entry["target"].is_string().then(|| path(&entry["target"]));
                expect("the target", found.target, target)?;
                if let Some(data) = entry["data"].as_str()
                    && entry["holes"].as_array().is_none_or(Vec::is_empty)
                {
                    let file = repository.open_file(id, &path(&entry["path"]))?;
                    expect("the bytes", escape(&file.read_range(0, size)?), data.to_owned())?;
                }
            }
        }
        Ok(Value::Null)
    }

    fn name_of(&self, id: &str) -> String {
        let found = self.snapshots.iter().find(|(_, known)| known.as_str() == id);
        found.map_or_else(|| id.to_owned(), |(name, _)| name.clone())
    }

    fn filter(step: &Value) -> SnapshotFilter {
        let filter = &step["filter"];
        let tags = filter["tag"].as_str().map(str::to_owned).into_iter().collect();
        SnapshotFilter { tags, host: filter["host"].as_str().map(str::to_owned), ..SnapshotFilter::default() }
    }

    fn list_snapshots(&self, step: &Value) -> Played {
        let listing = self.repository(step)?.snapshots(&Self::filter(step))?;
        expect("what cannot be read", listing.rejected.len(), 0)?;
        if let Some(many) = step["are_many"].as_u64() {
            return expect("the snapshots", listing.snapshots.len() as u64, many);
        }
        let found: Vec<_> = listing.snapshots.iter().map(|snapshot| self.name_of(&snapshot.id)).collect();
        expect("the snapshots", found, texts(&step["are"]))
    }

    fn find_snapshot(&mut self, step: &Value) -> Played {
        let spec = match step["first_digits"].as_u64() {
            Some(digits) => self.snapshot(&step["spec"])?[..digits as usize].to_owned(),
            None => text(&step["spec"]),
        };
        let found = self.repository(step)?.snapshot(&spec, &SnapshotFilter::default())?;
        if step["as"].is_string() {
            self.snapshots.insert(text(&step["as"]), found.id);
            return Ok(Value::Null);
        }
        expect("the snapshot", self.name_of(&found.id), text(&step["is"]))
    }

    fn paths(listing: &EntryListing, step: &Value) -> Played {
        let mut found = Vec::new();
        loop {
            let batch = listing.next(2)?;
            if batch.is_empty() {
                break;
            }
            found.extend(batch.iter().map(|entry| escape(&entry.path)));
        }
        listing.close();
        expect("the paths", found, texts(&step["paths"]))
    }

    fn list(&self, step: &Value) -> Played {
        let snapshot = self.snapshot(&step["snapshot"])?;
        let recursive = step["recursive"].as_bool().unwrap_or(false);
        Self::paths(&self.repository(step)?.list(&snapshot, &path(&step["path"]), recursive)?, step)
    }

    fn find(&self, step: &Value) -> Played {
        let any_case = step["any_case"].as_bool().unwrap_or(false);
        let pattern = Pattern { glob: text(&step["glob"]), any_case };
        Self::paths(&self.repository(step)?.find(&self.snapshot(&step["snapshot"])?, &pattern)?, step)
    }

    fn entry(&self, step: &Value) -> Played {
        let Entry { kind, size, mode, target, modified, .. } =
            self.repository(step)?.entry(&self.snapshot(&step["snapshot"])?, &path(&step["path"]))?;
        Ok(json!({
            "kind": kind.name(), "size": size, "mode": mode, "target": target.map(|target| escape(&target)),
            "modified": modified.seconds,
        }))
    }

    fn diff(&self, step: &Value) -> Played {
        let (before, after) = (self.snapshot(&step["before"])?, self.snapshot(&step["after"])?);
        let listing = self.repository(step)?.diff(&before, &after, RunOptions::default())?;
        let mut found = Vec::new();
        loop {
            let batch = listing.next(2)?;
            if batch.is_empty() {
                break;
            }
            found.extend(batch.iter().map(|one| json!([one.change.name(), escape(&one.path)])));
        }
        expect("the changes", Value::from(found), step["changes"].clone())
    }

    fn read(&self, step: &Value) -> Played {
        let file = self.repository(step)?.open_file(&self.snapshot(&step["snapshot"])?, &path(&step["path"]))?;
        let wanted = content(&step["content"]);
        if let Some(length) = step["length_is"].as_u64() {
            expect("the length", file.length(), length)?;
        }
        if let Some(offset) = step["offset"].as_u64() {
            let range = file.read_range(offset, step["length"].as_u64().unwrap())?;
            return expect("the range", escape(&range), escape(&wanted));
        }
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 70_001]);
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            bytes.extend_from_slice(&buffer[..count]);
        }
        file.close();
        if bytes == wanted { Ok(Value::Null) } else { Err("the bytes are others".to_owned().into()) }
    }

    fn restore(&self, step: &Value) -> Played {
        let options = &step["options"];
        let target = self.place(&step["target"], b"");
        let mut restore = RestoreOptions::to(target.as_os_str().as_bytes());
        restore.path = path(&options["path"]);
        restore.include = texts(&options["include"]);
        restore.exclude = texts(&options["exclude"]);
        restore.dry_run = options["dry_run"].as_bool().unwrap_or(false);
        if let Some(overwrite) = options["overwrite"].as_str() {
            restore.overwrite = Overwrite::from_name(overwrite).unwrap();
        }
        let report = self.repository(step)?.restore(&self.snapshot(&step["snapshot"])?, &restore, &Run::default())?;
        Ok(json!({
            "outcome": report.outcome.name(), "entries": report.entries, "files": report.files,
            "symlinks": report.symlinks, "bytes": report.bytes, "problem_count": report.problem_count,
        }))
    }

    fn export_tar(&mut self, step: &Value) -> Played {
        let mut out = Writer::default();
        let snapshot = self.snapshot(&step["snapshot"])?;
        self.repository(step)?.export_tar(&snapshot, b"", &mut out, &Run::default())?;
        expect("a whole number of blocks", out.0.len() % 512, 0)?;
        expect("enough bytes", out.0.len() as u64 >= step["at_least"].as_u64().unwrap_or(0), true)?;
        self.streams.insert(text(&step["as"]), out.0);
        Ok(Value::Null)
    }

    fn forget(&self, step: &Value) -> Played {
        let policy = step["policy"].as_object().map(|policy| RetentionPolicy {
            last: policy.get("last").and_then(Value::as_u64).unwrap_or(0) as u32,
            tags: texts(policy.get("tags").unwrap_or(&Value::Null)),
            ..RetentionPolicy::default()
        });
        let named = step["snapshots"].as_array().into_iter().flatten();
        let snapshots = named.map(|name| self.snapshot(name)).collect::<Played<Vec<_>>>()?;
        let dry_run = step["dry_run"].as_bool().unwrap_or(false);
        let options = ForgetOptions { policy, snapshots, dry_run, ..ForgetOptions::default() };
        let report = self.repository(step)?.forget(&options, &Run::default())?;
        Ok(json!({"kept": report.kept, "removed": report.removed, "dry_run": report.dry_run}))
    }

    fn check(&self, step: &Value) -> Played {
        let options = CheckOptions { read_data: step["read_data"].as_f64(), ..CheckOptions::default() };
        let report = self.repository(step)?.check(&options, &Run::default())?;
        let found: Vec<_> = report.problems.iter().map(|problem| problem.kind.name().to_owned()).collect();
        expect(&format!("soundness with {found:?}"), json!(report.is_sound()), step["sound"].clone())?;
        let lacking: Vec<_> = texts(&step["kinds"]).into_iter().filter(|kind| !found.contains(kind)).collect();
        expect("the kinds that are not found", lacking, Vec::new())
    }

    fn repair(&mut self, step: &Value) -> Played {
        let report = self.repository(step)?.repair(&RepairOptions::default(), &Run::default())?;
        expect("soundness", json!(report.was_sound()), step["sound"].clone())?;
        if let Some(name) = step["salvaged"].as_str() {
            let made = report.salvaged.iter().find_map(|one| one.salvaged.clone());
            let made = made.ok_or_else(|| "nothing was salvaged".to_owned())?;
            self.snapshots.insert(name.to_owned(), made);
        }
        Ok(Value::Null)
    }

    fn copy(&self, step: &Value) -> Played {
        let names = step["to"].as_array().unwrap();
        let to: Vec<_> = names.iter().map(|name| self.named(&self.repositories, name)).collect::<Played<_>>()?;
        let report = self.repository(step)?.copy_to(&to, &CopyOptions::default(), &Run::default())?;
        let first = &report.destinations[0];
        expect("copied", json!(first.copied.len()), step["copied"].clone())?;
        expect("present", json!(first.present), step["present"].clone())?;
        Ok(json!({"outcome": report.outcome.name(), "snapshots": report.snapshots}))
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}
