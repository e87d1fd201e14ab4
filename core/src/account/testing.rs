//! A service in memory for the tests of the client: its half of OPAQUE and of the proofs, one account, no storage.

use super::opaque::{CONTEXT, Generator, Suite};
use super::proof::{ProofKey, RequestProof, SessionKey, Statement, body_hash};
use super::public_key::PublicKey;
use super::transport::{Method, Transport, TransportRequest, TransportResponse};
use super::wire::*;
use crate::cancel::CancelToken;
use crate::crypto::password::Cost;
use crate::error::{Error, ErrorKind, Result};
use crate::format::device::DeviceRequest;
use crate::id::DeviceId;
use opaque_ke::{
    CredentialFinalization, CredentialRequest, RegistrationRequest, RegistrationUpload, ServerLogin,
    ServerLoginParameters, ServerRegistration, ServerSetup,
};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// The code in every mail.
pub(super) const MAILED: &str = "12345678";
/// The code of the authenticator.
pub(super) const AUTHENTICATOR: &str = "654321";

pub(super) struct TestService {
    pub(super) state: Mutex<State>,
}

/// What a fault does to the next request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It does not arrive.
    Lost,
    /// It arrives, and its answer does not.
    AnswerLost,
    /// The service has no time, for so many milliseconds.
    Busy(u64),
}

pub(super) struct State {
    setup: ServerSetup<Suite>,
    pub(super) stretching: Stretching,
    /// Milliseconds to add to this machine's clock.
    pub(super) clock: i64,
    pub(super) second_factor: bool,
    pub(super) account: Option<AccountState>,
    pub(super) pending: Option<FinishRegistration>,
    sign_ins: HashMap<SignInId, ServerLogin<Suite>>,
    proved: HashMap<SignInId, SessionKey>,
    recovery: Option<(RecoveryId, Nonce)>,
    tokens: HashMap<TokenId, (ProofKey, Capabilities)>,
    pub(super) devices: Vec<Device>,
    pub(super) vaults: Vec<Vault>,
    answers: HashMap<IdempotencyKey, (Vec<u8>, u16, Vec<u8>)>,
    nonces: HashSet<Nonce>,
    pub(super) troubles: Vec<Trouble>,
    /// Every byte that went over the wire.
    pub(super) traffic: Vec<u8>,
    /// How many requests arrived.
    pub(super) requests: u32,
}

pub(super) struct AccountState {
    pub(super) id: AccountId,
    pub(super) record: Vec<u8>,
    pub(super) registered: FinishRegistration,
}

impl TestService {
    pub(super) fn new() -> Self {
        let setup = ServerSetup::<Suite>::new(&mut Generator::new().unwrap());
        TestService {
            state: Mutex::new(State {
                setup,
                stretching: Stretching::argon2id(Cost::FLOOR),
                clock: 0,
                second_factor: false,
                account: None,
                pending: None,
                sign_ins: HashMap::new(),
                proved: HashMap::new(),
                recovery: None,
                tokens: HashMap::new(),
                devices: Vec::new(),
                vaults: Vec::new(),
                answers: HashMap::new(),
                nonces: HashSet::new(),
                troubles: Vec::new(),
                traffic: Vec::new(),
                requests: 0,
            }),
        }
    }

    /// Answers one call that needs no proof.
    pub(super) fn answer(&self, call: &super::flow::Call) -> Result<Vec<u8>> {
        let mut state = self.state.lock().unwrap();
        state.serve(call.method, &call.target, &call.body, None).map(|(_, body)| body)
    }
}

fn refused(kind: ErrorKind, detail: &'static str) -> Error {
    Error::new(kind, "serve").detail(detail)
}

fn json<T: Serialize>(status: u16, message: &T) -> Result<(u16, Vec<u8>)> {
    Ok((status, write_response(message)?))
}

