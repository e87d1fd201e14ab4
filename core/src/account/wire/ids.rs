//! The ids of the protocol: random bytes, as lower-case hexadecimal.

use crate::id::{DeviceId, identifier};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

identifier! {
    /// Names an account: random, and no secret.
    AccountId, 16
}
identifier! {
    /// Names a hosted repository.
    VaultId, 16
}
identifier! {
    /// Names a registration that is not confirmed yet.
    RegistrationId, 16
}
identifier! {
    /// Names a sign-in under way.
    SignInId, 16
}
identifier! {
    /// Names a recovery under way.
    RecoveryId, 16
}
identifier! {
    /// Names the token of a session or of a device. It proves nothing by itself: requests carry a
    /// [proof](crate::account::proof) as well.
    TokenId, 16
}
identifier! {
    /// Names an invoice.
    InvoiceId, 16
}
identifier! {
    /// Names an upload in parts.
    UploadId, 16
}
identifier! {
    /// Names a change, so that it is made once however often it is asked for.
    IdempotencyKey, 16
}
identifier! {
    /// Bytes that are used once.
    Nonce, 16
}

macro_rules! random {
    ($($name:ident)*) => { $(
        impl $name {
            /// A random one.
            ///
            /// # Errors
            /// [`Internal`](crate::ErrorKind::Internal) when the system's random number generator fails.
            pub fn random() -> crate::Result<Self> {
                crate::crypto::random().map($name)
            }
        }
    )* };
}

macro_rules! in_json {
    ($($name:ident)*) => { $(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("16 bytes in lower-case hexadecimal")
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(|_| E::custom("expected 16 bytes in lower-case hexadecimal"))
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some("^[0-9a-f]{32}$"))
                    .into()
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::ToSchema for $name {}
    )* };
}

random! { AccountId VaultId RegistrationId SignInId RecoveryId TokenId InvoiceId UploadId IdempotencyKey Nonce }
in_json! { AccountId VaultId RegistrationId SignInId RecoveryId TokenId InvoiceId UploadId IdempotencyKey Nonce DeviceId }
