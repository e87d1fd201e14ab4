//! Values that JavaScript and the library write differently.

use napi::bindgen_prelude::{
    BigInt, FromNapiValue, Result, ToNapiValue, TypeName, Uint8Array, Utf16String, ValidateNapiValue,
};
use napi::{Error, Status, ValueType, check_status, sys, type_of};
use strongroom_bindings::records::Timestamp;

/// An argument that is none.
pub(crate) fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Status::InvalidArg, detail.into())
}

fn type_of_value(env: sys::napi_env, value: sys::napi_value) -> Result<ValueType> {
    type_of!(env, value)
}

/// Says how a type of this module is called in messages of the addon's framework.
macro_rules! named {
    ($($type:ident $kind:ident),* $(,)?) => { $(
        impl TypeName for $type {
            fn type_name() -> &'static str {
                stringify!($type)
            }

            fn value_type() -> ValueType {
                ValueType::$kind
            }
        }

        impl ValidateNapiValue for $type {}
    )* };
}
named!(
    Text String, SnapshotPath String, PathInput Unknown, Whole Unknown, Integer Number, Moment Unknown, Date Object,
    Milliseconds Number
);

/// Text that must be Unicode: lone surrogates are refused instead of being replaced.
#[derive(Debug, Clone)]
pub struct Text(pub String);

impl FromNapiValue for Text {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        if type_of_value(env, value)? != ValueType::String {
            return Err(invalid("text has to be a string"));
        }
        // SAFETY: both come from Node for this call.
        let units = unsafe { Utf16String::from_napi_value(env, value)? };
        let text = String::from_utf16(&units).map_err(|_| invalid("the text holds a lone surrogate"))?;
        Ok(Text(text))
    }
}

/// The lone surrogate that stands for a byte `n` from 0x80 on is this and `n`.
const ESCAPE: u16 = 0xdc00;

/// The bytes of a path that was written as a string.
fn path_bytes(units: &[u16]) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(units.len());
    for unit in char::decode_utf16(units.iter().copied()) {
        match unit {
            Ok(letter) => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => match lone.unpaired_surrogate().checked_sub(ESCAPE).map(u8::try_from) {
                Some(Ok(byte)) if byte >= 0x80 => bytes.push(byte),
                _ => return Err(invalid("the path holds a lone surrogate that stands for no byte")),
            },
        }
    }
    Ok(bytes)
}

/// The string of a path that is not UTF-8.
fn path_units(bytes: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        units.extend(chunk.valid().encode_utf16());
        units.extend(chunk.invalid().iter().map(|byte| ESCAPE + u16::from(*byte)));
    }
    units
}

/// A path or another name of any bytes, given to JavaScript as a string: bytes that are no UTF-8 become lone
/// surrogates from U+DC80 to U+DCFF, and those become the bytes again.
#[derive(Debug, Clone)]
pub struct SnapshotPath(pub Vec<u8>);

impl ToNapiValue for SnapshotPath {
    unsafe fn to_napi_value(env: sys::napi_env, path: Self) -> Result<sys::napi_value> {
        match std::str::from_utf8(&path.0) {
            // SAFETY: the environment is the one this is called for.
            Ok(text) => unsafe { <&str>::to_napi_value(env, text) },
            // SAFETY: as above.
            Err(_) => unsafe { Utf16String::to_napi_value(env, Utf16String::from(path_units(&path.0))) },
        }
    }
}

/// A path from JavaScript: a string as [`SnapshotPath`] writes it, or bytes.
#[derive(Debug, Clone)]
pub struct PathInput(pub Vec<u8>);

impl FromNapiValue for PathInput {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        if type_of_value(env, value)? == ValueType::String {
            // SAFETY: both come from Node for this call.
            let units = unsafe { Utf16String::from_napi_value(env, value)? };
            return Ok(PathInput(path_bytes(&units)?));
        }
        // SAFETY: as above.
        let bytes = unsafe { Uint8Array::from_napi_value(env, value) };
        bytes.map(|bytes| PathInput(bytes.to_vec())).map_err(|_| invalid("a path has to be a string or a Uint8Array"))
    }
}

/// A whole number that is not negative: a number, where that is exact, or a bigint. Infinity is as much as there can be.
#[derive(Debug, Clone, Copy)]
pub struct Whole(pub u64);

