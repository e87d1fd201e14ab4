//! How values of the engine become flat ones: no lifetimes, no generics, nothing a language could not hold.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use strongroom::{
    BlobId, DeviceId, EntryPath, LineageId, ObjectName, PackId, RepositoryId, SegmentId, SessionId, SlotId, SnapshotId,
};

/// Makes the flat form of a value of the engine.
pub(crate) trait Flat<T> {
    fn flat(&self) -> T;
}

/// A record that holds what a struct of the engine holds. The test `in_step` holds the names against the engine's source.
pub trait Mirror {
    /// The engine's name of the struct.
    const CORE: &'static str;
    /// The fields of the engine's struct that the record takes over, in the order of the record.
    const CORE_FIELDS: &'static [&'static str];
}

macro_rules! same {
    ($($type:ty),*) => { $(
        impl Flat<$type> for $type {
            fn flat(&self) -> $type {
                self.clone()
            }
        }
    )* };
}
same!(u8, u32, u64, i64, bool, String);

macro_rules! by_display {
    ($($type:ty),*) => { $(
        impl Flat<String> for $type {
            fn flat(&self) -> String {
                self.to_string()
            }
        }
    )* };
}
by_display!(
    BlobId,
    DeviceId,
    LineageId,
    ObjectName,
    PackId,
    RepositoryId,
    SegmentId,
    SessionId,
    SlotId,
    SnapshotId,
    &'static str
);

impl Flat<Vec<u8>> for EntryPath {
    fn flat(&self) -> Vec<u8> {
        self.to_os_bytes()
    }
}

impl Flat<u64> for Duration {
    fn flat(&self) -> u64 {
        u64::try_from(self.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl<A: Flat<B>, B> Flat<Option<B>> for Option<A> {
    fn flat(&self) -> Option<B> {
        self.as_ref().map(Flat::flat)
    }
}

impl<A: Flat<B>, B> Flat<Vec<B>> for Vec<A> {
    fn flat(&self) -> Vec<B> {
        self.iter().map(Flat::flat).collect()
    }
}

impl<A: Flat<B>, B> Flat<B> for Arc<A> {
    fn flat(&self) -> B {
        self.as_ref().flat()
    }
}

impl Flat<crate::records::ByteRange> for Range<u64> {
    fn flat(&self) -> crate::records::ByteRange {
        crate::records::ByteRange { start: self.start, end: self.end }
    }
}

impl Flat<Vec<crate::records::Attached>> for BTreeMap<String, Vec<u8>> {
    fn flat(&self) -> Vec<crate::records::Attached> {
        self.iter().map(|(name, value)| crate::records::Attached { name: name.clone(), value: value.clone() }).collect()
    }
}

/// Declares a record with the fields of a struct of the engine, and how it is made of that.
macro_rules! mirror {
    (
        $(#[$meta:meta])*
        $name:ident {
            $( $(#[$field_meta:meta])* $field:ident $(= $core_field:ident)? : $type:ty ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        impl $crate::flat::Flat<$name> for strongroom::$name {
            fn flat(&self) -> $name {
                $name { $( $field: $crate::flat::Flat::flat(mirror!(@get self, $field $(, $core_field)?)), )* }
            }
        }

        impl From<&strongroom::$name> for $name {
            fn from(of: &strongroom::$name) -> Self {
                $crate::flat::Flat::flat(of)
            }
        }

        impl $crate::flat::Mirror for $name {
            const CORE: &'static str = stringify!($name);
            const CORE_FIELDS: &'static [&'static str] = &[ $( mirror!(@name $field $(, $core_field)?), )* ];
        }
    };
    (@get $self:ident, $field:ident) => { &$self.$field };
    (@get $self:ident, $field:ident, $core_field:ident) => { &$self.$core_field };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident, $core_field:ident) => { stringify!($core_field) };
}
pub(crate) use mirror;
