//! Vaults and their objects: `/v1/vaults`.

use super::text::check_label;
use super::{Base64Url, Request, UploadId, VaultId};
use crate::error::{Result, invalid};

request! {
    /// `POST`: makes a vault.
    pub struct CreateVault {
        /// What people call it.
        pub name: String,
        /// How long each of its objects is kept from being deleted by anybody, in milliseconds since it was received;
        /// missing for not at all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub minimum_age_ms: Option<u64>,
    }

    /// `POST …/{id}/uploads`: begins an upload in parts.
    pub struct StartUpload {
        /// The object's name: folder, slash, file; or `config`.
        pub name: String,
        /// Its length in bytes.
        pub length: u64,
    }

    /// `POST …/{id}/uploads/{upload_id}/finish`: ends an upload in parts.
    pub struct FinishUpload {
        /// BLAKE3 of the whole object.
        pub hash: Base64Url,
    }

    /// `PUT …/{id}/holds`: keeps an object from being deleted by anybody.
    pub struct SetHold {
        /// The object's name.
        pub name: String,
        /// Until when, in milliseconds since 1970 UTC. Never earlier than before.
        pub until_at: i64,
    }
}

response! {
    /// A hosted repository.
    pub struct Vault {
        /// Its id.
        pub vault_id: VaultId,
        /// What people call it.
        pub name: String,
        /// When it was made, in milliseconds since 1970 UTC.
        pub created_at: i64,
        /// How long its objects are kept from being deleted, in milliseconds; missing for not at all.
        #[serde(default)]
        pub minimum_age_ms: Option<u64>,
        /// Bytes stored.
        pub bytes: u64,
        /// Objects stored.
        pub objects: u64,
    }

    /// An item of `GET …/{id}/objects`.
    pub struct StoredObject {
        /// Its name: folder, slash, file; or `config`.
        pub name: String,
        /// Its length in bytes.
        pub length: u64,
        /// When storage received it, in milliseconds since 1970 UTC.
        pub modified_at: i64,
    }

    /// How far an upload is.
    pub struct Upload {
        /// Names the upload.
        pub upload_id: UploadId,
        /// Bytes received so far: where the next part begins.
        pub received: u64,
        /// Length of the whole object, in bytes.
        pub length: u64,
    }

    /// A hold that is in force.
    pub struct Hold {
        /// The object's name.
        pub name: String,
        /// Until when, in milliseconds since 1970 UTC.
        pub until_at: i64,
    }
}

/// Longest name of an object, in bytes.
const MAX_OBJECT_NAME: usize = 200;

/// Object names are short, and of the characters that every storage takes.
fn check_object_name(name: &str, operation: &'static str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    if name.is_empty() || name.len() > MAX_OBJECT_NAME || !name.bytes().all(allowed) || name.contains("..") {
        return Err(invalid(operation, "it is not the name of an object").object("name"));
    }
    Ok(())
}

impl Request for CreateVault {
    const OPERATION: &'static str = "make a vault";

    fn check(&self) -> Result<()> {
        check_label(&self.name, "name", Self::OPERATION)
    }
}

impl Request for StartUpload {
    const OPERATION: &'static str = "begin an upload";

    fn check(&self) -> Result<()> {
        check_object_name(&self.name, Self::OPERATION)
    }
}

impl Request for FinishUpload {
    const OPERATION: &'static str = "end an upload";
}

impl Request for SetHold {
    const OPERATION: &'static str = "hold an object";

    fn check(&self) -> Result<()> {
        check_object_name(&self.name, Self::OPERATION)
    }
}
