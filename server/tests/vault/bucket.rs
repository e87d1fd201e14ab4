//! Objects in a bucket of an S3-compatible store: SeaweedFS, where the test step has installed it.
//!
//! `STRONGROOM_TEST_WEED` names its program. Without it these tests are left out, and `cargo xtask test buckets` runs them.

use crate::noise;
use crate::world::{World, impatient, vault};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use strongroom::account::wire::Capabilities;
use strongroom::{Backend, Context, ErrorKind, Folder, ObjectName, VaultBackend};
use tempfile::TempDir;

/// A store of one machine, that ends with the test.
struct Weed {
    programs: Vec<Child>,
    s3: u16,
    _folder: TempDir,
}

fn free_port() -> u16 {
    // SeaweedFS listens 10,000 ports further on as well.
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if port < 55_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
}

impl Weed {
    fn start() -> Self {
        let program = std::env::var_os("STRONGROOM_TEST_WEED").expect("STRONGROOM_TEST_WEED names SeaweedFS's program");
        let folder = TempDir::new().unwrap();
        let (master, volume, filer, s3) = (free_port(), free_port(), free_port(), free_port());
        let at = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path.display().to_string()
        };
        let identities = folder.path().join("s3.json");
        let text = r#"{"identities":[{"name":"service","credentials":[{"accessKey":"id","secretKey":"secret"}],
                       "actions":["Admin","Read","Write","List","Tagging"]}]}"#;
        std::fs::write(&identities, text).unwrap();
        let run = |arguments: Vec<String>| {
            let mut command = Command::new(Path::new(&program));
            command.current_dir(folder.path()).args(["-logtostderr=false", "-logdir"]).arg(folder.path());
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let own = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let programs = vec![
            run(own(format!("master -ip=127.0.0.1 -port={master} -mdir={} -peers=none", at("m")))),
            run(own(format!(
                "volume -ip=127.0.0.1 -port={volume} -master=127.0.0.1:{master} -dir={} -max=20",
                at("v")
            ))),
            run(own(format!(
                "filer -ip=127.0.0.1 -port={filer} -master=127.0.0.1:{master} -defaultStoreDir={} -s3 -s3.port={s3} -s3.config={}",
                at("f"),
                identities.display()
            ))),
        ];
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", s3)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(60), "SeaweedFS does not start");
            std::thread::sleep(Duration::from_millis(100));
        }
        let weed = Weed { programs, s3, _folder: folder };
        weed.make_bucket();
        weed
    }

    /// Through the store's own interface, as an operator would.
    fn make_bucket(&self) {
        use object_store::ObjectStoreExt;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // As the service does it, which starts only after this.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = object_store::aws::AmazonS3Builder::new()
            .with_bucket_name("vaults")
            .with_endpoint(self.endpoint())
            .with_region("us-east-1")
            .with_access_key_id("id")
            .with_secret_access_key("secret")
            .with_allow_http(true)
            .build()
            .unwrap();
        // SeaweedFS makes a bucket with its first object.
        let begin = Instant::now();
        while let Err(error) = runtime.block_on(store.put(&"made".into(), "x".into())) {
            assert!(begin.elapsed() < Duration::from_secs(60), "{error}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.s3)
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

#[test]
#[ignore = "needs SeaweedFS: cargo xtask test buckets"]
fn a_bucket_keeps_objects_of_every_length() {
    let mut weed = Weed::start();
    let mut world = World::start_with(|config| {
        config.storage.bucket = Some("vaults".to_owned());
        config.storage.endpoint = Some(weed.endpoint());
        config.storage.access_key_id = Some("id".to_owned());
        config.storage.secret_access_key = Some("secret".to_owned());
        config.storage.prefix = "service".to_owned();
    });
    let owner = world.person("large");
    let backend = || impatient(VaultBackend::new(owner.vault_access(&vault(&owner), Capabilities::ALL)));
    let whole = backend();
    // In one piece, at the bound between one piece and several, in several, and in parts of an upload.
    for length in [0, 1, 70_000, 8 << 20, (8 << 20) + 1, 20 << 20] {
        let bytes = noise(length as u64, length);
        let object = ObjectName::new(Folder::Packs, blake3::hash(&bytes).to_hex().as_str()).unwrap();
        for backend in [&whole, &backend().part_size(1 << 20)] {
            backend.put(&object, &[&bytes]).unwrap();
            assert_eq!(backend.put(&object, &[&bytes]).unwrap_err().kind(), ErrorKind::AlreadyExists, "{length}");
            assert!(backend.read(&object, 0..length as u64).unwrap() == bytes, "{length}");
            let middle = length as u64 / 2;
            let end = (middle + 100).min(length as u64);
            let range = usize::try_from(middle).unwrap()..usize::try_from(end).unwrap();
            assert!(backend.read(&object, middle..end).unwrap() == bytes[range], "{length}");
            assert_eq!(backend.stat(&object).unwrap().length, length as u64);
        }
    }
    let listed = |backend: &VaultBackend| {
        let mut names = Vec::new();
        let mut add = |info: strongroom::ObjectInfo| {
            names.push(info.name);
            Ok(())
        };
        backend.list(Folder::Packs, &mut add).unwrap();
        names
    };
    assert_eq!(listed(&whole).len(), 6);
    world.restart(Duration::from_millis(10));
    for object in listed(&whole) {
        whole.delete(&object).unwrap();
        assert_eq!(whole.read(&object, 0..1).unwrap_err().kind(), ErrorKind::NotFound);
    }
    // A store that is away is unavailable: nothing is accepted, and nothing counts.
    let before = owner.usage(&Context::new()).unwrap();
    for program in &mut weed.programs {
        program.kill().unwrap();
        program.wait().unwrap();
    }
    let error = whole.clone().tries(1).put(&"index/00".parse().unwrap(), &[b"x"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(owner.usage(&Context::new()).unwrap(), before);
    assert_eq!(whole.stat(&"index/00".parse().unwrap()).unwrap_err().kind(), ErrorKind::NotFound);
}
