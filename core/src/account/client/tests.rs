use super::*;
use crate::account::testing::{AUTHENTICATOR, MAILED, TestService, Trouble};
use crate::account::wire::{Base64Url, Capability};
use crate::cancel::CancelToken;
use crate::error::ErrorKind;
use std::time::Instant;

const PASSWORD: &str = "correct horse battery";

fn service() -> (Arc<TestService>, AccountClient) {
    let service = Arc::new(TestService::new());
    (Arc::clone(&service), AccountClient::new(service))
}

fn registered(client: &AccountClient) -> PendingRegistration {
    let who = Registrant {
        first_name: "Kim".to_owned(),
        last_name: "Example".to_owned(),
        email: "kim@example.org".to_owned(),
        plan: "free".to_owned(),
    };
    let pending = client.register(who, Password::new(PASSWORD), &Context::new()).unwrap();
    client.confirm(pending.registration_id, MAILED, &Context::new()).unwrap();
    pending
}

fn signed_in(client: &AccountClient) -> Account {
    match client.sign_in("kim@example.org", Password::new(PASSWORD), None, &Context::new()).unwrap() {
        SignInStep::SignedIn(account) => account,
        SignInStep::SecondFactor(_) => panic!("a second factor is asked for"),
    }
}

/// A device of the account that may do `grants`.
fn device(client: &AccountClient, account: &Account, grants: Capabilities) -> (Account, DeviceKey) {
    let key = DeviceKey::generate().unwrap();
    account.add_device(&key.request("phone").unwrap(), grants, true, &Context::new()).unwrap();
    (client.device(account.id(), key.clone(), grants), key)
}

#[test]
fn a_session_and_its_devices_do_what_they_may() {
    let (service, client) = service();
    registered(&client);
    let (account, ctx) = (signed_in(&client), Context::new());
    let vault = account.create_vault("photos", None, &ctx).unwrap();
    let (writer, key) = device(&client, &account, Capability::Append.into());
    let (all, _) = device(&client, &account, Capabilities::ALL);
    device(&client, &account, Capability::Read.into());

    assert_eq!(all.vaults(&ctx).unwrap(), std::slice::from_ref(&vault));
    assert_eq!(writer.vaults(&ctx).unwrap_err().kind(), ErrorKind::Forbidden);
    let greedy = client.device(account.id(), key.clone(), Capabilities::ALL);
    assert_eq!(greedy.vaults(&ctx).unwrap_err().kind(), ErrorKind::Forbidden);

    let opened = all.open_master_key(&ctx).unwrap();
    assert_eq!(opened.vault_key(&vault.vault_id).unwrap(), account.vault_key(&vault.vault_id).unwrap());
    assert_eq!(all.vault_key(&vault.vault_id).unwrap_err().kind(), ErrorKind::InvalidArgument);

    // Three pages' worth of one list.
    let names: Vec<String> = account.devices(&ctx).unwrap().into_iter().map(|device| device.name).collect();
    assert_eq!(names, ["phone"; 3]);
    assert_eq!(account.rename_device(&key.id(), "old phone", &ctx).unwrap().name, "old phone");

    account.revoke_device(&key.id(), &ctx).unwrap();
    assert_eq!(writer.device(&key.id(), &ctx).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert!(service.state.lock().unwrap().devices.iter().any(|device| device.revoked_at.is_some()));
}

#[test]
fn a_known_device_signs_in_as_such_and_a_second_factor_is_asked_for() {
    let (service, client) = service();
    registered(&client);
    let account = signed_in(&client);
    let (_, key) = device(&client, &account, Capabilities::ALL);
    service.state.lock().unwrap().second_factor = true;
    let ctx = Context::new();
    let sign_in = |key: &DeviceKey| client.sign_in("kim@example.org", Password::new(PASSWORD), Some(key), &ctx);
    assert_eq!(sign_in(&DeviceKey::generate().unwrap()).unwrap_err().kind(), ErrorKind::Untrusted);
    let SignInStep::SecondFactor(pending) = sign_in(&key).unwrap() else { panic!("no second factor is asked for") };
    assert_eq!(pending.verify("111111", &ctx).unwrap_err().kind(), ErrorKind::WrongKey);
    assert_eq!(pending.verify(AUTHENTICATOR, &ctx).unwrap().id(), account.id());
}

#[test]
fn the_password_can_be_changed_and_recovered() {
    let (service, client) = service();
    let code = registered(&client).recovery_code;
    let ctx = Context::new();
    signed_in(&client).change_password(Password::new("another horse"), &ctx).unwrap();
    let sign_in = |password: &str| client.sign_in("kim@example.org", Password::new(password), None, &ctx);
    assert_eq!(sign_in(PASSWORD).unwrap_err().kind(), ErrorKind::WrongKey);
    let SignInStep::SignedIn(before) = sign_in("another horse").unwrap() else { panic!("a second factor") };
    let challenge = client.start_recovery("kim@example.org", &ctx).unwrap();
    let new = client.finish_recovery(&challenge, MAILED, code, Password::new("third horse"), &ctx).unwrap();
    assert_eq!(new.reveal().len(), 35);
    let SignInStep::SignedIn(after) = sign_in("third horse").unwrap() else { panic!("a second factor") };
    assert_eq!(before.master_key().unwrap().expose(), after.master_key().unwrap().expose());
    assert_eq!(before.vaults(&ctx).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert!(service.state.lock().unwrap().requests > 10);
}

#[test]
fn a_change_is_made_once_though_its_answer_is_lost() {
    let (service, client) = service();
    registered(&client);
    let (account, ctx) = (signed_in(&client), Context::new());
    for troubles in [
        vec![Trouble::AnswerLost],
        vec![Trouble::AnswerLost, Trouble::Lost, Trouble::AnswerLost],
        vec![Trouble::Busy(1), Trouble::AnswerLost, Trouble::Busy(20)],
    ] {
        let before = service.state.lock().unwrap().vaults.len();
        service.state.lock().unwrap().troubles = troubles;
        let vault = account.create_vault("photos", None, &ctx).unwrap();
        let state = service.state.lock().unwrap();
        assert_eq!(state.vaults.len(), before + 1);
        assert_eq!(state.vaults.last(), Some(&vault));
    }
    // The same for a token: its request is one that counts once.
    let (writer, key) = device(&client, &account, Capability::Append.into());
    service.state.lock().unwrap().troubles = vec![Trouble::AnswerLost, Trouble::AnswerLost];
    assert_eq!(writer.device(&key.id(), &ctx).unwrap().device_id, key.id());
}

#[test]
fn it_gives_up_in_the_end_and_at_once_where_waiting_is_hopeless() {
    let (service, client) = service();
    let client = client.tries(3, Duration::from_secs(60));
    let ctx = Context::new();
    service.state.lock().unwrap().troubles = vec![Trouble::Lost; 3];
    assert_eq!(client.plans(&ctx).unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(service.state.lock().unwrap().troubles.is_empty());
    service.state.lock().unwrap().troubles = vec![Trouble::Busy(3_600_000); 3];
    let begin = Instant::now();
    let error = client.plans(&ctx).unwrap_err();
    assert_eq!(error.retry(), crate::error::Retry::After(Duration::from_secs(3600)));
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert_eq!(service.state.lock().unwrap().troubles.len(), 2);
}

#[test]
fn a_wait_ends_when_it_is_cancelled() {
    let (service, client) = service();
    service.state.lock().unwrap().troubles = vec![Trouble::Busy(20_000)];
    let token = CancelToken::new();
    let ctx = Context::new().cancel_token(token.clone());
    let answered = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.plans(&ctx).unwrap_err().kind());
        std::thread::sleep(Duration::from_millis(100));
        let begin = Instant::now();
        token.cancel();
        (waiting.join().unwrap(), begin.elapsed())
    });
    assert_eq!(answered.0, ErrorKind::Cancelled);
    assert!(answered.1 < Duration::from_millis(250), "{:?}", answered.1);
}

