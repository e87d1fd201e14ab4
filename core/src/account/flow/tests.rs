use super::*;
use crate::account::password::Password;
use crate::account::testing::{AUTHENTICATOR, MAILED, TestService};
use crate::account::wire::{
    Base64Url, Capabilities, Capability, FinishRegistration, RegistrationStarted, SignInFinished, SignInStarted,
    Stretching, read_request, read_response, write_response,
};
use crate::crypto::password::Cost;
use crate::crypto::recovery::RecoveryCode;
use crate::error::ErrorKind;
use crate::format::device::DeviceKey;
use proptest::prelude::*;

const PASSWORD: &str = "correct horse battery";

fn registrant() -> Registrant {
    Registrant {
        first_name: "Kim".to_owned(),
        last_name: "Example".to_owned(),
        email: " Kim@Example.org".to_owned(),
        plan: "free".to_owned(),
    }
}

fn registered(service: &TestService) -> RecoveryCode {
    let (registration, call) = Registration::start(registrant(), Password::new(PASSWORD)).unwrap();
    let (finish, call) = registration.answered(&service.answer(&call).unwrap()).unwrap();
    let pending = finish.answered(&service.answer(&call).unwrap()).unwrap();
    let confirm = confirm_registration(pending.registration_id, &format!(" {MAILED}\n")).unwrap();
    let account = read_confirmation(&service.answer(&confirm).unwrap()).unwrap();
    assert_eq!(account, service.state.lock().unwrap().account.as_ref().unwrap().id);
    pending.recovery_code
}

fn sign_in(service: &TestService, password: &str, device: Option<&DeviceKey>) -> Result<SignInOutcome> {
    let now = service.state.lock().unwrap().now();
    let (sign_in, call) = SignIn::start("KIM@example.org", Password::new(password), device, now)?;
    let (finish, call) = sign_in.answered(&service.answer(&call)?)?;
    finish.answered(&service.answer(&call)?)
}

fn signed_in(service: &TestService, password: &str) -> SignedIn {
    match sign_in(service, password, None).unwrap() {
        SignInOutcome::SignedIn(signed_in) => *signed_in,
        SignInOutcome::SecondFactor(_) => panic!("a second factor is asked for"),
    }
}

#[test]
fn who_registers_can_sign_in_and_gets_the_same_keys() {
    let service = TestService::new();
    registered(&service);
    let first = signed_in(&service, PASSWORD);
    let second = signed_in(&service, PASSWORD);
    assert_eq!(first.master_key.expose(), second.master_key.expose());
    assert_ne!(first.session_key.to_bytes(), second.session_key.to_bytes());
    let state = service.state.lock().unwrap();
    let account = state.account.as_ref().unwrap();
    assert_eq!(first.session.account_id, account.id);
    assert_eq!(first.master_key.public_key(), account.registered.account_public);
    assert_eq!(account.registered.email, "kim@example.org");
}

#[test]
fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let service = TestService::new();
    registered(&service);
    let wrong = sign_in(&service, "incorrect horse", None).unwrap_err();
    service.state.lock().unwrap().account.as_mut().unwrap().registered.email = "other@example.org".to_owned();
    let unknown = sign_in(&service, PASSWORD, None).unwrap_err();
    assert_eq!((wrong.kind(), unknown.kind()), (ErrorKind::WrongKey, ErrorKind::WrongKey));
    assert_eq!(wrong.to_string(), unknown.to_string());
}

