//! Uploads in parts.

use super::*;
use crate::vault::catalogue::Reservation;
use strongroom::ErrorKind;
use tempfile::TempDir;

async fn begin(process: &Process, vault: &VaultRecord, object: &str, length: u64) -> Reservation {
    let mut write = process.database.write().await.unwrap();
    let catalogue = process.vaults.catalogue();
    let made = catalogue.reserve_in(&mut write, vault, &name(object), length, QUOTA, true).await.unwrap();
    write.commit().await.unwrap();
    catalogue.upload(vault, made.upload).await.unwrap()
}

async fn part(process: &Process, upload: &Reservation, offset: usize, bytes: &[u8]) -> Result<u64, Problem> {
    process.vaults.put_part(upload, offset as u64, announced(bytes), body(bytes)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_it_broke_off_in_another_process_too() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 0).await;
    let bytes = noise(1, 1_000_000);
    let upload = begin(&process, &vault, &pack(&bytes), 1_000_000).await;
    assert_eq!(part(&process, &upload, 0, &bytes[..300_000]).await.unwrap(), 300_000);
    let cut = process.vaults.put_part(&upload, 300_000, announced(&bytes[300_000..]), broken(&bytes[300_000..450_000]));
    assert_eq!(cut.await.unwrap_err().kind_of_error(), Some(ErrorKind::Unavailable));
    let process = Process::start(folder.path()).await;
    process.vaults.sweep().await.unwrap();
    assert_eq!(process.vaults.store().staging().received(upload.upload).await.unwrap(), 450_000);
    // Not where it is, and beyond the end.
    for (offset, kind) in [(0, ErrorKind::Conflict), (300_000, ErrorKind::Conflict), (600_000, ErrorKind::Conflict)] {
        assert_eq!(part(&process, &upload, offset, &bytes[..10]).await.unwrap_err().kind_of_error(), Some(kind));
    }
    let beyond = part(&process, &upload, 450_000, &bytes[..600_000]).await.unwrap_err();
    assert_eq!(beyond.kind_of_error(), Some(ErrorKind::InvalidArgument));
    let early = process.vaults.finish(&upload, *blake3::hash(&bytes).as_bytes()).await.unwrap_err();
    assert_eq!(early.kind_of_error(), Some(ErrorKind::Conflict));
    assert_eq!(part(&process, &upload, 450_000, &bytes[450_000..]).await.unwrap(), 1_000_000);
    process.vaults.finish(&upload, *blake3::hash(&bytes).as_bytes()).await.unwrap();
    assert!(process.read(&vault, &pack(&bytes)).await == bytes);
    assert_eq!(process.totals(vault.account).await, VaultTotals { bytes: 1_000_000, objects: 1, reserved: 0 });
    assert_eq!(process.staged(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_with_another_hash_begin_anew_and_a_wrong_pack_name_is_the_end() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 0).await;
    let bytes = noise(1, 1000);
    let upload = begin(&process, &vault, &pack(b"other"), 1000).await;
    part(&process, &upload, 0, &noise(2, 1000)).await.unwrap();
    let damaged = process.vaults.finish(&upload, *blake3::hash(&bytes).as_bytes()).await.unwrap_err();
    assert_eq!(damaged.kind_of_error(), Some(ErrorKind::Corrupt));
    assert_eq!(process.vaults.store().staging().received(upload.upload).await.unwrap(), 0);
    part(&process, &upload, 0, &bytes).await.unwrap();
    let misnamed = process.vaults.finish(&upload, *blake3::hash(&bytes).as_bytes()).await.unwrap_err();
    assert_eq!(misnamed.kind_of_error(), Some(ErrorKind::Corrupt));
    assert!(process.vaults.catalogue().upload(&vault, upload.upload).await.is_err());
    assert_eq!(process.totals(vault.account).await, VaultTotals::default());
    assert_eq!((process.staged(), process.vaults.store().places().await.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_at_a_time_writes_to_an_upload() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 0).await;
    let upload = begin(&process, &vault, "index/00", 100).await;
    let writing = process.vaults.store().staging().begin(upload.upload).await.unwrap();
    let second = part(&process, &upload, 0, &[1; 50]).await.unwrap_err();
    assert_eq!(second.kind_of_error(), Some(ErrorKind::Unavailable));
    let finish = process.vaults.finish(&upload, [0; 32]).await.unwrap_err();
    assert_eq!(finish.kind_of_error(), Some(ErrorKind::Unavailable));
    drop(writing);
    part(&process, &upload, 0, &[1; 50]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_uploads_of_one_name_the_first_to_finish_wins_and_the_other_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 0).await;
    let uploads = [begin(&process, &vault, "index/00", 4).await, begin(&process, &vault, "index/00", 4).await];
    part(&process, &uploads[0], 0, b"good").await.unwrap();
    part(&process, &uploads[1], 0, b"late").await.unwrap();
    process.vaults.finish(&uploads[0], *blake3::hash(b"good").as_bytes()).await.unwrap();
    let late = process.vaults.finish(&uploads[1], *blake3::hash(b"late").as_bytes()).await.unwrap_err();
    assert_eq!(late.kind_of_error(), Some(ErrorKind::AlreadyExists));
    process.vaults.sweep().await.unwrap();
    assert_eq!(process.read(&vault, "index/00").await, b"good");
    assert_eq!(process.totals(vault.account).await, VaultTotals { bytes: 4, objects: 1, reserved: 0 });
    assert_eq!((process.staged(), process.vaults.store().places().await.len()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_nobody_goes_on_with_gives_its_quota_back() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 0).await;
    let upload = begin(&process, &vault, "index/00", 5000).await;
    part(&process, &upload, 0, &[1; 50]).await.unwrap();
    process.clock.shift(5 * 3600 * 1000);
    process.vaults.sweep().await.unwrap();
    assert_eq!(process.totals(vault.account).await.reserved, 5000);
    process.clock.shift(2 * 3600 * 1000);
    process.vaults.sweep().await.unwrap();
    assert_eq!((process.totals(vault.account).await, process.staged()), (VaultTotals::default(), 0));
}
