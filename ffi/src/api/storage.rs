//! Storage and secrets.

use crate::arena::{hand_out_bytes, hand_out_made, hand_out_secret_bytes, hand_out_secret_text, hand_out_text};
use crate::callbacks::{Storage, sr_backend_callbacks};
use crate::handles::{get, insert};
use crate::input::{self, Out, answer, bytes, text};
use crate::objects::{sr_backend, sr_device_key, sr_device_request, sr_secret};
use crate::options::{read, sr_retry_options};
use crate::types::{sr_bytes, sr_error_record, sr_status};
use std::ffi::c_char;
use std::sync::Arc;
use strongroom_bindings::{Backend, DeviceKey, Secret};
use zeroize::Zeroizing;

/// A folder of a file system. With `sync` it waits until everything is on the device. `out` is closed with sr_backend_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_backend_local(
    path: sr_bytes,
    sync: bool,
    out: *mut sr_backend,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "open a folder as storage";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(sr_backend { id: insert(Backend::local(bytes(path, OPERATION)?, sync)?) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The memory of this process, for tests. `out` is closed with sr_backend_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_backend_memory(out: *mut sr_backend, error: *mut *const sr_error_record) -> sr_status {
    const OPERATION: &str = "make storage in memory";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(sr_backend { id: insert(Backend::memory()) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// What the app implements. The struct is copied; its `drop` is called when neither the handle nor a repository needs it any
/// more. When this fails, it is not called. `out` is closed with sr_backend_close.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_backend_host(
    callbacks: *const sr_backend_callbacks,
    out: *mut sr_backend,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "take the app's storage";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(sr_backend { id: insert(Backend::host(Arc::new(Storage::new(callbacks, OPERATION)?))) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The same storage, whose calls are tried again when they fail for a reason that passes. `options` may be NULL. `out` is closed with
/// sr_backend_close; `backend` may be closed before.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_backend_retry(
    backend: sr_backend,
    options: *const sr_retry_options,
    out: *mut sr_backend,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "try storage again";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let backend = get::<Backend>(backend.id, OPERATION)?;
            out.put(sr_backend { id: insert(backend.retrying(&read(options, OPERATION)?)) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// A passphrase, by its bytes, which are copied. `out` is closed with sr_secret_close, which wipes it.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_secret_passphrase(
    passphrase: sr_bytes,
    out: *mut sr_secret,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "take a passphrase";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(sr_secret { id: insert(Secret::passphrase(bytes(passphrase, OPERATION)?)) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// A recovery code as a person typed it. `out` is closed with sr_secret_close, which wipes it.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_secret_recovery_code(
    code: *const c_char,
    out: *mut sr_secret,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "read a recovery code";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(sr_secret { id: insert(Secret::recovery_code(&Zeroizing::new(text(code, OPERATION)?))?) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The key of this device. `out` is closed with sr_secret_close, which wipes it.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_secret_device(
    key: sr_device_key,
    out: *mut sr_secret,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "take a device key";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(sr_secret { id: insert(Secret::device(&get::<DeviceKey>(key.id, OPERATION)?.as_ref().clone())) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The key of an account that hosts the repository, 32 bytes. `out` is closed with sr_secret_close, which wipes it.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_secret_account_key(
    key: sr_bytes,
    out: *mut sr_secret,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "take an account key";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(sr_secret { id: insert(Secret::account_key(&Zeroizing::new(bytes(key, OPERATION)?))?) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The same secret, refusing repositories of any other owner than the one with this public key of 32 bytes. `out` is closed with sr_secret_close, which wipes it.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_secret_expect_owner(
    secret: sr_secret,
    owner: sr_bytes,
    out: *mut sr_secret,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "expect an owner";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(sr_secret {
                id: insert(get::<Secret>(secret.id, OPERATION)?.expect_owner(&bytes(owner, OPERATION)?)?),
            });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// A new random recovery code. `out` is freed with sr_free, which wipes it.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_generate_recovery_code(
    out: *mut *const c_char,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "make a recovery code";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(hand_out_secret_text(&strongroom_bindings::generate_recovery_code()?));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// New random keys of a device. `out` is closed with sr_device_key_close, which wipes them.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_device_key_generate(
    out: *mut sr_device_key,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "make a device key";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(sr_device_key { id: insert(DeviceKey::generate()?) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Reads what sr_device_key_export gave. `out` is closed with sr_device_key_close, which wipes it.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_device_key_import(
    bytes: sr_bytes,
    out: *mut sr_device_key,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "read a device key";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(sr_device_key { id: insert(DeviceKey::import(&Zeroizing::new(input::bytes(bytes, OPERATION)?))?) });
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The secret keys as bytes, to be kept where the platform keeps secrets. `out->data` is freed with sr_free, which wipes it.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_device_key_export(
    key: sr_device_key,
    out: *mut sr_bytes,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "export a device key";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(hand_out_secret_bytes(&get::<DeviceKey>(key.id, OPERATION)?.export()));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// The id the device is listed under; freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_device_key_id(
    key: sr_device_key,
    out: *mut *const c_char,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "name a device";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(hand_out_text(&get::<DeviceKey>(key.id, OPERATION)?.id()));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// What an owner needs to add this device. Holds no secret. `out->data` is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_device_key_request(
    key: sr_device_key,
    name: *const c_char,
    out: *mut sr_bytes,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "request to be added";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            out.put(hand_out_bytes(&get::<DeviceKey>(key.id, OPERATION)?.request(&text(name, OPERATION)?)?));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}

/// Reads a device's request and checks its signature. `out` is freed with sr_free.
///
/// # Safety
/// Pointers are NULL or what the header's introduction says of such arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sr_read_device_request(
    request: sr_bytes,
    out: *mut *const sr_device_request,
    error: *mut *const sr_error_record,
) -> sr_status {
    const OPERATION: &str = "read a device's request";
    let work = || -> strongroom_bindings::Result<()> {
        // SAFETY: the contract of this function, which is that of what is called here.
        unsafe {
            let out = Out::new(out, OPERATION)?;
            let read = strongroom_bindings::read_device_request(&bytes(request, OPERATION)?)?;
            out.put(hand_out_made(|arena| sr_device_request {
                id: arena.text(&read.id),
                name: arena.text(&read.name),
            }));
            Ok(())
        }
    };
    // SAFETY: as above.
    unsafe { answer(error, OPERATION, work) }
}
