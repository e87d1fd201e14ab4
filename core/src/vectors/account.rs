//! What the account protocol computes: wraps, keys, signed statements, proofs, and OPAQUE as this protocol uses it.

use super::{read, unhex, write};
use crate::account::keys::{MasterKey, prove_recovery, recovery_public_key};
use crate::account::opaque::client::{self, RegistrationState, SignInState};
use crate::account::opaque::{CONTEXT, Generator, Suite};
use crate::account::proof::{RequestProof, SessionKey, Statement, body_hash};
use crate::account::public_key::{SIGN_IN_CONTEXT, TOKEN_CONTEXT};
use crate::account::wire::{
    AccountId, Base64Url, Capabilities, Capability, DeviceCertificate, IdempotencyKey, KnownDevice, Nonce, RecoveryId,
    RequestDeviceToken, StartSignIn, TokenId, VaultId, certificate_message, known_device_message, recovery_message,
    token_request_message,
};
use crate::account::{Password, PublicKey};
use crate::crypto::password::Cost;
use crate::crypto::recovery::RecoveryCode;
use crate::format::device::DeviceKey;
use crate::id::hex;
use opaque_ke::{
    CredentialFinalization, CredentialRequest, RegistrationRequest, RegistrationUpload, ServerLogin,
    ServerLoginParameters, ServerRegistration, ServerSetup,
};
use serde_json::{Value, json};
use std::path::Path;

const ACCOUNT: AccountId = AccountId::from_bytes([0x61; 16]);
const VAULT: VaultId = VaultId::from_bytes([0x62; 16]);
const TOKEN: TokenId = TokenId::from_bytes([0x63; 16]);
const RECOVERY: RecoveryId = RecoveryId::from_bytes([0x64; 16]);
const NONCE: Nonce = Nonce::from_bytes([0x65; 16]);
const KEY: IdempotencyKey = IdempotencyKey::from_bytes([0x66; 16]);
const TIME: i64 = super::TIME * 1000;
const PASSWORD: &str = "correct horse battery staple";
const CREDENTIAL: &[u8] = b"0123456789abcdef";
const BODY: &[u8] = b"{\"name\":\"photos\"}";
const SESSION_KEY: [u8; 64] = [0x67; 64];
const EXPORT_KEY: [u8; 64] = [0x68; 64];

fn master_key() -> MasterKey {
    MasterKey::from_bytes_for_tests([0x69; 32])
}

