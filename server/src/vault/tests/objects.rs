//! Objects that come in one request.

use super::*;
use crate::vault::receive::Announced;
use strongroom::ErrorKind;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_there_with_its_bytes_and_hash_and_usage_is_exact() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 0).await;
    let mut total = 0;
    for length in [0, 1, 9_999, 10_000, 700_000, 3_000_000] {
        let bytes = noise(length as u64, length);
        process.put(&vault, &pack(&bytes), &bytes).await.unwrap();
        assert!(process.read(&vault, &pack(&bytes)).await == bytes, "{length}");
        let object = process.object(&vault, &pack(&bytes)).await.unwrap();
        assert_eq!((object.length, object.hash), (length as u64, blake3::hash(&bytes).to_hex().to_string()));
        total += length as u64;
    }
    let totals = process.totals(vault.account).await;
    assert_eq!((totals.bytes, totals.objects, totals.reserved), (total, 6, 0));
    let now = process.vaults.catalogue().vault(vault.account, vault.id).await.unwrap();
    assert_eq!((now.bytes, now.objects), (total, 6));
    assert_eq!((process.staged(), process.vaults.store().places().await.len()), (0, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_announced_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 0).await;
    let bytes = noise(1, 50_000);
    let longer = Announced { length: 50_001, ..announced(&bytes) };
    let shorter = Announced { length: 49_999, ..announced(&bytes) };
    let other = Announced { hash: [7; 32], ..announced(&bytes) };
    let wrong = pack(b"other bytes");
    for (object, announced, kind) in [
        ("index/aa", longer, ErrorKind::InvalidArgument),
        ("index/aa", shorter, ErrorKind::InvalidArgument),
        ("index/aa", other, ErrorKind::PermissionDenied),
        (wrong.as_str(), announced(&bytes), ErrorKind::Corrupt),
        ("packs/aa", announced(&bytes), ErrorKind::Corrupt),
    ] {
        let problem = process.vaults.put(&vault, &name(object), QUOTA, announced, body(&bytes)).await.unwrap_err();
        assert_eq!(problem.kind_of_error(), Some(kind), "{object}: {problem:?}");
    }
    let problem = process.vaults.put(&vault, &name("index/aa"), QUOTA, announced(&bytes), broken(&bytes[..9])).await;
    assert_eq!(problem.unwrap_err().kind_of_error(), Some(ErrorKind::Unavailable));
    assert_eq!(process.totals(vault.account).await, VaultTotals::default());
    assert_eq!((process.staged(), process.vaults.store().places().await.len()), (0, 0));
    process.put(&vault, "index/aa", &bytes).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_taken_once_and_refused_before_a_byte_is_sent() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 0).await;
    process.put(&vault, "config", b"first").await.unwrap();
    // A body that must not be asked for anything.
    let body = stream::poll_fn(|_| -> std::task::Poll<Option<io::Result<Bytes>>> { panic!("the body is read") });
    let problem = process.vaults.put(&vault, &name("config"), QUOTA, announced(b"second"), body).await.unwrap_err();
    assert_eq!(problem.kind_of_error(), Some(ErrorKind::AlreadyExists));
    assert_eq!(process.read(&vault, "config").await, b"first");
    let other = process.vault(vault.account, 0).await;
    process.put(&other, "config", b"of another vault").await.unwrap();
    assert_eq!(process.totals(vault.account).await.bytes, 5 + 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_of_puts_at_once_exceeds_the_quota() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let made = process.vault(account(), 0).await;
    let (vaults, vault) = (&process.vaults, &made);
    let put = |number: u64| async move {
        let object = name(&format!("index/{number:02}"));
        let bytes = noise(number, 1000);
        put_within(vaults, vault, &object, 10_500, &bytes).await
    };
    let results = futures_util::future::join_all((0..40).map(put)).await;
    let stored = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(stored, 10);
    for problem in results.into_iter().filter_map(Result::err) {
        let error = problem.into_error();
        assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
        assert!(error.to_string().contains("10500"), "{error}");
    }
    assert_eq!(process.totals(vault.account).await, VaultTotals { bytes: 10_000, objects: 10, reserved: 0 });
    // What is deleted makes room.
    let listed = process.vaults.catalogue().objects(vault, strongroom::Folder::Index, "", 100).await.unwrap();
    process.vaults.delete(vault, &listed[0].name).await.unwrap();
    put_within(&process.vaults, vault, &name("index/ff"), 10_500, &noise(99, 1500)).await.unwrap();
}