#[test]
fn a_wrong_clock_is_corrected_by_the_services() {
    for hours in [-30_000, -2, 2, 30_000] {
        let (service, client) = service();
        registered(&client);
        let account = signed_in(&client);
        let ctx = Context::new();
        let (all, _) = device(&client, &account, Capabilities::ALL);
        // The tokens are of the past or the future now, as if this machine's clock had been set.
        service.state.lock().unwrap().clock = hours * 3_600_000;
        assert!(all.vaults(&ctx).unwrap().is_empty(), "{hours}");
        let before = service.state.lock().unwrap().requests;
        all.vaults(&ctx).unwrap();
        assert_eq!(service.state.lock().unwrap().requests, before + 1, "the clock is remembered");
    }
}

#[test]
fn nothing_on_the_wire_holds_a_secret() {
    let (service, client) = service();
    let pending = registered(&client);
    let (account, ctx) = (signed_in(&client), Context::new());
    let (_, key) = device(&client, &account, Capabilities::ALL);
    client.device(account.id(), key.clone(), Capabilities::ALL).open_master_key(&ctx).unwrap();
    let challenge = client.start_recovery("kim@example.org", &ctx).unwrap();
    let code = pending.recovery_code.clone();
    client.finish_recovery(&challenge, MAILED, code, Password::new("third horse"), &ctx).unwrap();

    let traffic = service.state.lock().unwrap().traffic.clone();
    let contains = |secret: &[u8]| traffic.windows(secret.len()).any(|window| window == secret);
    assert!(contains(b"kim@example.org") && contains(account.id().to_string().as_bytes()));
    let vault = crate::account::wire::VaultId::from_bytes([1; 16]);
    let secrets: Vec<Vec<u8>> = vec![
        account.master_key().unwrap().expose().to_vec(),
        account.vault_key(&vault).unwrap().to_vec(),
        key.signing().seed().expose().to_vec(),
        key.kem().seed().expose().to_vec(),
    ];
    for secret in secrets {
        for form in [secret.clone(), Base64Url::encode(&secret).into_bytes(), crate::id::hex(&secret).into_bytes()] {
            assert!(!contains(&form));
        }
    }
    for secret in [PASSWORD, "third horse", pending.recovery_code.reveal().as_str()] {
        assert!(!contains(secret.as_bytes()));
        assert!(!contains(Base64Url::encode(secret.as_bytes()).as_bytes()));
    }
}

#[test]
fn a_list_without_end_is_not_followed_for_ever() {
    struct Endless;
    impl Transport for Endless {
        fn send(
            &self,
            request: &crate::account::transport::TransportRequest<'_>,
            _: &CancelToken,
        ) -> Result<crate::account::transport::TransportResponse> {
            assert!(request.target.ends_with("limit=1000") || request.target.ends_with("&after=a%20%2F%C3%A4"));
            let body = Box::new(std::io::Cursor::new("{\"items\":[],\"next\":\"a /ä\"}".as_bytes()));
            Ok(crate::account::transport::TransportResponse { status: 200, headers: Vec::new(), body })
        }

        fn service(&self) -> String {
            String::new()
        }
    }
    let error = AccountClient::new(Endless).plans(&Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}
