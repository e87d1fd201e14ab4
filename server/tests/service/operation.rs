//! What operators see: health, metrics, logs, the admin command, stopping, and the OpenAPI document.

use crate::support::{PASSWORD, World, on_each_database};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use strongroom::Context;
use strongroom::account::transport::{HttpOptions, HttpTransport, Method};
use strongroom::account::{AccountClient, Password};
use strongroom_server::{Config, Service, admin, openapi};

#[test]
fn the_service_says_what_it_is_and_whether_it_can_work() {
    on_each_database(|world| {
        let info = world.client().service_info(&world.ctx).unwrap();
        assert_eq!((info.name.as_str(), info.versions.as_slice()), ("Strongroom", &[1][..]));
        assert_eq!((info.stretching.memory_kib, info.stretching.passes), (19 * 1024, 2));
        for path in ["/v1/health", "/v1/ready"] {
            let answer = world.raw(Method::Get, path, &[], b"");
            assert_eq!((answer.status, answer.body.as_slice()), (200, &b"{}"[..]));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
        let unknown = world.raw(Method::Get, "/v2/service", &[], b"");
        assert_eq!((unknown.status, unknown.kind().as_str()), (404, "not_found"));
        let method = world.raw(Method::Delete, "/v1/service", &[], b"");
        assert_eq!((method.status, method.kind().as_str()), (405, "invalid_argument"));
    });
}

#[test]
fn too_many_requests_are_asked_to_wait() {
    let world = World::new(None, |config| config.limits.anonymous_per_minute = 5);
    let headers = || [("Idempotency-Key", strongroom::account::wire::IdempotencyKey::random().unwrap().to_string())];
    let ask = || world.raw(Method::Post, "/v1/recovery/start", &headers(), br#"{"email":"kim@example.org"}"#);
    for _ in 0..5 {
        assert_eq!(ask().status, 200);
    }
    let refused = ask();
    assert_eq!((refused.status, refused.kind().as_str()), (429, "unavailable"));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert!(refused.json()["retry_after_ms"].as_u64().unwrap() > 0);
}

#[test]
fn what_is_personal_is_gone_when_a_registration_was_not_confirmed() {
    let mut world = World::new(None, |_| {});
    world.client().register(World::registrant("kim@example.org"), Password::new(PASSWORD), &world.ctx).unwrap();
    world.inbox.code("kim@example.org");
    world.clock.shift(16 * 60 * 1000);
    world.restart();
    crate::support::eventually("the sweep", || {
        let counted = sqlite(&world, "SELECT (SELECT COUNT(*) FROM registrations) + (SELECT COUNT(*) FROM outbox)");
        (counted == 0).then_some(())
    });
    // Neither address nor name was ever written in the clear.
    for name in ["db.sqlite", "db.sqlite-wal"] {
        let bytes = std::fs::read(world.folder.path().join(name)).unwrap_or_default();
        for word in ["kim@example.org", "Example"] {
            assert!(!bytes.windows(word.len()).any(|found| found == word.as_bytes()), "{word} is in {name}");
        }
    }
}

fn sqlite(world: &World, query: &'static str) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sqlx::{Connection, Row};
        let url = format!("sqlite:{}", world.folder.path().join("db.sqlite").display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(query).fetch_one(&mut connection).await.unwrap().get(0)
    })
}

#[test]
fn metrics_count_and_name_nobody() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let address = world.running.as_ref().unwrap().metrics_address().unwrap();
        let mut text = String::new();
        ureq::get(&format!("http://{address}/metrics"))
            .call()
            .unwrap()
            .body_mut()
            .as_reader()
            .read_to_string(&mut text)
            .unwrap();
        for line in ["strongroom_accounts_made_total 1", "strongroom_sign_ins_total 1"] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(
            text.contains("strongroom_requests_total{method=\"POST\",route=\"/v1/sign-in/start\",status=\"200\"} 1"),
            "{text}"
        );
        for word in ["kim", &kim.id.to_string()] {
            assert!(!text.contains(word), "{word} is in the metrics");
        }
        assert_eq!(world.raw(Method::Get, "/metrics", &[], b"").status, 404, "on the public listener");
    });
}

/// The command as a process of its own.
struct Process {
    child: Child,
    url: String,
    log: std::thread::JoinHandle<String>,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let file = folder.join("strongroom-server.toml");
        let mut child = Command::new(env!("CARGO_BIN_EXE_strongroom-server"))
            .arg("--config")
            .arg(&file)
            .arg("serve")
            .env("STRONGROOM_LOG", "trace")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let mut errors = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        Process { child, url: url.trim().to_owned(), log }
    }

    fn signal(&mut self, signal: &str) -> String {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
        self.child.wait().unwrap();
        let empty = std::thread::spawn(String::new);
        std::mem::replace(&mut self.log, empty).join().unwrap()
    }
}

