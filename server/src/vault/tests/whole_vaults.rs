//! Holds, minimum ages, and what becomes of a vault that is deleted.

use super::*;
use strongroom::ErrorKind;
use tempfile::TempDir;

async fn hold(process: &Process, vault: &VaultRecord, object: &str, until: i64) -> Result<(), Problem> {
    let mut write = process.database.write().await.unwrap();
    process.vaults.catalogue().hold(&mut write, vault, &name(object), until).await?;
    write.commit().await
}

async fn delete_vault(process: &Process, vault: &VaultRecord) -> Result<(), Problem> {
    let mut write = process.database.write().await.unwrap();
    process.vaults.catalogue().delete_vault(&mut write, vault).await?;
    write.commit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_under_a_hold_is_deleted_by_nobody_until_it_ends() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 0).await;
    process.put(&vault, "snapshots/00", b"kept").await.unwrap();
    let now = process.clock.now_ms();
    hold(&process, &vault, "snapshots/00", now + 10_000).await.unwrap();
    for (object, until, kind) in [
        ("snapshots/00", now + 9_999, ErrorKind::Forbidden),
        ("snapshots/00", 0, ErrorKind::Forbidden),
        ("snapshots/01", now, ErrorKind::NotFound),
    ] {
        assert_eq!(hold(&process, &vault, object, until).await.unwrap_err().kind_of_error(), Some(kind), "{object}");
    }
    hold(&process, &vault, "snapshots/00", now + 10_000).await.unwrap();
    let refused = process.delete(&vault, "snapshots/00").await.unwrap_err().into_error();
    assert_eq!(refused.kind(), ErrorKind::Forbidden);
    assert!(refused.to_string().contains(&(now + 10_000).to_string()), "{refused}");
    assert_eq!(delete_vault(&process, &vault).await.unwrap_err().kind_of_error(), Some(ErrorKind::Forbidden));
    process.vaults.sweep().await.unwrap();
    assert_eq!(process.read(&vault, "snapshots/00").await, b"kept");
    process.clock.shift(10_001);
    process.delete(&vault, "snapshots/00").await.unwrap();
    assert!(process.object(&vault, "snapshots/00").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_younger_than_the_minimum_age_stays_but_for_what_serves_work_under_way() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 3_600_000).await;
    for object in ["index/00", "keys/00", "sessions/00", "condemned/00"] {
        process.put(&vault, object, b"bytes").await.unwrap();
    }
    process.clock.shift(3_590_000);
    for object in ["index/00", "keys/00"] {
        let refused = process.delete(&vault, object).await.unwrap_err();
        assert_eq!(refused.kind_of_error(), Some(ErrorKind::Forbidden), "{object}");
    }
    process.delete(&vault, "sessions/00").await.unwrap();
    process.delete(&vault, "condemned/00").await.unwrap();
    assert_eq!(delete_vault(&process, &vault).await.unwrap_err().kind_of_error(), Some(ErrorKind::Forbidden));
    process.clock.shift(10_001);
    process.delete(&vault, "index/00").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_vault_is_gone_at_once_and_its_bytes_soon() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let owner = account();
    let (vault, other) = (process.vault(owner, 0).await, process.vault(owner, 0).await);
    for number in 0..520 {
        process.put(&vault, &format!("index/{number:04}"), b"x").await.unwrap();
    }
    process.put(&other, "config", b"stays").await.unwrap();
    let open = process.vaults.catalogue().reserve(&vault, &name("index/ffff"), 100, QUOTA).await.unwrap();
    delete_vault(&process, &vault).await.unwrap();
    assert_eq!(
        process.vaults.catalogue().vault(owner, vault.id).await.unwrap_err().kind_of_error(),
        Some(ErrorKind::NotFound)
    );
    assert_eq!(process.put(&vault, "config", b"late").await.unwrap_err().kind_of_error(), Some(ErrorKind::NotFound));
    // What was being received when it went finds no vault.
    let late = process.vaults.catalogue().commit(&open, "00").await.unwrap_err();
    assert_eq!(late.kind_of_error(), Some(ErrorKind::NotFound));
    process.vaults.sweep().await.unwrap();
    assert_eq!(process.totals(owner).await, VaultTotals { bytes: 5, objects: 1, reserved: 0 });
    assert_eq!(process.vaults.store().places().await.len(), 1);
    assert_eq!(process.read(&other, "config").await, b"stays");
    assert_eq!(process.vaults.catalogue().vaults(owner, "", 10).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_of_another_account_does_not_exist() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path()).await;
    let vault = process.vault(account(), 0).await;
    let stranger = account();
    let found = process.vaults.catalogue().vault(stranger, vault.id).await.unwrap_err();
    assert_eq!(found.kind_of_error(), Some(ErrorKind::NotFound));
    assert!(process.vaults.catalogue().vaults(stranger, "", 10).await.unwrap().is_empty());
}
