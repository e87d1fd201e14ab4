//! Repositories: made, opened, asked about.

use crate::arena::{hand_out_bytes, hand_out_text};
use crate::callbacks::{Log, sr_log_callbacks};
use crate::enums::sr_role;
use crate::handles::{get, insert};
use crate::input::{Out, answer};
use crate::objects::{repository_of, run_of, sr_backend, sr_repository, sr_run, sr_secret, sr_text_list, text_list};
use crate::options::{read, sr_create_options, sr_open_options};
use crate::types::{sr_bytes, sr_error_record, sr_status, sr_timestamp};
use std::ffi::c_char;
use strongroom_bindings::{Backend, Repository, Secret};

/// Creates a repository whose owner is whoever holds `secret`. `out` is closed with sr_repository_close. `log` may be NULL; its
/// `drop` is called when the repository needs it no more, and when this fails, unless the struct itself was refused.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repository_create(
    backend: sr_backend,
    secret: sr_secret,
    options: *const sr_create_options,
    log: *const sr_log_callbacks,
    out: *mut sr_repository,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "create a repository";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let log = Log::shared(log, OPERATION)?;
            let backend = get::<Backend>(backend.id, OPERATION)?;
            let secret = get::<Secret>(secret.id, OPERATION)?;
            let options = read(options, OPERATION)?;
            let repository = Repository::create(&backend, &secret, &options, log)?;
            out.put(sr_repository { id: insert(repository) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Opens a repository. `out` is closed with sr_repository_close. `log` may be NULL; its
/// `drop` is called when the repository needs it no more, and when this fails, unless the struct itself was refused.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repository_open(
    backend: sr_backend,
    secret: sr_secret,
    options: *const sr_open_options,
    log: *const sr_log_callbacks,
    out: *mut sr_repository,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "open a repository";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let log = Log::shared(log, OPERATION)?;
            let backend = get::<Backend>(backend.id, OPERATION)?;
            let secret = get::<Secret>(secret.id, OPERATION)?;
            let options = read(options, OPERATION)?;
            let repository = Repository::open(&backend, &secret, &options, log)?;
            out.put(sr_repository { id: insert(repository) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The id chosen when it was created, as text; freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repository_id(
    repository: sr_repository,
    out: *mut *const c_char,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "look at a repository";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(hand_out_text(&repository_of(repository, OPERATION)?.id()?));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The public key of its owner, 32 bytes: what sr_secret_expect_owner of a later opening takes. `out->data` is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repository_owner_key(
    repository: sr_repository,
    out: *mut sr_bytes,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "look at a repository";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(hand_out_bytes(&repository_of(repository, OPERATION)?.owner_key()?));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// What the secret that opened it allows.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repository_role(
    repository: sr_repository,
    out: *mut sr_role,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "look at a repository";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(repository_of(repository, OPERATION)?.role()?.code());
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Where it is, for messages; freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repository_location(
    repository: sr_repository,
    out: *mut *const c_char,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "look at a repository";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(hand_out_text(&repository_of(repository, OPERATION)?.location()?));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// When it was created, by its creator's clock.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repository_created(
    repository: sr_repository,
    out: *mut sr_timestamp,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "look at a repository";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(repository_of(repository, OPERATION)?.created()?.into());
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Why local state is kept in memory although a folder was given for it; NULL if that is not so. Freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repository_state_folder_problem(
    repository: sr_repository,
    out: *mut *const c_char,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "look at a repository";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let problem = repository_of(repository, OPERATION)?.state_folder_problem()?;
            out.put(problem.map_or(std::ptr::null(), |problem| hand_out_text(&problem)));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// How much parity packs get when they are written, in percent of a pack; 0 for none.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repository_parity(
    repository: sr_repository,
    out: *mut u8,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "look at a repository";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(repository_of(repository, OPERATION)?.parity()?.unwrap_or(0));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The epoch under which everything is written at this moment.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repository_epoch(
    repository: sr_repository,
    out: *mut u32,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "look at a repository";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(repository_of(repository, OPERATION)?.epoch()?);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Packs that were found damaged since this repository was opened, and read all the same by their parity. Freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repository_healed_packs(
    repository: sr_repository,
    out: *mut *const sr_text_list,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "look at a repository";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let list = repository_of(repository, OPERATION)?.healed_packs()?;
            out.put(text_list(&list));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The same repository, whose calls ask nothing more of the storage once `run` is cancelled: for those that take no run,
/// such as listings and files that are read. `out` is closed with sr_repository_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_repository_cancelled_by(
    repository: sr_repository,
    run: sr_run,
    out: *mut sr_repository,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "watch a token";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let watching = repository_of(repository, OPERATION)?.cancelled_by(run_of(run, OPERATION)?.token())?;
            out.put(sr_repository { id: insert(watching) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}