/// Numbers up to this one less one are exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl FromNapiValue for Whole {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let wrong = || invalid("it has to be a whole number that is not negative, and a bigint from 2^53 on");
        match type_of_value(env, value)? {
            ValueType::Number => {
                // SAFETY: both come from Node for this call, and it is a number.
                let number = unsafe { f64::from_napi_value(env, value)? };
                if number == f64::INFINITY {
                    return Ok(Whole(u64::MAX));
                }
                if !(0.0..EXACT).contains(&number) || number.fract() != 0.0 {
                    return Err(wrong());
                }
                Ok(Whole(number as u64))
            }
            ValueType::BigInt => {
                // SAFETY: both come from Node for this call, and it is a bigint.
                match unsafe { BigInt::from_napi_value(env, value)? }.get_u64() {
                    (false, number, true) => Ok(Whole(number)),
                    _ => Err(wrong()),
                }
            }
            _ => Err(wrong()),
        }
    }
}

impl Whole {
    /// It as a smaller type.
    pub(crate) fn narrow<T: TryFrom<u64>>(self, what: &str) -> strongroom_bindings::Result<T> {
        let refused = |_| strongroom_bindings::Error::invalid("take an option", format!("{what} is too large"));
        T::try_from(self.0).map_err(refused)
    }
}

/// A whole number of 32 bits.
#[derive(Debug, Clone, Copy)]
pub struct Integer(pub i32);

impl FromNapiValue for Integer {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let wrong = || invalid("it has to be a whole number of 32 bits");
        if type_of_value(env, value)? != ValueType::Number {
            return Err(wrong());
        }
        // SAFETY: both come from Node for this call, and it is a number.
        let number = unsafe { f64::from_napi_value(env, value)? };
        if !(f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number) || number.fract() != 0.0 {
            return Err(wrong());
        }
        Ok(Integer(number as i32))
    }
}

const NANOS: i128 = 1_000_000_000;

/// A time from JavaScript: a `Date`, or nanoseconds since 1970 as a bigint.
#[derive(Debug, Clone, Copy)]
pub struct Moment(pub Timestamp);

impl Moment {
    fn of_nanoseconds(nanoseconds: i128) -> Result<Self> {
        let wrong = |_| invalid("the time is too far away");
        let seconds = i64::try_from(nanoseconds.div_euclid(NANOS)).map_err(wrong)?;
        let nanos = u32::try_from(nanoseconds.rem_euclid(NANOS)).map_err(wrong)?;
        Ok(Moment(Timestamp { seconds, nanos }))
    }
}

impl FromNapiValue for Moment {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        if type_of_value(env, value)? == ValueType::BigInt {
            // SAFETY: both come from Node for this call, and it is a bigint.
            let (nanoseconds, exact) = unsafe { BigInt::from_napi_value(env, value)? }.get_i128();
            return if exact { Moment::of_nanoseconds(nanoseconds) } else { Err(invalid("the time is too far away")) };
        }
        let mut milliseconds = 0.0;
        // SAFETY: both come from Node for this call; what is no date is refused by the status.
        let status = unsafe { sys::napi_get_date_value(env, value, &raw mut milliseconds) };
        if status != sys::Status::napi_ok || !milliseconds.is_finite() {
            return Err(invalid("a time has to be a valid Date, or nanoseconds since 1970 as a bigint"));
        }
        // A date holds whole milliseconds, at most 8.64 * 10^15 of them.
        Moment::of_nanoseconds(milliseconds as i128 * 1_000_000)
    }
}

/// A time for JavaScript, to the millisecond.
#[derive(Debug, Clone, Copy)]
pub struct Date(pub Timestamp);

impl ToNapiValue for Date {
    unsafe fn to_napi_value(env: sys::napi_env, time: Self) -> Result<sys::napi_value> {
        let milliseconds = nanoseconds(time.0).div_euclid(1_000_000) as f64;
        let mut date = std::ptr::null_mut();
        // SAFETY: the environment is the one this is called for.
        check_status!(unsafe { sys::napi_create_date(env, milliseconds, &raw mut date) })?;
        Ok(date)
    }
}

/// Nanoseconds since 1970.
pub(crate) fn nanoseconds(time: Timestamp) -> i128 {
    i128::from(time.seconds) * NANOS + i128::from(time.nanos)
}

/// A length of time for JavaScript, of nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Milliseconds(pub u64);

impl ToNapiValue for Milliseconds {
    unsafe fn to_napi_value(env: sys::napi_env, time: Self) -> Result<sys::napi_value> {
        // SAFETY: the environment is the one this is called for.
        unsafe { f64::to_napi_value(env, time.0 as f64 / 1e6) }
    }
}
