//! A PostgreSQL server for the tests of this process, where Debian's packages or the path have one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

struct Cluster {
    bin: PathBuf,
    sockets: PathBuf,
}

/// The URL of a new, empty database; none where there is no PostgreSQL.
pub(crate) fn database() -> Option<String> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let cluster = CLUSTER.get_or_init(start);
    let Some(cluster) = cluster else {
        assert!(
            std::env::var_os("STRONGROOM_TEST_ALL").is_none(),
            "PostgreSQL is missing; Debian's package is postgresql"
        );
        eprintln!("skipped on PostgreSQL, which is missing");
        return None;
    };
    let name = format!("test{}", COUNT.fetch_add(1, Ordering::SeqCst));
    let made = Command::new(cluster.bin.join("createdb"))
        .args(["-h", cluster.sockets.to_str()?, "-U", "strongroom", &name])
        .status()
        .unwrap();
    assert!(made.success());
    Some(format!("postgres://strongroom@localhost/{name}?host={}", cluster.sockets.display()))
}

fn start() -> Option<Cluster> {
    let bin = binaries()?;
    remove_what_others_left();
    let folder = std::env::temp_dir().join(format!("strongroom-postgres-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let root = run("id", &["-u"]).trim() == "0";
    if root {
        // The server refuses to run as root.
        run("chown", &["nobody", folder.to_str()?]);
    }
    let data = folder.join("data");
    let as_nobody = |program: PathBuf| {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if root {
            command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]);
        }
        command.arg(program).current_dir(&folder).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let made = as_nobody(bin.join("initdb"))
        .args(["-A", "trust", "-U", "strongroom", "--no-sync", "-E", "UTF8", "--locale", "C", "-D"])
        .arg(&data)
        .status()
        .ok()?;
    assert!(made.success(), "initdb failed");
    let mut server = as_nobody(bin.join("postgres"));
    server.arg("-D").arg(&data).arg("-k").arg(&folder).args(["-h", "", "-c", "fsync=off", "-c", "max_connections=200"]);
    // The server ends with the thread that started it, so this one stays.
    std::thread::spawn(move || server.status());
    let ready = || {
        Command::new(bin.join("pg_isready"))
            .arg("-q")
            .arg("-h")
            .arg(&folder)
            .status()
            .is_ok_and(|status| status.success())
    };
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(60), "PostgreSQL did not start");
        std::thread::sleep(Duration::from_millis(100));
    }
    Some(Cluster { bin, sockets: folder })
}

/// The newest version's programs: Debian keeps them out of the path.
pub(crate) fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let newest = versions
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())))
        .max()?;
    Some(newest.1.join("bin")).filter(|bin| bin.join("initdb").exists())
}

fn remove_what_others_left() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(|name| name.strip_prefix("strongroom-postgres-")) else { continue };
        if !Path::new("/proc").join(process).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} failed");
    String::from_utf8(output.stdout).unwrap()
}