impl State {
    pub(super) fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        i64::try_from(since.as_millis()).unwrap() + self.clock
    }

    fn the_account(&self) -> Result<&AccountState> {
        self.account.as_ref().ok_or_else(|| refused(ErrorKind::WrongKey, "no such account"))
    }

    fn start_password(&self, request: &Base64Url) -> Result<Base64Url> {
        let request =
            RegistrationRequest::deserialize(&request.0).map_err(|_| refused(ErrorKind::InvalidArgument, "request"))?;
        let started = ServerRegistration::<Suite>::start(&self.setup, request, b"credential").unwrap();
        Ok(Base64Url(started.message.serialize().to_vec()))
    }

    fn record(upload: &Base64Url) -> Vec<u8> {
        let upload = RegistrationUpload::<Suite>::deserialize(&upload.0).unwrap();
        ServerRegistration::finish(upload).serialize().to_vec()
    }

    fn session(&mut self, sign_in: &SignInId) -> Result<(u16, Vec<u8>)> {
        let key = self.proved.remove(sign_in).ok_or_else(|| refused(ErrorKind::WrongKey, "no such sign-in"))?;
        let token = TokenId::random()?;
        self.tokens.insert(token, (ProofKey::Session(key), Capabilities::ALL));
        let account = self.the_account()?;
        let session = Session { token, account_id: account.id, expires_at: self.now() + 1_800_000 };
        let password_wrap = Some(account.registered.password_wrap.clone());
        json(200, &SignInFinished { second_factor: false, session: Some(session), password_wrap })
    }

    /// The service's half of everything; `by` is what a proof lets its maker do.
    fn serve(&mut self, method: Method, target: &str, body: &[u8], by: Option<Capabilities>) -> Result<(u16, Vec<u8>)> {
        let path = target.split('?').next().unwrap_or_default();
        let authorised = |needed: Capability| match by {
            Some(capabilities) if capabilities.contains(needed) => Ok(()),
            Some(_) => Err(refused(ErrorKind::Forbidden, "the token does not let you")),
            None => Err(refused(ErrorKind::PermissionDenied, "there is no proof")),
        };
        let now = self.now();
        match (method, path) {
            (Method::Post, "/v1/registrations/start") => {
                let message: StartRegistration = read_request(body)?;
                let opaque_response = self.start_password(&message.opaque_request)?;
                let stretching = self.stretching.clone();
                json(
                    200,
                    &RegistrationStarted { registration_id: RegistrationId::random()?, opaque_response, stretching },
                )
            }
            (Method::Post, "/v1/registrations/finish") => {
                let message: FinishRegistration = read_request(body)?;
                let registration_id = message.registration_id;
                self.pending = Some(message);
                json(200, &RegistrationFinished { registration_id, confirm_by_at: now + 900_000 })
            }
            (Method::Post, "/v1/registrations/confirm") => {
                let message: ConfirmRegistration = read_request(body)?;
                let right = message.code.expose() == MAILED;
                let pending =
                    self.pending.take_if(|pending| right && pending.registration_id == message.registration_id);
                let registered = pending.ok_or_else(|| refused(ErrorKind::WrongKey, "the code is wrong"))?;
                let id = AccountId::random()?;
                self.account = Some(AccountState { id, record: Self::record(&registered.opaque_upload), registered });
                json(200, &RegistrationConfirmed { account_id: id })
            }
            (Method::Post, "/v1/sign-in/start") => {
                let message: StartSignIn = read_request(body)?;
                if let Some(device) = &message.device {
                    let known = self.devices.iter().find(|listed| listed.device_id == device.device_id);
                    let known = known.ok_or_else(|| refused(ErrorKind::Untrusted, "no such device"))?;
                    let request = DeviceRequest::from_bytes(&known.request.0)?;
                    PublicKey::of_device(&request).check_known_device(&message, device)?;
                }
                let known = self.account.as_ref().filter(|account| account.registered.email == message.email);
                let record = known.map(|account| ServerRegistration::<Suite>::deserialize(&account.record).unwrap());
                let request = CredentialRequest::deserialize(&message.opaque_request.0)
                    .map_err(|_| refused(ErrorKind::InvalidArgument, "request"))?;
                let parameters = ServerLoginParameters { context: Some(CONTEXT), ..ServerLoginParameters::default() };
                let started =
                    ServerLogin::start(&mut Generator::new()?, &self.setup, record, request, b"credential", parameters)
                        .unwrap();
                let sign_in_id = SignInId::random()?;
                self.sign_ins.insert(sign_in_id, started.state);
                let opaque_response = Base64Url(started.message.serialize().to_vec());
                json(200, &SignInStarted { sign_in_id, opaque_response, stretching: self.stretching.clone() })
            }
            (Method::Post, "/v1/sign-in/finish") => {
                let message: FinishSignIn = read_request(body)?;
                let wrong = || refused(ErrorKind::WrongKey, "the e-mail address or the password is wrong");
                let state = self.sign_ins.remove(&message.sign_in_id).ok_or_else(wrong)?;
                let finalization =
                    CredentialFinalization::deserialize(&message.opaque_finalization.0).map_err(|_| wrong())?;
                let parameters = ServerLoginParameters { context: Some(CONTEXT), ..ServerLoginParameters::default() };
                let done = state.finish(finalization, parameters).map_err(|_| wrong())?;
                self.proved.insert(message.sign_in_id, SessionKey::from_opaque(&done.session_key));
                if self.second_factor {
                    return json(200, &SignInFinished { second_factor: true, session: None, password_wrap: None });
                }
                self.session(&message.sign_in_id)
            }
            (Method::Post, "/v1/sign-in/second-factor") => {
                let message: VerifySecondFactor = read_request(body)?;
                if message.code.expose() != AUTHENTICATOR {
                    return Err(refused(ErrorKind::WrongKey, "the code is wrong"));
                }
                self.session(&message.sign_in_id)
            }
            (Method::Post, "/v1/recovery/start") => {
                let _: StartRecovery = read_request(body)?;
                let (recovery_id, challenge) = (RecoveryId::random()?, Nonce::random()?);
                self.recovery = Some((recovery_id, challenge));
                json(200, &RecoveryStarted { recovery_id, challenge })
            }
            (Method::Post, "/v1/recovery/prove") => {
                let message: ProveRecovery = read_request(body)?;
                let (recovery_id, challenge) = self.recovery.ok_or_else(|| refused(ErrorKind::NotFound, "recovery"))?;
                let account = self.the_account()?;
                if message.code.expose() != MAILED || recovery_id != message.recovery_id {
                    return Err(refused(ErrorKind::WrongKey, "the code is wrong"));
                }
                account.registered.recovery_public.check_recovery(&recovery_id, &challenge, &message.signature)?;
                let recovery_wrap = account.registered.recovery_wrap.clone();
                let opaque_response = self.start_password(&message.opaque_request)?;
                json(200, &RecoveryProved { recovery_wrap, opaque_response, stretching: self.stretching.clone() })
            }
            (Method::Post, "/v1/recovery/finish") => {
                let message: FinishRecovery = read_request(body)?;
                let account = self.account.as_mut().unwrap();
                account.record = Self::record(&message.opaque_upload);
                account.registered.password_wrap = message.password_wrap;
                account.registered.recovery_wrap = message.recovery_wrap;
                account.registered.recovery_public = message.recovery_public;
                self.tokens.clear();
                json(200, &Done {})
            }
            (Method::Post, "/v1/profile/password/start") => {
                authorised(Capability::Account)?;
                let message: StartPasswordChange = read_request(body)?;
                let opaque_response = self.start_password(&message.opaque_request)?;
                json(200, &ChangePasswordStarted { opaque_response, stretching: self.stretching.clone() })
            }
            (Method::Post, "/v1/profile/password/finish") => {
                authorised(Capability::Account)?;
                let message: ChangePassword = read_request(body)?;
                let account = self.account.as_mut().unwrap();
                account.record = Self::record(&message.opaque_upload);
                account.registered.password_wrap = message.password_wrap;
                json(200, &Done {})
            }
            (Method::Post, "/v1/devices") => {
                authorised(Capability::Account)?;
                let message: EnrolDevice = read_request(body)?;
                let request = DeviceRequest::from_bytes(&message.request.0)?;
                self.the_account()?.registered.account_public.check_certificate(&message.certificate)?;
                let device = Device {
                    device_id: request.id(),
                    name: message.name,
                    grants: message.grants,
                    request: message.request,
                    certificate: message.certificate,
                    enrolled_at: now,
                    last_seen_at: None,
                    revoked_at: None,
                    master_wrap: message.master_wrap,
                };
                self.devices.push(device.clone());
                json(201, &device)
            }
            (Method::Get, "/v1/devices") => {
                authorised(Capability::Account)?;
                // Pages of two, whatever was asked for.
                let after = target.split("after=").nth(1).map_or(0, |after| after.parse::<usize>().unwrap());
                let items: Vec<Device> = self.devices.iter().skip(after).take(2).cloned().collect();
                let next = (after + 2 < self.devices.len()).then(|| (after + 2).to_string());
                json(200, &Page { items, next })
            }
            (Method::Get, "/v1/vaults") => {
                authorised(Capability::Read)?;
                json(200, &Page { items: self.vaults.clone(), next: None })
            }
            (Method::Post, "/v1/vaults") => {
                authorised(Capability::Account)?;
                let message: CreateVault = read_request(body)?;
                let vault = Vault {
                    vault_id: VaultId::random()?,
                    name: message.name,
                    created_at: now,
                    minimum_age_ms: message.minimum_age_ms,
                    bytes: 0,
                    objects: 0,
                };
                self.vaults.push(vault.clone());
                json(201, &vault)
            }
            (Method::Get, "/v1/plans") => json(200, &Page::<Plan> { items: Vec::new(), next: None }),
            (method, path) => match path.strip_prefix("/v1/devices/").map(|rest| rest.split('/').collect::<Vec<_>>()) {
                Some(parts) => self.serve_device(method, &parts, body, by),
                None => Err(refused(ErrorKind::NotFound, "there is nothing here")),
            },
        }
    }

    fn serve_device(
        &mut self,
        method: Method,
        parts: &[&str],
        body: &[u8],
        by: Option<Capabilities>,
    ) -> Result<(u16, Vec<u8>)> {
        let id: DeviceId = parts[0].parse()?;
        let now = self.now();
        let account = self.the_account()?.id;
        let device = self.devices.iter_mut().find(|device| device.device_id == id);
        let device = device.ok_or_else(|| refused(ErrorKind::NotFound, "no such device"))?;
        let public = PublicKey::of_device(&DeviceRequest::from_bytes(&device.request.0)?);
        match (method, parts.get(1)) {
            (Method::Post, Some(&"tokens")) => {
                let message: RequestDeviceToken = read_request(body)?;
                public.check_token_request(&account, &id, &message)?;
                if device.revoked_at.is_some() || message.requested_at.abs_diff(now) > 300_000 {
                    return Err(refused(ErrorKind::PermissionDenied, "the device is revoked, or its clock is wrong"));
                }
                if !message.capabilities.is_subset(device.grants) {
                    return Err(refused(ErrorKind::Forbidden, "the device was not granted that"));
                }
                if !self.nonces.insert(message.nonce) {
                    return Err(refused(ErrorKind::PermissionDenied, "used twice"));
                }
                let token = TokenId::random()?;
                self.tokens.insert(token, (ProofKey::Device(public), message.capabilities));
                json(200, &DeviceToken { token, expires_at: now + 900_000 })
            }
            (Method::Get, None) if by.is_some() => json(200, device),
            (Method::Delete, None) if by.is_some_and(|by| by.contains(Capability::Account)) => {
                device.revoked_at = Some(now);
                let key = public.to_bytes();
                self.tokens
                    .retain(|_, (proof, _)| !matches!(proof, ProofKey::Device(public) if public.to_bytes() == key));
                json(200, &Done {})
            }
            (Method::Patch, None) if by.is_some_and(|by| by.contains(Capability::Account)) => {
                device.name = read_request::<RenameDevice>(body)?.name;
                json(200, device)
            }
            _ => Err(refused(ErrorKind::Forbidden, "the token does not let you")),
        }
    }

    /// Answers a call as if a proof had come with it.
    pub(super) fn serve_for_tests(&mut self, call: &super::flow::Call, by: Capabilities) -> Vec<u8> {
        self.serve(call.method, &call.target, &call.body, Some(by)).unwrap().1
    }

    fn check_proof(&self, request: &TransportRequest<'_>, header: &str) -> Result<Capabilities> {
        let proof = RequestProof::from_header(header)?;
        let denied = |detail| refused(ErrorKind::PermissionDenied, detail);
        if !proof.is_timely(self.now()) {
            return Err(denied("the clock is wrong"));
        }
        let (key, capabilities) = self.tokens.get(&proof.token()).ok_or_else(|| denied("no such token"))?;
        let idempotency_key = header_of(request, IDEMPOTENCY_KEY).map(|key| key.parse().unwrap());
        key.check_request(&Statement::new(request.method.name(), request.target, idempotency_key)?, &proof)?;
        if proof.body() != body_hash(request.body) {
            return Err(denied("it is another body"));
        }
        Ok(*capabilities)
    }

    fn take(&mut self, request: &TransportRequest<'_>) -> (u16, Vec<u8>) {
        let body = request.body.concat();
        let served = match header_of(request, "Authorization").map(|header| self.check_proof(request, header)) {
            Some(Err(error)) => Err(error),
            by => {
                let by = by.transpose().ok().flatten();
                let key: Option<IdempotencyKey> = header_of(request, IDEMPOTENCY_KEY).map(|key| key.parse().unwrap());
                assert_eq!(key.is_some(), !matches!(request.method, Method::Get | Method::Head));
                match key.and_then(|key| self.answers.get(&key)) {
                    Some((same, status, answer)) if *same == body => Ok((*status, answer.clone())),
                    Some(_) => Err(refused(ErrorKind::Conflict, "the key names another request")),
                    None => self.serve(request.method, request.target, &body, by).inspect(|(status, answer)| {
                        if let Some(key) = key {
                            self.answers.insert(key, (body.clone(), *status, answer.clone()));
                        }
                    }),
                }
            }
        };
        served.unwrap_or_else(|error| {
            let document = ProblemDocument::new(&error);
            (document.status, write_response(&document).unwrap())
        })
    }
}