async fn put_within(
    vaults: &Vaults,
    vault: &VaultRecord,
    object: &ObjectName,
    quota: u64,
    bytes: &[u8],
) -> Result<i64, Problem> {
    vaults.put(vault, object, quota, announced(bytes), body(bytes)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_frees_what_it_took_once() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 0).await;
    process.put(&vault, "marks/00", b"12345").await.unwrap();
    process.put(&vault, "marks/01", b"123").await.unwrap();
    let deletes = (0..8).map(|_| process.delete(&vault, "marks/00"));
    for deleted in futures_util::future::join_all(deletes).await {
        deleted.unwrap();
    }
    assert_eq!(process.totals(vault.account).await, VaultTotals { bytes: 3, objects: 1, reserved: 0 });
    process.vaults.sweep().await.unwrap();
    assert_eq!(process.vaults.store().places().await.len(), 1);
    assert!(process.object(&vault, "marks/00").await.is_none());
    process.put(&vault, "marks/00", b"new").await.unwrap();
    assert_eq!(process.read(&vault, "marks/00").await, b"new");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_reservation_is_undone_too_late_keeps_its_bytes() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 0).await;
    let catalogue = process.vaults.catalogue();
    // As where the answer to a commit is lost: whoever asked takes it for failed.
    let reservation = catalogue.reserve(&vault, &name("index/00"), 5, QUOTA).await.unwrap();
    let mut staged = process.vaults.store().staging().begin(reservation.upload).await.unwrap();
    staged.append(Bytes::from_static(b"bytes")).await.unwrap();
    let hash = staged.hash().await.unwrap();
    process.vaults.store().keep(staged, &reservation.place(), "").await.unwrap();
    catalogue.commit(&reservation, blake3::Hash::from_bytes(hash).to_hex().as_str()).await.unwrap();
    assert_eq!(catalogue.undo(&reservation).await.unwrap(), None);
    process.vaults.cancel(&reservation).await.unwrap();
    process.vaults.sweep().await.unwrap();
    assert_eq!(process.read(&vault, "index/00").await, b"bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn reservations_of_a_process_that_died_are_undone_and_those_of_others_are_not() {
    let folder = TempDir::new().unwrap();
    let dead = Process::start(folder.path()).await;
    let vault = dead.vault(account(), 0).await;
    let reservation = dead.vaults.catalogue().reserve(&vault, &name("index/00"), 5000, QUOTA).await.unwrap();
    let mut staged = dead.vaults.store().staging().begin(reservation.upload).await.unwrap();
    staged.append(Bytes::from(noise(1, 3000))).await.unwrap();
    staged.flush().await.unwrap();
    dead.vaults.sweep().await.unwrap();
    assert_eq!((dead.totals(vault.account).await.reserved, dead.staged()), (5000, 1));
    drop(staged);
    // On SQLite whoever comes next knows that the one before is gone.
    let process = Process::start(folder.path()).await;
    process.vaults.sweep().await.unwrap();
    assert_eq!((process.totals(vault.account).await.reserved, process.staged()), (0, 0));
    // And one that only seemed dead cannot commit any more.
    let late = dead.vaults.catalogue().commit(&reservation, "00").await.unwrap_err();
    assert_eq!(late.kind_of_error(), Some(ErrorKind::Unavailable));
    assert_eq!(process.totals(vault.account).await, VaultTotals::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_catalogue_never_knew_is_swept_from_staging() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let stray = strongroom::account::wire::UploadId::random().unwrap();
    drop(process.vaults.store().staging().begin(stray).await.unwrap());
    process.vaults.sweep_staging(std::time::Duration::from_secs(3600)).await.unwrap();
    assert_eq!(process.staged(), 1);
    process.vaults.sweep_staging(std::time::Duration::ZERO).await.unwrap();
    assert_eq!(process.staged(), 0);
}
