//! Looking after a repository.

use crate::input::answer;
use crate::objects::{repository_of, run_of, sr_repository, sr_run, tell};
use crate::options::{
    read, sr_check_options, sr_forget_options, sr_prune_options, sr_reencrypt_options, sr_repair_options,
};
use crate::records::{
    sr_check_report, sr_forget_report, sr_parity_report, sr_prune_report, sr_rebuild_report, sr_reencrypt_report,
    sr_repair_report,
};
use crate::types::{sr_error_record, sr_status};

/// Checks that everything every snapshot refers to is there and sound. Damage is in the report.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_check(
    repository: sr_repository,
    options: *const sr_check_options,
    run: sr_run,
    report: *mut *const sr_check_report,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "check";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let options = read(options, OPERATION)?;
            let run = run_of(run, OPERATION)?;
            let made = repository.check(&options, &run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Mends what can be mended. Damage is in the report.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repair(
    repository: sr_repository,
    options: *const sr_repair_options,
    run: sr_run,
    report: *mut *const sr_repair_report,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "repair";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let options = read(options, OPERATION)?;
            let run = run_of(run, OPERATION)?;
            let made = repository.repair(&options, &run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Frees what no snapshot needs, in two phases: condemned by one call, removed by a later one.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_prune(
    repository: sr_repository,
    options: *const sr_prune_options,
    run: sr_run,
    report: *mut *const sr_prune_report,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "prune";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let options = read(options, OPERATION)?;
            let run = run_of(run, OPERATION)?;
            let made = repository.prune(&options, &run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Removes snapshots: those that a policy does not keep, or those that are named.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_forget(
    repository: sr_repository,
    options: *const sr_forget_options,
    run: sr_run,
    report: *mut *const sr_forget_report,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "forget snapshots";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let options = read(options, OPERATION)?;
            let run = run_of(run, OPERATION)?;
            let made = repository.forget(&options, &run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Moves what was stored under the keys of earlier epochs to those of the newest.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_reencrypt(
    repository: sr_repository,
    options: *const sr_reencrypt_options,
    run: sr_run,
    report: *mut *const sr_reencrypt_report,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "re-encrypt";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let options = read(options, OPERATION)?;
            let run = run_of(run, OPERATION)?;
            let made = repository.reencrypt(&options, &run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Makes the index list every pack in storage as it is.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_rebuild_index(
    repository: sr_repository,
    run: sr_run,
    report: *mut *const sr_rebuild_report,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "rebuild the index";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;

            let run = run_of(run, OPERATION)?;
            let made = repository.rebuild_index(&run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Adds parity of this share, in percent, to every pack that has none.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_add_parity(
    repository: sr_repository,
    percent: u8,
    run: sr_run,
    report: *mut *const sr_parity_report,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "add parity";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;

            let run = run_of(run, OPERATION)?;
            let made = repository.add_parity(percent, &run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}