fn configuration(folder: &Path, more: &str) -> PathBuf {
    let file = folder.join("strongroom-server.toml");
    let text = format!(
        "[service]\nkey_file = \"{0}/service.key\"\n[listen]\naddress = \"127.0.0.1:0\"\n{more}\n[database]\nurl = \"sqlite:{0}/db.sqlite\"\n\
         [storage]\nfolder = \"{0}/objects\"\n[stretching]\nmemory_kib = 19456\npasses = 2\nlanes = 1\n\
         [[plans]]\nid = \"free\"\nname = \"Free\"\ncategory = \"personal\"\nquota_bytes = 1000000\n",
        folder.display()
    );
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn the_command_serves_logs_without_personal_data_and_loses_nothing_when_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(folder.path(), "");
    let ctx = Context::new();
    let mut process = Process::start(folder.path());
    let client = |process: &Process| AccountClient::new(HttpTransport::new(&process.url, HttpOptions::new()).unwrap());
    let pending =
        client(&process).register(World::registrant("kim@example.org"), Password::new(PASSWORD), &ctx).unwrap();
    // Without a mail server, codes are to be had from the outbox.
    let outbox = admin::run(Config::load(&file).unwrap(), &["outbox".to_owned()]).unwrap();
    let code =
        outbox.lines().find_map(|line| line.strip_prefix("Subject: Your code for Strongroom: ")).unwrap().to_owned();
    let id = client(&process).confirm(pending.registration_id, &code, &ctx).unwrap();
    let first = process.signal("-KILL");
    process = Process::start(folder.path());
    client(&process).sign_in("kim@example.org", Password::new(PASSWORD), None, &ctx).unwrap();
    client(&process).sign_in("kim@example.org", Password::new("wrong password"), None, &ctx).unwrap_err();
    let second = process.signal("-TERM");
    assert!(second.contains("the service stops"), "{second}");
    for log in [&first, &second] {
        assert!(log.lines().count() > 3);
        for line in log.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("{line} is no JSON"));
        }
        for word in ["kim", "Kim", "Example", &code, &id.to_string(), PASSWORD, "wrong password"] {
            assert!(!log.contains(word), "{word} is in the log:\n{log}");
        }
    }
    let accounts = admin::run(Config::load(&file).unwrap(), &["accounts".to_owned()]).unwrap();
    assert!(accounts.contains(&id.to_string()) && accounts.contains("free") && !accounts.contains("kim"), "{accounts}");
    let plans = admin::run(Config::load(&file).unwrap(), &["plans".to_owned()]).unwrap();
    assert!(plans.lines().any(|line| line.starts_with("free") && line.ends_with("yes  1")), "{plans}");
    assert!(admin::run(Config::load(&file).unwrap(), &["nonsense".to_owned()]).is_err());
}

#[test]
fn everything_is_encrypted_where_there_is_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.path().join("certificate.pem"), certified.cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), certified.signing_key.serialize_pem()).unwrap();
    let more = format!("tls_certificate = \"{0}/certificate.pem\"\ntls_key = \"{0}/key.pem\"", folder.path().display());
    let running = Service::start(Config::load(&configuration(folder.path(), &more)).unwrap()).unwrap();
    assert!(running.url().starts_with("https://"));
    let options = HttpOptions::new().root_certificates(certified.cert.pem().as_bytes()).unwrap();
    let client = AccountClient::new(HttpTransport::new(&running.url(), options).unwrap());
    assert_eq!(client.service_info(&Context::new()).unwrap().name, "Strongroom");
    let stranger = AccountClient::new(HttpTransport::new(&running.url(), HttpOptions::new()).unwrap())
        .tries(1, std::time::Duration::from_secs(5));
    assert!(stranger.service_info(&Context::new()).is_err(), "a certificate that nobody vouches for");
    let plain =
        AccountClient::new(HttpTransport::new(&running.url().replace("https", "http"), HttpOptions::new()).unwrap())
            .tries(1, std::time::Duration::from_secs(5));
    assert!(plain.service_info(&Context::new()).is_err(), "plain HTTP on the same port");
    running.stop();
}

#[test]
fn the_openapi_document_is_the_one_checked_in() {
    let made = openapi::document().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/openapi.json is not current: cargo run -p strongroom-server -- openapi > docs/openapi.json"
    );
    let world = World::new(None, |_| {});
    assert_eq!(world.raw(Method::Get, "/v1/openapi.json", &[], b"").body, made.as_bytes());
    let document: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert_eq!(document["openapi"].as_str().unwrap().split('.').next(), Some("3"));
    assert!(document["paths"].as_object().unwrap().len() > 25);
}

#[test]
fn several_processes_share_one_postgresql() {
    let Some(url) = crate::postgres::database() else { return };
    let first = World::new(Some(url), |_| {});
    let mut config = first.config.clone();
    config.listen.metrics = None;
    let second = Service::start_at(config, first.clock.clone()).unwrap();
    let client = |url: &str| AccountClient::new(HttpTransport::new(url, HttpOptions::new()).unwrap());
    let (a, b) = (client(&first.running.as_ref().unwrap().url()), client(&second.url()));
    let pending = a.register(World::registrant("kim@example.org"), Password::new(PASSWORD), &first.ctx).unwrap();
    let code = first.inbox.code("kim@example.org");
    b.confirm(pending.registration_id, &code, &first.ctx).unwrap();
    for client in [&a, &b, &a] {
        client.sign_in("kim@example.org", Password::new(PASSWORD), None, &first.ctx).unwrap();
    }
    assert!(first.inbox.letters("kim@example.org").is_empty(), "a mail was sent twice");
    second.stop();
}
