//! Messages of the account protocol, and what a client makes of a service's answers.

use crate::account::flow::{Recovery, Registrant, Registration, SignIn, read_confirmation};
use crate::account::keys::MasterKey;
use crate::account::proof::RequestProof;
use crate::account::wire::*;
use crate::account::{Password, PublicKey};
use crate::format::device::DeviceKey;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::LazyLock;

/// Most memory for stretching a password in here, in KiB: a service may ask for more, which takes time and finds nothing.
const STRETCHING: u32 = 20 * 1024;

/// A byte that says what is meant, and the bytes.
pub fn account_message(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    match which {
        0 => request::<StartRegistration>(bytes),
        1 => request::<FinishRegistration>(bytes),
        2 => request::<ConfirmRegistration>(bytes),
        3 => request::<StartSignIn>(bytes),
        4 => request::<FinishSignIn>(bytes),
        5 => request::<VerifySecondFactor>(bytes),
        6 => request::<StartRecovery>(bytes),
        7 => request::<ProveRecovery>(bytes),
        8 => request::<FinishRecovery>(bytes),
        9 => request::<ConfirmSecondFactor>(bytes),
        10 => request::<RemoveSecondFactor>(bytes),
        11 => request::<EnrolDevice>(bytes),
        12 => request::<RenameDevice>(bytes),
        13 => request::<RequestDeviceToken>(bytes),
        14 => request::<UpdateProfile>(bytes),
        15 => request::<ChangeEmail>(bytes),
        16 => request::<ConfirmEmail>(bytes),
        17 => request::<StartPasswordChange>(bytes),
        18 => request::<ChangePassword>(bytes),
        19 => request::<ChangePlan>(bytes),
        20 => request::<CreateVault>(bytes),
        21 => request::<StartUpload>(bytes),
        22 => request::<FinishUpload>(bytes),
        23 => request::<SetHold>(bytes),
        32 => response::<ServiceInfo>(bytes),
        33 => response::<SignInFinished>(bytes),
        34 => response::<Page<Device>>(bytes),
        35 => response::<DeviceToken>(bytes),
        36 => response::<Profile>(bytes),
        37 => response::<Usage>(bytes),
        38 => response::<Wraps>(bytes),
        39 => response::<Page<Plan>>(bytes),
        40 => response::<Subscription>(bytes),
        41 => response::<SubscriptionPreview>(bytes),
        42 => response::<Page<SubscriptionEvent>>(bytes),
        43 => response::<Page<Invoice>>(bytes),
        44 => response::<Page<Vault>>(bytes),
        45 => response::<Page<StoredObject>>(bytes),
        46 => response::<Upload>(bytes),
        47 => response::<Hold>(bytes),
        48 => problem(bytes),
        64 => header(bytes),
        65 => wraps(bytes),
        _ => {}
    }
}

fn request<T: Request + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(read) = read_request::<T>(bytes) else { return };
    let Ok(written) = write_request(&read) else { panic!("what was read cannot be written") };
    assert_eq!(read_request::<T>(&written).ok(), Some(read), "a request comes back");
}

fn response<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(read) = read_response::<T>(bytes, "fuzz") else { return };
    let Ok(written) = write_response(&read) else { panic!("what was read cannot be written") };
    assert_eq!(read_response::<T>(&written, "fuzz").ok(), Some(read), "a response comes back");
}

fn problem(bytes: &[u8]) {
    let error = ProblemDocument::error_of(500, bytes, None, "fuzz");
    assert!(!error.to_string().chars().any(char::is_control), "no control character reaches a terminal");
}

fn header(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(proof) = RequestProof::from_header(text) {
        assert_eq!(proof.to_header(), text, "a proof has one form");
    }
}

/// The device whose key the test vectors show.
static DEVICE: LazyLock<Option<DeviceKey>> = LazyLock::new(|| {
    let key = |byte| crate::crypto::SecretKey::from_bytes([byte; 32]);
    DeviceKey::from_seeds(key(0x51), key(0x52)).ok()
});

fn wraps(bytes: &[u8]) {
    let _ = MasterKey::unwrap_by_export_key(bytes, &[0x68; 64]);
    if let Some(device) = &*DEVICE {
        let _ = MasterKey::unwrap_by_device(bytes, device);
    }
    if let Ok(key) = PublicKey::from_bytes(bytes) {
        assert_eq!(key.to_bytes(), bytes);
    }
}

/// Whether an answer asks for no more stretching than there is time for in here.
fn is_cheap(bytes: &[u8]) -> bool {
    let stretching = read_response::<SignInStarted>(bytes, "fuzz")
        .map(|answer| answer.stretching)
        .or_else(|_| read_response::<RegistrationStarted>(bytes, "fuzz").map(|answer| answer.stretching));
    stretching.is_ok_and(|stretching| stretching.memory_kib <= STRETCHING && stretching.passes <= 2)
}

/// The answer of a service to somebody who registers, signs in or recovers an account.
pub fn account_flow(bytes: &[u8]) {
    let _ = read_confirmation(bytes);
    if let Ok((recovery, _)) = Recovery::start("kim@example.org") {
        let _ = recovery.answered(bytes);
    }
    if !is_cheap(bytes) {
        return;
    }
    let password = || Password::new("correct horse battery staple");
    if let Ok((sign_in, _)) = SignIn::start("kim@example.org", password(), None, 0) {
        assert!(sign_in.answered(bytes).is_err(), "no answer fits a sign-in that was made up just now");
    }
    let who = Registrant {
        first_name: "Kim".to_owned(),
        last_name: "Example".to_owned(),
        email: "kim@example.org".to_owned(),
        plan: "free".to_owned(),
    };
    if let Ok((registration, _)) = Registration::start(who, password()) {
        let _ = registration.answered(bytes);
    }
}
