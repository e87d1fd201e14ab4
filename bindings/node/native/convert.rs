//! How records of `bindings/common` become those of JavaScript.

use crate::settle::ErrorRecord;
use crate::values::{Date, Milliseconds, SnapshotPath, nanoseconds};
use napi::bindgen_prelude::{BigInt, Uint8Array};
use strongroom_bindings::records::Timestamp;

/// Makes the JavaScript form of a value.
pub(crate) trait Convert<T> {
    fn convert(self) -> T;
}

macro_rules! same {
    ($($type:ty),*) => { $(
        impl Convert<$type> for $type {
            fn convert(self) -> $type {
                self
            }
        }
    )* };
}
same!(u8, u32, bool, String);

/// Counts and sums: exact below 2^53, and for people above it.
impl Convert<f64> for u64 {
    fn convert(self) -> f64 {
        self as f64
    }
}

impl Convert<f64> for i64 {
    fn convert(self) -> f64 {
        self as f64
    }
}

impl Convert<Milliseconds> for u64 {
    fn convert(self) -> Milliseconds {
        Milliseconds(self)
    }
}

impl Convert<BigInt> for u64 {
    fn convert(self) -> BigInt {
        BigInt::from(self)
    }
}

impl Convert<BigInt> for Timestamp {
    fn convert(self) -> BigInt {
        BigInt::from(nanoseconds(self))
    }
}

impl Convert<Date> for Timestamp {
    fn convert(self) -> Date {
        Date(self)
    }
}

impl Convert<SnapshotPath> for Vec<u8> {
    fn convert(self) -> SnapshotPath {
        SnapshotPath(self)
    }
}

impl Convert<Uint8Array> for Vec<u8> {
    fn convert(self) -> Uint8Array {
        Uint8Array::new(self)
    }
}

impl Convert<ErrorRecord> for strongroom_bindings::Error {
    fn convert(self) -> ErrorRecord {
        ErrorRecord::of(self)
    }
}

impl<A: Convert<B>, B> Convert<Option<B>> for Option<A> {
    fn convert(self) -> Option<B> {
        self.map(Convert::convert)
    }
}

impl<A: Convert<B>, B> Convert<Vec<B>> for Vec<A> {
    fn convert(self) -> Vec<B> {
        self.into_iter().map(Convert::convert).collect()
    }
}

/// Declares an object that JavaScript gets, and how it is made of the record of that name. A field takes what the record
/// has under its name, or under the one behind `=`. Types are matched word by word, since napi's macros look into them.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $name:ident {
            $( $(#[$field_meta:meta])* $field:ident $(= $source:ident)? : $type:ident $(< $of_what:ident $(< $of_that:ident >)? >)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[napi_derive::napi(object, object_from_js = false)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type $(< $of_what $(< $of_that >)? >)?, )*
        }

        impl From<strongroom_bindings::records::$name> for $name {
            fn from(of: strongroom_bindings::records::$name) -> Self {
                $name { $( $field: $crate::convert::Convert::convert(record!(@get of $field $($source)?)), )* }
            }
        }

        impl $crate::convert::Convert<$name> for strongroom_bindings::records::$name {
            fn convert(self) -> $name {
                self.into()
            }
        }
    };
    (@get $of:ident $field:ident) => { $of.$field };
    (@get $of:ident $field:ident $source:ident) => { $of.$source };
}
