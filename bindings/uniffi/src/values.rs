//! Values that Kotlin and Swift have types of their own for, and how they are made of those of `strongroom-bindings`.

use crate::enums::{
    ChangeKind, CheckKind, EntryKind, Outcome, Phase, ProblemReason, Role, SlotMethod, SnapshotOutcome,
};
use strongroom_bindings::{Error, Result, records};

/// Makes one value of another. Counts that do not fit are cut off at the largest that does.
pub(crate) trait Convert<T> {
    fn convert(self) -> T;
}

macro_rules! same {
    ($($type:ty),* $(,)?) => { $(
        impl Convert<$type> for $type {
            fn convert(self) -> $type {
                self
            }
        }
    )* };
}
same!(
    u8,
    u64,
    i64,
    bool,
    String,
    ChangeKind,
    CheckKind,
    EntryKind,
    Outcome,
    Phase,
    ProblemReason,
    Role,
    SlotMethod,
    SnapshotOutcome,
);

impl Convert<i64> for u64 {
    fn convert(self) -> i64 {
        i64::try_from(self).unwrap_or(i64::MAX)
    }
}

impl Convert<i64> for u32 {
    fn convert(self) -> i64 {
        self.into()
    }
}

impl Convert<i32> for u32 {
    fn convert(self) -> i32 {
        i32::try_from(self).unwrap_or(i32::MAX)
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

/// A name or path that need not be text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawName(pub Vec<u8>);

uniffi::custom_type!(RawName, Vec<u8>, {
    lower: |name| name.0,
    try_lift: |bytes| Ok(RawName(bytes)),
});

impl Convert<RawName> for Vec<u8> {
    fn convert(self) -> RawName {
        RawName(self)
    }
}

pub(crate) fn raw(names: Vec<RawName>) -> Vec<Vec<u8>> {
    names.into_iter().map(|name| name.0).collect()
}

/// A path of this machine's file system, by its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPath(pub Vec<u8>);

uniffi::custom_type!(LocalPath, Vec<u8>, {
    lower: |path| path.0,
    try_lift: |bytes| Ok(LocalPath(bytes)),
});

/// A point in time, in its parts: seconds since 1970-01-01 00:00 UTC, may be negative, and nanoseconds after it.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct TimeParts {
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds after them.
    pub nanos: i32,
}

/// A point in time.
#[derive(Debug, Clone, Copy)]
pub struct Timestamp(pub TimeParts);

uniffi::custom_type!(Timestamp, TimeParts, {
    lower: |time| time.0,
    try_lift: |parts| Ok(Timestamp(parts)),
});

impl Convert<Timestamp> for records::Timestamp {
    fn convert(self) -> Timestamp {
        Timestamp(TimeParts { seconds: self.seconds, nanos: self.nanos.convert() })
    }
}

impl From<Timestamp> for records::Timestamp {
    fn from(time: Timestamp) -> Self {
        records::Timestamp { seconds: time.0.seconds, nanos: u32::try_from(time.0.nanos).unwrap_or(0) }
    }
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nanoseconds(pub i64);

uniffi::custom_type!(Nanoseconds, i64, {
    lower: |time| time.0,
    try_lift: |nanoseconds| Ok(Nanoseconds(nanoseconds)),
});

impl Convert<Nanoseconds> for u64 {
    fn convert(self) -> Nanoseconds {
        Nanoseconds(self.convert())
    }
}

impl Nanoseconds {
    pub(crate) fn of_milliseconds(milliseconds: u64) -> Self {
        Nanoseconds(i64::try_from(milliseconds).unwrap_or(i64::MAX).saturating_mul(1_000_000))
    }

    /// Whole milliseconds, no fewer than it has.
    pub(crate) fn milliseconds(self, what: &str) -> Result<u64> {
        Ok(count(self.0, what)?.div_ceil(1_000_000))
    }

    pub(crate) fn seconds(self, what: &str) -> Result<u64> {
        Ok(count(self.0, what)?.div_ceil(1_000_000_000))
    }
}

/// A count that an app gave.
pub(crate) fn count(number: i64, what: &str) -> Result<u64> {
    fit(number, what)
}

/// A number that an app gave, as the type it has in the engine.
pub(crate) fn fit<A: Copy + std::fmt::Display, B: TryFrom<A>>(number: A, what: &str) -> Result<B> {
    B::try_from(number)
        .map_err(|_| Error::invalid("take an option", format!("{number} is out of range for the {what}")))
}

pub(crate) fn fit_option<A: Copy + std::fmt::Display, B: TryFrom<A>>(
    number: Option<A>,
    what: &str,
) -> Result<Option<B>> {
    number.map(|number| fit(number, what)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_bindings::ErrorKind;

    #[test]
    fn counts_that_do_not_fit_are_cut_off_on_their_way_out_and_refused_on_their_way_in() {
        let cut: i64 = u64::MAX.convert();
        assert_eq!(cut, i64::MAX);
        assert_eq!(count(7, "size").unwrap(), 7);
        assert_eq!(count(-1, "size").unwrap_err().kind, ErrorKind::InvalidArgument);
        assert!(fit::<i32, u8>(300, "share").unwrap_err().message.contains("300 is out of range for the share"));
    }

    #[test]
    fn times_are_rounded_up_so_that_none_becomes_nothing() {
        assert_eq!(Nanoseconds(1).milliseconds("time").unwrap(), 1);
        assert_eq!(Nanoseconds(2_000_000).milliseconds("time").unwrap(), 2);
        assert_eq!(Nanoseconds(1_000_000_001).seconds("time").unwrap(), 2);
        assert_eq!(Nanoseconds(-1).seconds("time").unwrap_err().kind, ErrorKind::InvalidArgument);
        assert_eq!(Nanoseconds::of_milliseconds(u64::MAX), Nanoseconds(i64::MAX));
    }
}
