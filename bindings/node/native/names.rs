//! Enumerations as JavaScript writes them: by their stable names.

use crate::convert::Convert;
use crate::values::{Text, invalid};
use napi::bindgen_prelude::{FromNapiValue, Result, ToNapiValue, TypeName, ValidateNapiValue};
use napi::{ValueType, sys};

macro_rules! names {
    ($($name:ident)*) => { $(
        #[doc = concat!("`", stringify!($name), "` by its name.")]
        #[derive(Debug, Clone, Copy)]
        pub struct $name(pub strongroom_bindings::$name);

        impl TypeName for $name {
            fn type_name() -> &'static str {
                stringify!($name)
            }

            fn value_type() -> ValueType {
                ValueType::String
            }
        }

        impl ValidateNapiValue for $name {}

        impl FromNapiValue for $name {
            unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
                // SAFETY: both come from Node for this call.
                let Text(name) = unsafe { Text::from_napi_value(env, value)? };
                let found = strongroom_bindings::$name::from_name(&name);
                let wrong = || invalid(format!("no {} is called `{}`", stringify!($name), name.escape_debug()));
                found.map($name).ok_or_else(wrong)
            }
        }

        impl ToNapiValue for $name {
            unsafe fn to_napi_value(env: sys::napi_env, value: Self) -> Result<sys::napi_value> {
                // SAFETY: the environment is the one this is called for.
                unsafe { <&str>::to_napi_value(env, value.0.name()) }
            }
        }

        impl Convert<$name> for strongroom_bindings::$name {
            fn convert(self) -> $name {
                $name(self)
            }
        }
    )* };
}
names!(
    ErrorKind Outcome SnapshotOutcome Role SlotMethod EntryKind Phase ProblemReason CheckKind PeriodKind Overwrite Ownership
    ChangeKind LogLevel
);
