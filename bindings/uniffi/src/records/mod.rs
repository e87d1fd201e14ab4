//! What operations return: the records of `strongroom-bindings` with numbers, times and names as Kotlin and Swift have them.

mod care;
mod entries;
mod keys;
mod reports;
mod snapshots;

pub use care::*;
pub use entries::*;
pub use keys::*;
pub use reports::*;
pub use snapshots::*;

use crate::failure::Failure;

/// Declares a record and how it is made of the one of the same name in `strongroom-bindings`, whose every field it has: a
/// field that is missing here does not compile.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $name:ident {
            $( $(#[$field_meta:meta])* $field:ident $(= $common_field:ident)? : $type:ty ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, uniffi::Record)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        impl $crate::values::Convert<$name> for strongroom_bindings::records::$name {
            fn convert(self) -> $name {
                let strongroom_bindings::records::$name { $( $($common_field:)? $field, )* } = self;
                $name { $( $field: $crate::values::Convert::convert($field), )* }
            }
        }
    };
}
pub(crate) use record;

record! {
    /// Bytes of a file or object: from `start` on and before `end`.
    ByteRange {
        /// The first of them.
        start: i64,
        /// The first behind them.
        end: i64,
    }
}

record! {
    /// A value that an app attached under a name.
    Attached {
        /// The name.
        name: String,
        /// The value.
        value: Vec<u8>,
    }
}

record! {
    /// Something in storage that could not be read, used or removed, and why.
    Rejected {
        /// Its name or id.
        object: String,
        /// Why.
        error: Failure,
    }
}

record! {
    /// An object in storage, and what is to be said about it.
    ObjectNote {
        /// Its name.
        object: String,
        /// What there is to say.
        detail: String,
    }
}