fn device_key() -> DeviceKey {
    super::objects::device_key()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// What follows from fixed inputs alone.
fn derived(code: &RecoveryCode) -> Value {
    let (master, device) = (master_key(), device_key());
    let request = device.request("Kim's phone \u{2713}").unwrap();
    let grants = Capabilities::from([Capability::Append, Capability::Read]);
    let certificate = master.certify(ACCOUNT, &request, grants, TIME);
    let mut token_request = RequestDeviceToken {
        capabilities: Capability::Append.into(),
        vault_id: Some(VAULT),
        requested_at: TIME,
        nonce: NONCE,
        signature: Base64Url::default(),
    };
    let token_message = token_request_message(&ACCOUNT, &device.id(), &token_request);
    token_request.signature = Base64Url(device.signing().sign(TOKEN_CONTEXT, &token_message).to_vec());
    let mut start =
        StartSignIn { email: "kim@example.org".to_owned(), opaque_request: Base64Url(vec![1; 96]), device: None };
    let mut known =
        KnownDevice { device_id: device.id(), signed_at: TIME, nonce: NONCE, signature: Base64Url::default() };
    let known_message = known_device_message(&start, &known);
    known.signature = Base64Url(device.signing().sign(SIGN_IN_CONTEXT, &known_message).to_vec());
    start.device = Some(known);
    json!({
        "inputs": {
            "master_key": hex(master.expose()),
            "device_key": hex(&device.to_bytes()),
            "recovery_code": code.reveal().as_str(),
            "account_id": ACCOUNT,
            "vault_id": VAULT,
        },
        "account_public": master.public_key(),
        "vault_key": hex(&*master.vault_key(&VAULT)),
        "recovery_public": recovery_public_key(code),
        "device_public": PublicKey::of_device(&request),
        "device_id": device.id(),
        "certificate": {
            "message": text(certificate_message(&certificate)),
            "json": certificate,
        },
        "token_request": {
            "message": text(token_message),
            "json": token_request,
        },
        "known_device": {
            "message": text(known_message),
            "json": start,
        },
        "recovery_proof": {
            "message": text(recovery_message(&RECOVERY, &NONCE)),
            "signature": prove_recovery(code, &RECOVERY, &NONCE),
        },
        "proofs": proofs(&device),
    })
}

fn proofs(device: &DeviceKey) -> Vec<Value> {
    let cases: [(&str, &str, &[u8], Option<IdempotencyKey>); 3] = [
        ("GET", "/v1/vaults?limit=100", b"", None),
        ("POST", "/v1/vaults", BODY, Some(KEY)),
        ("PUT", "/v1/vaults/62626262626262626262626262626262/objects/packs/00", &[0, 1, 2, 255], None),
    ];
    let session = SessionKey::from_opaque(&SESSION_KEY);
    let proof = |(method, target, body, key): (&str, &str, &[u8], Option<IdempotencyKey>)| {
        let statement = Statement::new(method, target, key).unwrap();
        let body_hash = body_hash(&[body]);
        let by_session = RequestProof::by_session_with(&session, TOKEN, TIME, NONCE, &statement, body_hash);
        let by_device = RequestProof::by_device_with(device, TOKEN, TIME, NONCE, &statement, body_hash);
        json!({
            "method": method,
            "target": target,
            "body": hex(body),
            "idempotency_key": key,
            "message": text(by_session.message(&statement)),
            "opaque_session_key": hex(&SESSION_KEY),
            "session_proof_key": hex(&*session.to_bytes()),
            "authorization_by_session": by_session.to_header(),
            "authorization_by_device": by_device.to_header(),
        })
    };
    cases.into_iter().map(proof).collect()
}

fn wraps(code: &RecoveryCode) -> Value {
    let (master, device) = (master_key(), device_key());
    let request = device.request("Kim's phone \u{2713}").unwrap();
    json!({
        "by_export_key": { "export_key": hex(&EXPORT_KEY), "wrap": hex(&master.wrap_by_export_key(&EXPORT_KEY).unwrap()) },
        "by_recovery_code": { "wrap": hex(&master.wrap_by_recovery_code(code).unwrap()) },
        "for_device": { "wrap": hex(&master.wrap_for_device(&request).unwrap()) },
    })
}

fn opaque() -> Value {
    let setup = ServerSetup::<Suite>::new(&mut Generator::new().unwrap());
    let password = Password::new(PASSWORD);
    let (state, request) = client::start_registration(&password).unwrap();
    let registration_state = state.to_bytes();
    let message = RegistrationRequest::deserialize(&request).unwrap();
    let response = ServerRegistration::<Suite>::start(&setup, message, CREDENTIAL).unwrap();
    let response = response.message.serialize().to_vec();
    let registered = client::finish_registration(state, &password, &response, Cost::FLOOR).unwrap();
    let registration = json!({
        "client_state": hex(&registration_state),
        "request": hex(&request),
        "response": hex(&response),
        "upload": hex(&registered.upload),
        "export_key": hex(&registered.export_key),
    });

    let (state, request) = client::start_sign_in(&password).unwrap();
    let sign_in_state = state.to_bytes();
    let record = ServerRegistration::finish(RegistrationUpload::<Suite>::deserialize(&registered.upload).unwrap());
    let parameters = || ServerLoginParameters { context: Some(CONTEXT), ..ServerLoginParameters::default() };
    let message = CredentialRequest::deserialize(&request).unwrap();
    let started =
        ServerLogin::start(&mut Generator::new().unwrap(), &setup, Some(record), message, CREDENTIAL, parameters())
            .unwrap();
    let response = started.message.serialize().to_vec();
    let proved = client::finish_sign_in(state, &password, &response, Cost::FLOOR).unwrap();
    let message = CredentialFinalization::deserialize(&proved.finalization).unwrap();
    let at_service = started.state.finish(message, parameters()).unwrap();
    assert_eq!(at_service.session_key.as_slice(), proved.session_key.as_slice());
    assert_eq!(*proved.export_key, *registered.export_key);
    json!({
        "context": text(CONTEXT.to_vec()),
        "password": PASSWORD,
        "credential_identifier": hex(CREDENTIAL),
        "stretching": crate::account::wire::Stretching::argon2id(Cost::FLOOR),
        "server_setup": hex(&setup.serialize()),
        "registration": registration,
        "sign_in": {
            "client_state": hex(&sign_in_state),
            "request": hex(&request),
            "response": hex(&response),
            "finalization": hex(&proved.finalization),
            "session_key": hex(&proved.session_key),
            "export_key": hex(&proved.export_key),
        },
    })
}

pub(super) fn make(folder: &Path) {
    let code = RecoveryCode::generate().unwrap();
    let told = json!({ "derived": derived(&code), "wraps": wraps(&code), "opaque": opaque() });
    write(&folder.join("account.json"), &told);
}

pub(super) fn check(folder: &Path) {
    let told = read(&folder.join("account.json"));
    let code = RecoveryCode::parse(told["derived"]["inputs"]["recovery_code"].as_str().unwrap()).unwrap();
    assert_eq!(derived(&code), told["derived"]);

    let wrap = |name: &str| unhex(&told["wraps"][name]["wrap"]);
    let export_key = unhex(&told["wraps"]["by_export_key"]["export_key"]);
    for opened in [
        MasterKey::unwrap_by_export_key(&wrap("by_export_key"), &export_key),
        MasterKey::unwrap_by_recovery_code(&wrap("by_recovery_code"), &code),
        MasterKey::unwrap_by_device(&wrap("for_device"), &device_key()),
    ] {
        assert_eq!(opened.unwrap().expose(), master_key().expose());
    }
    let certificate: DeviceCertificate =
        serde_json::from_value(told["derived"]["certificate"]["json"].clone()).unwrap();
    master_key().public_key().check_certificate(&certificate).unwrap();

    let opaque = &told["opaque"];
    let password = Password::new(opaque["password"].as_str().unwrap());
    let part = |step: &str, field: &str| unhex(&opaque[step][field]);
    let state = RegistrationState::from_bytes(&part("registration", "client_state"));
    let response = part("registration", "response");
    // The envelope in a registration has a nonce of its own, so what comes out differs, but for the lengths.
    let again = client::finish_registration(state, &password, &response, Cost::FLOOR).unwrap();
    assert_eq!(again.upload.len(), part("registration", "upload").len());
    let state = SignInState::from_bytes(&part("sign_in", "client_state"));
    let proved = client::finish_sign_in(state, &password, &part("sign_in", "response"), Cost::FLOOR).unwrap();
    assert_eq!(proved.finalization, part("sign_in", "finalization"));
    assert_eq!(proved.session_key.as_slice(), part("sign_in", "session_key"));
    assert_eq!(proved.export_key.as_slice(), part("registration", "export_key"));
}