#[test]
fn a_second_factor_may_be_tried_again() {
    let service = TestService::new();
    registered(&service);
    service.state.lock().unwrap().second_factor = true;
    let SignInOutcome::SecondFactor(pending) = sign_in(&service, PASSWORD, None).unwrap() else {
        panic!("no second factor is asked for");
    };
    let refused = service.answer(&pending.verify("000000").unwrap()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::WrongKey);
    assert_eq!(pending.verify("a code\n of a stranger").unwrap_err().kind(), ErrorKind::InvalidArgument);
    let answer = service.answer(&pending.verify(AUTHENTICATOR).unwrap()).unwrap();
    let signed_in = pending.answered(&answer).unwrap();
    assert_eq!(
        signed_in.master_key.public_key(),
        service.state.lock().unwrap().account.as_ref().unwrap().registered.account_public
    );
    let asks_again = SignInFinished { second_factor: true, session: None, password_wrap: None };
    let error = pending.answered(&write_response(&asks_again).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn another_password_opens_the_same_master_key_and_the_old_one_nothing() {
    let service = TestService::new();
    registered(&service);
    let before = signed_in(&service, PASSWORD);
    let (change, call) = PasswordChange::start(Password::new("another horse")).unwrap();
    assert_eq!(service.answer(&call).unwrap_err().kind(), ErrorKind::PermissionDenied);
    let answer = service.state.lock().unwrap().serve_for_tests(&call, Capabilities::ALL);
    let call = change.answered(&answer, &before.master_key).unwrap();
    service.state.lock().unwrap().serve_for_tests(&call, Capabilities::ALL);
    let after = signed_in(&service, "another horse");
    assert_eq!(before.master_key.expose(), after.master_key.expose());
    assert_eq!(sign_in(&service, PASSWORD, None).unwrap_err().kind(), ErrorKind::WrongKey);
}

#[test]
fn the_recovery_code_gets_back_in_and_is_replaced() {
    let service = TestService::new();
    let code = registered(&service);
    let before = signed_in(&service, PASSWORD);
    let (recovery, call) = Recovery::start("kim@example.org").unwrap();
    let challenge = recovery.answered(&service.answer(&call).unwrap()).unwrap();

    let stranger = RecoveryCode::generate().unwrap();
    let (_, call) = challenge.prove(MAILED, stranger, Password::new("a new horse")).unwrap();
    assert_eq!(service.answer(&call).unwrap_err().kind(), ErrorKind::Untrusted);
    let (_, call) = challenge.prove("00000000", code.clone(), Password::new("a new horse")).unwrap();
    assert_eq!(service.answer(&call).unwrap_err().kind(), ErrorKind::WrongKey);

    let (finish, call) = challenge.prove(MAILED, code.clone(), Password::new("a new horse")).unwrap();
    let (recovered, call) = finish.answered(&service.answer(&call).unwrap()).unwrap();
    service.answer(&call).unwrap();
    assert_eq!(recovered.master_key.expose(), before.master_key.expose());
    assert_eq!(signed_in(&service, "a new horse").master_key.expose(), before.master_key.expose());
    assert_ne!(*recovered.recovery_code.reveal(), *code.reveal());

    // The old code is worth nothing any more.
    let (_, call) = challenge.prove(MAILED, code, Password::new("a new horse")).unwrap();
    assert_eq!(service.answer(&call).unwrap_err().kind(), ErrorKind::Untrusted);
}

#[test]
fn devices_are_certified_and_get_the_master_key_or_not() {
    let service = TestService::new();
    registered(&service);
    let signed_in = signed_in(&service, PASSWORD);
    let account = signed_in.session.account_id;
    for with_key in [true, false] {
        let key = DeviceKey::generate().unwrap();
        let request = key.request("phone").unwrap();
        let grants = Capabilities::from([Capability::Append]);
        let (add, call) = AddDevice::start(account, &signed_in.master_key, &request, grants, with_key, 17).unwrap();
        let answer = service.state.lock().unwrap().serve_for_tests(&call, Capabilities::ALL);
        let device = add.answered(&answer).unwrap();
        let opened = open_master_key(&device, &key);
        if !with_key {
            assert_eq!(opened.unwrap_err().kind(), ErrorKind::NotFound);
            continue;
        }
        assert_eq!(opened.unwrap().expose(), signed_in.master_key.expose());
        assert_eq!(open_master_key(&device, &DeviceKey::generate().unwrap()).unwrap_err().kind(), ErrorKind::Corrupt);
        // A service that passes off a master key of its own.
        let own = crate::account::MasterKey::generate().unwrap();
        let mut forged = device.clone();
        forged.master_wrap = Some(Base64Url(own.wrap_for_device(&request).unwrap()));
        assert_eq!(open_master_key(&forged, &key).unwrap_err().kind(), ErrorKind::Untrusted);
        // One that grants more than was certified.
        let (add, _) = AddDevice::start(account, &signed_in.master_key, &request, grants, true, 17).unwrap();
        let mut forged = device;
        forged.grants = Capabilities::ALL;
        assert_eq!(add.answered(&write_response(&forged).unwrap()).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn a_service_that_asks_for_weak_stretching_gets_nothing() {
    let service = TestService::new();
    registered(&service);
    let weak = Stretching { memory_kib: 1024, ..Stretching::argon2id(Cost::DEFAULT) };
    service.state.lock().unwrap().stretching = weak;
    assert_eq!(sign_in(&service, PASSWORD, None).unwrap_err().kind(), ErrorKind::Unsupported);
    let (registration, call) = Registration::start(registrant(), Password::new(PASSWORD)).unwrap();
    let error = registration.answered(&service.answer(&call).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn a_service_that_reflects_or_swaps_messages_is_noticed() {
    let service = TestService::new();
    registered(&service);
    // The blinded password sent back as its evaluation.
    let (registration, call) = Registration::start(registrant(), Password::new(PASSWORD)).unwrap();
    let sent: wire::StartRegistration = read_request(&call.body).unwrap();
    let mut answer: RegistrationStarted = read_response(&service.answer(&call).unwrap(), "register").unwrap();
    answer.opaque_response.0[..32].copy_from_slice(&sent.opaque_request.0);
    let error = registration.answered(&write_response(&answer).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted);
    // An answer to another registration.
    let (registration, call) = Registration::start(registrant(), Password::new(PASSWORD)).unwrap();
    let (finish, call) = registration.answered(&service.answer(&call).unwrap()).unwrap();
    let mut sent: FinishRegistration = read_request(&call.body).unwrap();
    sent.registration_id = wire::RegistrationId::from_bytes([9; 16]);
    let other = Call { body: write_response(&sent).unwrap(), ..call };
    let error = finish.answered(&service.answer(&other).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn cards_are_refused_before_anything_is_sent() {
    const CARD: &str = "4111 1111 1111 1111";
    for fault in [
        |who: &mut Registrant| who.first_name = CARD.to_owned(),
        |who: &mut Registrant| who.last_name = CARD.to_owned(),
        |who: &mut Registrant| who.email = "4111111111111111@example.org".to_owned(),
        |who: &mut Registrant| who.plan = CARD.to_owned(),
    ] {
        let mut who = registrant();
        fault(&mut who);
        let error = Registration::start(who, Password::new(PASSWORD)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(!format!("{error:?}").contains("1111"));
    }
    assert!(Registration::start(registrant(), Password::new(CARD)).is_err());
    assert!(PasswordChange::start(Password::new(CARD)).is_err());
}

#[test]
fn no_call_holds_a_secret() {
    let service = TestService::new();
    let (registration, start) = Registration::start(registrant(), Password::new(PASSWORD)).unwrap();
    let (finish, call) = registration.answered(&service.answer(&start).unwrap()).unwrap();
    let pending = finish.answered(&service.answer(&call).unwrap()).unwrap();
    service.answer(&confirm_registration(pending.registration_id, MAILED).unwrap()).unwrap();
    let master_key = *signed_in(&service, PASSWORD).master_key.expose();
    let code = pending.recovery_code.reveal().replace('-', "");
    for call in [start, call] {
        let text = String::from_utf8(call.body).unwrap();
        for secret in [PASSWORD, &code, &Base64Url::encode(&master_key), &crate::id::hex(&master_key)] {
            assert!(!text.contains(secret));
        }
    }
}

/// Everything a flow takes from outside, with an answer that is right but for some bytes.
fn damaged(answer: &[u8], position: prop::sample::Index, byte: u8) -> Vec<u8> {
    let mut damaged = answer.to_vec();
    let position = position.index(damaged.len());
    damaged[position] = byte;
    damaged
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_damaged_answer_never_signs_anybody_in(at: prop::sample::Index, byte: u8, second: bool) {
        let service = TestService::new();
        registered(&service);
        let (sign_in, call) = SignIn::start("kim@example.org", Password::new(PASSWORD), None, 0).unwrap();
        let answer = service.answer(&call).unwrap();
        let first: SignInStarted = read_response(&answer, "sign in").unwrap();
        let hurt = if second { answer } else { damaged(&answer, at, byte) };
        let Ok((finish, call)) = sign_in.answered(&hurt) else { return Ok(()) };
        // What went through is what was said, but for the id, which the service looks up.
        let again: SignInStarted = read_response(&hurt, "sign in").unwrap();
        prop_assert_eq!(again.opaque_response, first.opaque_response);
        let Ok(answer) = service.answer(&call) else { return Ok(()) };
        let whole: SignInFinished = read_response(&answer, "sign in").unwrap();
        let hurt = if second { damaged(&answer, at, byte) } else { answer };
        if let Ok(SignInOutcome::SignedIn(signed_in)) = finish.answered(&hurt) {
            let public = service.state.lock().unwrap().account.as_ref().unwrap().registered.account_public;
            prop_assert_eq!(signed_in.master_key.public_key(), public);
            let again: SignInFinished = read_response(&hurt, "sign in").unwrap();
            prop_assert_eq!(again.password_wrap, whole.password_wrap);
        }
    }
}

proptest! {
    #[test]
    fn rubbish_ends_every_flow_with_an_error(answer: Vec<u8>) {
        let password = || Password::new(PASSWORD);
        prop_assert!(Registration::start(registrant(), password()).unwrap().0.answered(&answer).is_err());
        prop_assert!(SignIn::start("kim@example.org", password(), None, 0).unwrap().0.answered(&answer).is_err());
        prop_assert!(Recovery::start("kim@example.org").unwrap().0.answered(&answer).is_err());
        let master_key = crate::account::MasterKey::generate().unwrap();
        prop_assert!(PasswordChange::start(password()).unwrap().0.answered(&answer, &master_key).is_err());
        prop_assert!(read_confirmation(&answer).is_err());
        let account = wire::AccountId::from_bytes([1; 16]);
        let key = DeviceKey::from_seeds(crate::crypto::SecretKey::from_bytes([1; 32]), crate::crypto::SecretKey::from_bytes([2; 32])).unwrap();
        let (request, _) = TokenRequest::start(&account, &key, Capabilities::ALL, None, 0).unwrap();
        prop_assert!(request.answered(&answer).is_err());
    }
}
