//! The service's side of OPAQUE (RFC 9807): it checks passwords that it never sees.

use crate::problem::Problem;
use crate::service_key::ServiceKey;
use opaque_ke::{
    CredentialFinalization, CredentialRequest, RegistrationRequest, RegistrationUpload, ServerLogin,
    ServerLoginParameters, ServerRegistration, ServerSetup,
};
use sqlx::{AnyPool, Row};
use strongroom::account::opaque::{CONTEXT, Generator, Suite};
use strongroom::account::proof::SessionKey;
use strongroom::{Error, ErrorKind};
use zeroize::Zeroizing;

const SETUP: &str = "opaque setup";
const RECORD: &str = "opaque record";
const STATE: &str = "opaque sign-in";

/// The service's OPAQUE keys: one set for all accounts, made at the first start.
pub(crate) struct Opaque {
    setup: ServerSetup<Suite>,
}

impl std::fmt::Debug for Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opaque(..)")
    }
}

impl Opaque {
    /// Takes the keys from the database, where the service's key seals them, or makes them.
    pub(crate) async fn load_or_create(pool: &AnyPool, key: &ServiceKey) -> Result<Self, Problem> {
        let made = Zeroizing::new(ServerSetup::<Suite>::new(&mut Generator::new()?).serialize().to_vec());
        // Of processes that start at once, one is first; all go on with what it wrote.
        sqlx::query("INSERT INTO service_secrets (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(SETUP)
            .bind(key.seal(SETUP, SETUP, &made)?)
            .execute(pool)
            .await?;
        let row = sqlx::query("SELECT sealed FROM service_secrets WHERE name = $1").bind(SETUP).fetch_one(pool).await?;
        let stored = key.open(SETUP, SETUP, row.try_get(0)?)?;
        let setup = ServerSetup::<Suite>::deserialize(&stored)
            .map_err(|_| Error::new(ErrorKind::Corrupt, "read the service's OPAQUE keys"))?;
        Ok(Opaque { setup })
    }

    /// Answers a registration request, for the credential that will be stored under `credential_id`.
    pub(crate) fn register(&self, credential_id: &str, request: &[u8]) -> Result<Vec<u8>, Problem> {
        let request = RegistrationRequest::<Suite>::deserialize(request).map_err(|_| rubbish("opaque_request"))?;
        let started = ServerRegistration::<Suite>::start(&self.setup, request, credential_id.as_bytes())
            .map_err(|_| rubbish("opaque_request"))?;
        Ok(started.message.serialize().to_vec())
    }

    /// The record of a finished registration, sealed for `account`.
    pub(crate) fn record(&self, key: &ServiceKey, account: &str, upload: &[u8]) -> Result<String, Problem> {
        let upload = RegistrationUpload::<Suite>::deserialize(upload).map_err(|_| rubbish("opaque_upload"))?;
        key.seal(RECORD, account, &Zeroizing::new(ServerRegistration::finish(upload).serialize().to_vec()))
    }

    /// Answers a sign-in: the response, and the sealed state that the sign-in `id` goes on with.
    ///
    /// Without a record it does the same work, and the sign-in cannot succeed.
    pub(crate) fn sign_in(
        &self,
        key: &ServiceKey,
        id: &str,
        account: Option<(&str, &str)>,
        credential_id: &str,
        request: &[u8],
    ) -> Result<(Vec<u8>, String), Problem> {
        let request = CredentialRequest::<Suite>::deserialize(request).map_err(|_| rubbish("opaque_request"))?;
        let record = match account {
            Some((account, sealed)) => Some(
                ServerRegistration::<Suite>::deserialize(&key.open(RECORD, account, sealed)?)
                    .map_err(|_| Error::new(ErrorKind::Corrupt, "read an account's OPAQUE record"))?,
            ),
            None => None,
        };
        let parameters = ServerLoginParameters { context: Some(CONTEXT), ..ServerLoginParameters::default() };
        let started = ServerLogin::start(
            &mut Generator::new()?,
            &self.setup,
            record,
            request,
            credential_id.as_bytes(),
            parameters,
        )
        .map_err(|_| rubbish("opaque_request"))?;
        let state = Zeroizing::new(started.state.serialize().to_vec());
        Ok((started.message.serialize().to_vec(), key.seal(STATE, id, &state)?))
    }

    /// Finishes a sign-in: the key that both sides have now, if the password was right.
    pub(crate) fn finish(
        key: &ServiceKey,
        id: &str,
        state: &str,
        finalization: &[u8],
    ) -> Result<Option<SessionKey>, Problem> {
        let state = ServerLogin::<Suite>::deserialize(&key.open(STATE, id, state)?)
            .map_err(|_| Error::new(ErrorKind::Corrupt, "read a sign-in's state"))?;
        let message =
            CredentialFinalization::<Suite>::deserialize(finalization).map_err(|_| rubbish("opaque_finalization"))?;
        let parameters = ServerLoginParameters { context: Some(CONTEXT), ..ServerLoginParameters::default() };
        Ok(state.finish(message, parameters).ok().map(|finished| SessionKey::from_opaque(&finished.session_key)))
    }
}

fn rubbish(field: &'static str) -> Problem {
    Error::new(ErrorKind::InvalidArgument, "read a message of OPAQUE")
        .object(field)
        .detail("it is not such a message")
        .into()
}
