//! The service's OpenAPI document, made from the code that answers.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// The header that names a change.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code)] // read by name, where the change is taken apart
pub(crate) struct KeyHeader {
    /// Names the change: asked for again with the same key, it is answered as it was and not made again.
    #[param(rename = "Idempotency-Key", pattern = "^[0-9a-f]{32}$")]
    idempotency_key: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Strongroom account service",
        description = "Registration, sign-in, devices, plans and hosted vaults. Passwords and keys never reach the service; \
                       docs/protocol.md describes what a client does to keep them.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "The service this document comes from")),
    modifiers(&Security),
    paths(
        crate::service::info,
        crate::service::live,
        crate::service::ready,
        crate::service::plans,
        crate::account::registration::start,
        crate::account::registration::finish,
        crate::account::registration::confirm,
        crate::account::sign_in::start,
        crate::account::sign_in::finish,
        crate::account::sign_in::verify,
        crate::account::sessions::sign_out,
        crate::account::recovery::start,
        crate::account::recovery::prove,
        crate::account::recovery::finish,
        crate::account::second_factor::start,
        crate::account::second_factor::confirm,
        crate::account::second_factor::remove,
        crate::account::devices::enrol,
        crate::account::devices::list,
        crate::account::devices::get,
        crate::account::devices::rename,
        crate::account::devices::revoke,
        crate::account::devices::token,
        crate::account::profile::get,
        crate::account::profile::update,
        crate::account::profile::change_email,
        crate::account::profile::confirm_email,
        crate::account::profile::wraps,
        crate::account::profile::usage,
        crate::account::password::start,
        crate::account::password::finish,
        crate::billing::change::get,
        crate::billing::change::preview,
        crate::billing::change::change,
        crate::billing::change::cancel,
        crate::billing::change::resume,
        crate::billing::checkout::checkout,
        crate::billing::checkout::portal,
        crate::billing::invoices::history,
        crate::billing::invoices::list,
        crate::billing::invoices::get,
        crate::billing::stripe::webhook::receive,
    )
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let text = "Strongroom token=\"…\", t=\"…\", n=\"…\", b=\"…\", p=\"…\": a token's id, the time, bytes used once, the \
                    body's BLAKE3 hash, and a proof over the request by the session's or the device's key";
        let scheme = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("Authorization", text)));
        document.components.get_or_insert_default().add_security_scheme("strongroom", scheme);
    }
}

/// The document as JSON, with a line end.
///
/// # Errors
/// Never in practice: the document is made of what JSON can hold.
pub fn document() -> Result<String, serde_json::Error> {
    let mut document = Document::openapi();
    document.merge(crate::vault::Document::openapi());
    name_operations(&mut document);
    document.to_pretty_json().map(|text| text + "\n")
}

/// Names every operation by its method and path, for programs that make a function of each: no two have the same.
fn name_operations(document: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let words = path.trim_start_matches("/v1/").split(['/', '-']).map(|word| word.trim_matches(['{', '}']));
        let words = words.collect::<Vec<_>>().join("_");
        let operations = [
            ("get", &mut item.get),
            ("head", &mut item.head),
            ("post", &mut item.post),
            ("put", &mut item.put),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(format!("{method}_{words}"));
            }
        }
    }
}
