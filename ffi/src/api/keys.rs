//! Keys, devices and epochs.

use crate::arena::{hand_out_made, hand_out_secret_text, hand_out_text};
use crate::enums::sr_role;
use crate::handles::get;
use crate::input::{Out, answer, bytes, maybe_text, text};
use crate::objects::{
    repository_of, role_of, run_of, sr_device_list, sr_key_list, sr_repository, sr_run, sr_secret, sr_session_list,
    tell,
};
use crate::options::{self, read, sr_cost, sr_revoke_options};
use crate::records::{sr_key_removal, sr_passphrase_change, sr_revocation, sr_rotation_report};
use crate::types::{sr_bytes, sr_error_record, sr_status};
use std::ffi::c_char;
use strongroom_bindings::Secret;
use strongroom_bindings::options::NewKey;

/// The sessions storage knows of: who is at work, and who was and has not been cleaned up after. `out` is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_sessions(
    repository: sr_repository,
    out: *mut *const sr_session_list,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "list sessions";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let list = repository_of(repository, OPERATION)?.sessions()?;
            out.put(hand_out_made(|arena| sr_session_list { items: arena.list(&list), count: list.len() }));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The keys that open this repository, oldest first. `out` is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_keys(
    repository: sr_repository,
    out: *mut *const sr_key_list,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "list keys";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let list = repository_of(repository, OPERATION)?.keys()?;
            out.put(hand_out_made(|arena| sr_key_list { items: arena.list(&list), count: list.len() }));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The devices on the owner-signed list. `out` is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_devices(
    repository: sr_repository,
    out: *mut *const sr_device_list,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "list devices";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let list = repository_of(repository, OPERATION)?.devices()?;
            out.put(hand_out_made(|arena| sr_device_list { items: arena.list(&list), count: list.len() }));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Adds a key that `secret` opens. `label` may be NULL; `cost` is all zero for the default. `out`, the id of its slot, is freed with
/// sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_add_key(
    repository: sr_repository,
    secret: sr_secret,
    role: sr_role,
    label: *const c_char,
    cost: sr_cost,
    out: *mut *const c_char,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "add a key";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let repository = repository_of(repository, OPERATION)?;
            let secret = get::<Secret>(secret.id, OPERATION)?.as_ref().clone();
            let label = maybe_text(label, OPERATION)?.unwrap_or_default();
            let key = NewKey { secret, role: role_of(role, OPERATION)?, label, cost: options::cost(cost) };
            out.put(hand_out_text(&repository.add_key(&key)?));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Makes a recovery code and adds it as a key. `out`, the code, is freed with sr_free, which wipes it. `slot`, the id of its slot, may
/// be NULL; otherwise it is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_add_recovery_code(
    repository: sr_repository,
    role: sr_role,
    label: *const c_char,
    slot: *mut *const c_char,
    out: *mut *const c_char,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "add a recovery code";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let repository = repository_of(repository, OPERATION)?;
            let label = maybe_text(label, OPERATION)?.unwrap_or_default();
            let added = repository.add_recovery_code(role_of(role, OPERATION)?, &label)?;
            out.put(hand_out_secret_text(&added.code));
            if !slot.is_null() {
                slot.write(hand_out_text(&added.slot));
            }
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Removes a key, and shuts its holder out.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_remove_key(
    repository: sr_repository,
    slot: *const c_char,
    options: *const sr_revoke_options,
    run: sr_run,
    report: *mut *const sr_key_removal,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "remove a key";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let slot = text(slot, OPERATION)?;
            let options = read(options, OPERATION)?;
            let run = run_of(run, OPERATION)?;
            let made = repository.remove_key(&slot, &options, &run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Replaces the passphrase that opened this repository by another.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_change_passphrase(
    repository: sr_repository,
    secret: sr_secret,
    cost: sr_cost,
    report: *mut *const sr_passphrase_change,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "change the passphrase";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let secret = get::<Secret>(secret.id, OPERATION)?;
            let made = repository.change_passphrase(&secret, options::cost(cost))?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Lets a device in, by the request it made with its key. `out`, its id, is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_add_device(
    repository: sr_repository,
    request: sr_bytes,
    role: sr_role,
    out: *mut *const c_char,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "add a device";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let repository = repository_of(repository, OPERATION)?;
            let request = bytes(request, OPERATION)?;
            out.put(hand_out_text(&repository.add_device(&request, role_of(role, OPERATION)?)?));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Shuts a device out.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_revoke_device(
    repository: sr_repository,
    device: *const c_char,
    options: *const sr_revoke_options,
    run: sr_run,
    report: *mut *const sr_revocation,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "revoke a device";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;
            let device = text(device, OPERATION)?;
            let options = read(options, OPERATION)?;
            let run = run_of(run, OPERATION)?;
            let made = repository.revoke_device(&device, &options, &run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Begins a new epoch: whatever is written from now on is sealed with new keys.
/// `report` may be NULL; otherwise what is written there is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_rotate(
    repository: sr_repository,
    run: sr_run,
    report: *mut *const sr_rotation_report,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "begin a new epoch";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let repository = repository_of(repository, OPERATION)?;

            let run = run_of(run, OPERATION)?;
            let made = repository.rotate(&run)?;
            tell(report, &made);
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}