fn header_of<'a>(request: &'a TransportRequest<'_>, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
}

impl Transport for TestService {
    fn send(&self, request: &TransportRequest<'_>, cancel: &CancelToken) -> Result<TransportResponse> {
        cancel.check("send a request")?;
        let mut state = self.state.lock().unwrap();
        let trouble = state.troubles.pop();
        let lost = || Error::new(ErrorKind::Unavailable, "send a request").detail("the connection broke");
        let lost = || lost().retry_hint(crate::error::Retry::After(std::time::Duration::from_millis(1)));
        if trouble == Some(Trouble::Lost) {
            return Err(lost());
        }
        state.requests += 1;
        state.traffic.extend_from_slice(format!("{request:?} {:?}\n", request.headers).as_bytes());
        state.traffic.extend_from_slice(&request.body.concat());
        let (status, body) = match trouble {
            Some(Trouble::Busy(milliseconds)) => {
                let document = ProblemDocument::too_many_requests(std::time::Duration::from_millis(milliseconds));
                (429, write_response(&document)?)
            }
            _ => state.take(request),
        };
        state.traffic.extend_from_slice(&body);
        if trouble == Some(Trouble::AnswerLost) {
            return Err(lost());
        }
        let headers =
            if status == 401 { vec![("strongroom-time".to_owned(), state.now().to_string())] } else { Vec::new() };
        Ok(TransportResponse { status, headers, body: Box::new(std::io::Cursor::new(body)) })
    }

    fn service(&self) -> String {
        "https://test.example.org".to_owned()
    }
}
