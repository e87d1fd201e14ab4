//! The service killed at any moment, with devices that back up and people who change something: what it accepted is there, nothing
//! is there by half, and clients go on by themselves.

#[path = "../service/postgres.rs"]
mod postgres;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use strongroom::account::transport::{HttpOptions, HttpTransport};
use strongroom::account::wire::Capabilities;
use strongroom::account::{Account, AccountClient, Password, Registrant, SignInStep};
use strongroom::{
    AppEntry, Backend, BackupOptions, CheckOptions, ChunkSizes, Context, CreateOptions, EntryPath, Folder, Outcome,
    Repository, RestoreOptions, Secret, SnapshotFilter, SnapshotId, Source, VaultBackend,
};

const WRITERS: u64 = 4;
/// Snapshots of each writer.
const ROUNDS: u64 = 6;
const PASSWORD: &str = "correct horse battery";

/// The service, in a process of its own at an address that stays.
struct Server {
    folder: PathBuf,
    url: String,
    child: Option<Child>,
}

impl Server {
    fn new(folder: &Path, database: &str) -> Self {
        // Free a moment ago, and nobody else has a reason to take it.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "[service]\nkey_file = {:?}\n[listen]\naddress = \"127.0.0.1:{port}\"\n[database]\nurl = {database:?}\n\
             [storage]\nfolder = {:?}\n[limits]\nanonymous_per_minute = 1000000\naccount_per_minute = 10000000\n\
             [stretching]\nmemory_kib = 19456\npasses = 2\nlanes = 1\n\
             [[plans]]\nid = \"large\"\nname = \"Large\"\ncategory = \"personal\"\nquota_bytes = 10000000000\n",
            at("service.key"),
            at("objects"),
        );
        fs::write(folder.join("strongroom-server.toml"), config).unwrap();
        Server { folder: folder.to_owned(), url: format!("http://127.0.0.1:{port}"), child: None }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom-server"));
        command.arg("--config").arg(self.folder.join("strongroom-server.toml")).env("STRONGROOM_LOG", "off");
        command
    }

    fn start(&mut self) {
        let mut child = self.command().arg("serve").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), self.url, "the service did not start");
        self.child = Some(child);
    }

    /// Without a chance to finish anything.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn client(&self) -> AccountClient {
        let transport =
            HttpTransport::new(&self.url, HttpOptions::new().silence_timeout(Duration::from_secs(20))).unwrap();
        AccountClient::new(transport).tries(10_000, Duration::from_secs(300))
    }

    /// Somebody with a device, as that device.
    fn person(&self, number: u64) -> Account {
        let (client, ctx) = (self.client(), Context::new());
        let email = format!("person{number}@example.org");
        let (first_name, last_name) = ("Kim".to_owned(), "Example".to_owned());
        let who = Registrant { first_name, last_name, email: email.clone(), plan: "large".to_owned() };
        let pending = client.register(who, Password::new(PASSWORD), &ctx).unwrap();
        let outbox = self.command().args(["admin", "outbox"]).output().unwrap();
        let outbox = String::from_utf8(outbox.stdout).unwrap();
        let mail = outbox.split("To: ").find(|mail| mail.contains(&email)).unwrap();
        let digits = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
        let code = mail.split(|c: char| !c.is_alphanumeric()).find(digits).unwrap();
        client.confirm(pending.registration_id, code, &ctx).unwrap();
        let SignInStep::SignedIn(session) = client.sign_in(&email, Password::new(PASSWORD), None, &ctx).unwrap() else {
            panic!("nobody asked for a second factor")
        };
        let key = strongroom::DeviceKey::generate().unwrap();
        session.add_device(&key.request("laptop").unwrap(), Capabilities::ALL, true, &ctx).unwrap();
        client.device(session.id(), key, Capabilities::ALL).open_master_key(&ctx).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Pseudo-random bytes that are the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// What a writer backs up in a round.
fn files(writer: u64, round: u64) -> BTreeMap<String, Vec<u8>> {
    let kept = (0..3).map(|number| (format!("kept{number}"), noise(writer * 1000 + number, 300_000)));
    let new = (0..3).map(|number| (format!("new{number}"), noise(writer * 1000 + 100 * (round + 1) + number, 300_000)));
    kept.chain(new).collect()
}

/// A writer's repository and the snapshots that were reported complete.
struct Writer {
    account: Account,
    backend: VaultBackend,
    key: [u8; 32],
    snapshots: Vec<SnapshotId>,
}

impl Writer {
    fn new(server: &Server, number: u64) -> Self {
        let account = server.person(number);
        let vault = account.create_vault("photos", None, &Context::new()).unwrap().vault_id;
        let backend = VaultBackend::new(account.vault_access(&vault, Capabilities::ALL))
            .longest_wait(Duration::from_millis(50))
            .tries(10_000)
            .within(Duration::from_secs(300))
            .part_size(256 << 10);
        let key = *account.vault_key(&vault).unwrap();
        Writer { account, backend, key, snapshots: Vec::new() }
    }

    fn work(&mut self, number: u64) {
        let options = CreateOptions::new()
            .chunk_sizes(ChunkSizes::new(4 << 10, 16 << 10, 64 << 10))
            .segment_size(128 << 10)
            .pack_size(1 << 20);
        let repository = Repository::create(self.backend.clone(), &Secret::account_key(self.key), &options).unwrap();
        for round in 0..ROUNDS {
            let entries = files(number, round)
                .into_iter()
                .map(|(name, bytes)| AppEntry::bytes(EntryPath::parse(name).unwrap(), bytes));
            let report = repository.backup(Source::entries(entries), &BackupOptions::new(), &Context::new()).unwrap();
            assert_eq!(report.outcome, Outcome::Complete, "{report:?}");
            self.snapshots.push(report.snapshot.unwrap());
        }
    }

    /// Every snapshot that was reported complete is there, whole, and the service counts what it has.
    fn verify(&self, number: u64) {
        let repository = Repository::open(self.backend.clone(), &Secret::account_key(self.key)).unwrap();
        let checked = repository.check(&CheckOptions::new().read_data(100.0), &Context::new()).unwrap();
        assert_eq!(checked.problem_count, 0, "{:?}", checked.problems);
        let listed = repository.snapshots(&SnapshotFilter::all()).unwrap().map(|snapshot| snapshot.unwrap().id);
        let listed: Vec<_> = listed.collect();
        for (snapshot, round) in self.snapshots.iter().zip(0..) {
            assert!(listed.contains(snapshot));
            let target = tempfile::tempdir().unwrap();
            repository.restore(snapshot, &RestoreOptions::to(target.path()), &Context::new()).unwrap();
            for (name, bytes) in files(number, round) {
                assert!(fs::read(target.path().join(&name)).unwrap() == bytes, "{name} of round {round}");
            }
        }
        let (mut bytes, mut objects) = (0, 0);
        for folder in Folder::ALL {
            let mut found = |object: strongroom::ObjectInfo| {
                bytes += object.length;
                objects += 1;
                Ok(())
            };
            self.backend.list(folder, &mut found).unwrap();
        }
        let usage = self.account.usage(&Context::new()).unwrap();
        assert_eq!((usage.bytes, usage.objects), (bytes, objects));
    }
}

/// Kills the service, and does `also` to what is around it, until everybody is done. How often it was killed.
fn killed_under_load(database: &str, folder: &Path, also: impl Fn(u64)) -> u64 {
    let mut server = Server::new(folder, database);
    server.start();
    let mut writers: Vec<_> = (0..WRITERS).map(|number| Writer::new(&server, number)).collect();
    let person = server.person(WRITERS);
    let busy = AtomicBool::new(true);
    let kills = thread::scope(|scope| {
        let working: Vec<_> =
            writers.iter_mut().zip(0..).map(|(writer, number)| scope.spawn(move || writer.work(number))).collect();
        let changes = scope.spawn(|| {
            let mut count = 0;
            while busy.load(Ordering::Relaxed) {
                let name = format!("Kim {count}");
                person.update_profile(Some(&name), None, &Context::new()).unwrap();
                assert_eq!(person.profile(&Context::new()).unwrap().first_name, name);
                count += 1;
            }
            count
        });
        let (mut kills, began) = (0, Instant::now());
        while !working.iter().all(thread::ScopedJoinHandle::is_finished) {
            assert!(began.elapsed() < Duration::from_secs(240), "nobody gets anywhere");
            // At least so long that a request can get through; else at any moment.
            let wait = 150 + u64::from(noise(kills, 1)[0]) * 3;
            thread::sleep(Duration::from_millis(wait));
            also(kills);
            server.kill();
            server.start();
            kills += 1;
        }
        busy.store(false, Ordering::Relaxed);
        for writer in working {
            writer.join().unwrap();
        }
        assert!(changes.join().unwrap() > 3);
        kills
    });
    for (writer, number) in writers.iter().zip(0..) {
        assert_eq!(writer.snapshots.len() as u64, ROUNDS);
        writer.verify(number);
    }
    kills
}

fn scratch() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("strongroom-").tempdir_in("/dev/shm");
    folder.or_else(|_| tempfile::TempDir::new()).unwrap()
}

#[test]
fn what_was_accepted_survives_kills_on_sqlite() {
    let folder = scratch();
    let database = format!("sqlite:{}", folder.path().join("accounts.sqlite").display());
    let kills = killed_under_load(&database, folder.path(), |_| {});
    println!("killed {kills} times on SQLite");
    assert!(kills > 5);
}

#[test]
fn what_was_accepted_survives_kills_and_cut_connections_on_postgresql() {
    let Some(database) = postgres::database() else { return };
    let folder = scratch();
    let psql = postgres::binaries().unwrap().join("psql");
    // As when the database is restarted: whatever was under way there is rolled back, and every connection is gone.
    let cut = |turn: u64| {
        if turn.is_multiple_of(2) {
            let statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
            let cut = Command::new(&psql).args([&database, "-qAtc", statement]).stdout(Stdio::null()).status().unwrap();
            assert!(cut.success());
            thread::sleep(Duration::from_millis(200));
        }
    };
    let kills = killed_under_load(&database, folder.path(), cut);
    println!("killed {kills} times on PostgreSQL");
    assert!(kills > 5);
}
