//! Deterministic CBOR (RFC 8949, section 4.2.1) with small integers as map keys.
//!
//! Every structure of the format has exactly one encoding: decoding refuses anything that would not be encoded
//! the same way again, so that hashes and signatures over structures are unambiguous.

use crate::error::{Result, corrupt, internal, unsupported};
use crate::format::entry::Timestamp;
use ciborium::Value;
use std::collections::BTreeMap;

/// Builds one map.
#[derive(Debug, Default)]
pub(crate) struct MapWriter {
    fields: BTreeMap<u32, Value>,
}

impl MapWriter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn put(mut self, key: u32, value: impl Into<Value>) -> Self {
        self.fields.insert(key, value.into());
        self
    }

    pub(crate) fn bytes(self, key: u32, value: &[u8]) -> Self {
        self.put(key, Value::Bytes(value.to_vec()))
    }

    pub(crate) fn optional<T: Into<Value>>(self, key: u32, value: Option<T>) -> Self {
        match value {
            Some(value) => self.put(key, value),
            None => self,
        }
    }

    pub(crate) fn list(self, key: u32, values: impl IntoIterator<Item = Value>) -> Self {
        self.put(key, Value::Array(values.into_iter().collect()))
    }

    /// A point in time: a list of its seconds and nanoseconds.
    pub(crate) fn time(self, key: u32, time: Timestamp) -> Self {
        self.list(key, [Value::from(time.seconds), Value::from(time.nanos)])
    }

    pub(crate) fn into_value(self) -> Value {
        // Keys ascend in a BTreeMap, and small unsigned integers sort by value in deterministic CBOR too.
        Value::Map(self.fields.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
    }

    pub(crate) fn encode(self) -> Result<Vec<u8>> {
        encode(&self.into_value())
    }
}

pub(crate) fn encode(value: &Value) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes)
        .map_err(|error| internal("encode a structure", "CBOR refused it").because(error.to_string()))?;
    Ok(bytes)
}

/// Takes a decoded map apart, field by field. [`finish`](MapReader::finish) refuses what was not taken.
#[derive(Debug)]
pub(crate) struct MapReader {
    fields: BTreeMap<u32, Value>,
    operation: &'static str,
}

/// Bound on nesting; the deepest structure of the format has five levels.
const MAX_DEPTH: usize = 16;

impl MapReader {
    /// Decodes `bytes`, all of them, as one map in its only valid encoding.
    pub(crate) fn decode(bytes: &[u8], operation: &'static str) -> Result<Self> {
        let value: Value = ciborium::de::from_reader_with_recursion_limit(bytes, MAX_DEPTH)
            .map_err(|_| corrupt(operation, "it is not valid CBOR"))?;
        if encode(&value)? != bytes {
            return Err(corrupt(operation, "its CBOR is not in the deterministic form"));
        }
        Self::from_value(value, operation)
    }

    pub(crate) fn from_value(value: Value, operation: &'static str) -> Result<Self> {
        let Value::Map(pairs) = value else { return Err(corrupt(operation, "a structure is not a CBOR map")) };
        let mut fields = BTreeMap::new();
        for (key, value) in pairs {
            let key = key
                .as_integer()
                .and_then(|key| u32::try_from(key).ok())
                .ok_or_else(|| corrupt(operation, "a structure has a key that is not a small integer"))?;
            if fields.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(corrupt(operation, "the keys of a structure do not ascend"));
            }
            fields.insert(key, value);
        }
        Ok(MapReader { fields, operation })
    }

    fn wrong(&self, key: u32) -> crate::Error {
        corrupt(self.operation, format!("field {key} is missing or of the wrong type"))
    }

    pub(crate) fn take(&mut self, key: u32) -> Result<Value> {
        self.fields.remove(&key).ok_or_else(|| self.wrong(key))
    }

    pub(crate) fn has(&self, key: u32) -> bool {
        self.fields.contains_key(&key)
    }

    pub(crate) fn u64(&mut self, key: u32) -> Result<u64> {
        self.take(key)?.as_integer().and_then(|value| u64::try_from(value).ok()).ok_or_else(|| self.wrong(key))
    }

    pub(crate) fn u32(&mut self, key: u32) -> Result<u32> {
        u32::try_from(self.u64(key)?).map_err(|_| self.wrong(key))
    }

    pub(crate) fn i64(&mut self, key: u32) -> Result<i64> {
        self.take(key)?.as_integer().and_then(|value| i64::try_from(value).ok()).ok_or_else(|| self.wrong(key))
    }

    pub(crate) fn bytes(&mut self, key: u32) -> Result<Vec<u8>> {
        self.take(key)?.into_bytes().map_err(|_| self.wrong(key))
    }

    pub(crate) fn array<const N: usize>(&mut self, key: u32) -> Result<[u8; N]> {
        self.bytes(key)?.try_into().map_err(|_| self.wrong(key))
    }

    pub(crate) fn text(&mut self, key: u32) -> Result<String> {
        self.take(key)?.into_text().map_err(|_| self.wrong(key))
    }

    pub(crate) fn list(&mut self, key: u32) -> Result<Vec<Value>> {
        self.take(key)?.into_array().map_err(|_| self.wrong(key))
    }

    /// A list of at most `most` values, each read by `read`.
    pub(crate) fn list_of<T>(&mut self, key: u32, most: usize, read: impl Fn(Value) -> Option<T>) -> Result<Vec<T>> {
        let values = self.list(key)?;
        if values.len() > most {
            return Err(corrupt(self.operation, format!("field {key} lists more than {most} values")));
        }
        values.into_iter().map(|value| read(value).ok_or_else(|| self.wrong(key))).collect()
    }

    pub(crate) fn time(&mut self, key: u32) -> Result<Timestamp> {
        let parts: Vec<i64> = self.list_of(key, 2, |value| value.as_integer().and_then(|part| part.try_into().ok()))?;
        let [seconds, nanos] = parts.try_into().map_err(|_| self.wrong(key))?;
        match u32::try_from(nanos) {
            Ok(nanos) if nanos < 1_000_000_000 => Ok(Timestamp { seconds, nanos }),
            _ => Err(self.wrong(key)),
        }
    }

    pub(crate) fn map(&mut self, key: u32) -> Result<MapReader> {
        MapReader::from_value(self.take(key)?, self.operation)
    }

    /// The one encoding of the fields that were not taken yet, but for one: the signature over the others.
    pub(crate) fn encode_without(&self, key: u32) -> Result<Vec<u8>> {
        let mut fields = self.fields.clone();
        fields.remove(&key);
        MapWriter { fields }.encode()
    }

    /// Reads the version that stands in every structure under key 0.
    pub(crate) fn version(&mut self, known: u32) -> Result<()> {
        match self.u32(0)? {
            version if version == known => Ok(()),
            version => Err(unsupported(self.operation, format!("its version is {version}; this build knows {known}"))),
        }
    }

    /// Ends the reading: fields nobody asked for come from a later version.
    pub(crate) fn finish(self) -> Result<()> {
        match self.fields.first_key_value() {
            None => Ok(()),
            Some((key, _)) => Err(unsupported(self.operation, format!("field {key} is not known to this build"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    #[test]
    fn fields_come_back_and_others_are_refused() {
        let bytes = MapWriter::new().put(0, 1).bytes(1, b"abc").put(7, "text").encode().unwrap();
        let mut map = MapReader::decode(&bytes, "read").unwrap();
        map.version(1).unwrap();
        assert_eq!(map.bytes(1).unwrap(), b"abc");
        assert_eq!(map.finish().unwrap_err().kind(), ErrorKind::Unsupported);
        let mut map = MapReader::decode(&bytes, "read").unwrap();
        assert_eq!(map.version(2).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(map.u64(7).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn times_and_lists_are_bounded() {
        let time = Timestamp::new(-5, 999_999_999);
        let bytes = MapWriter::new().time(1, time).list(2, [1.into(), 2.into()]).encode().unwrap();
        let mut map = MapReader::decode(&bytes, "read").unwrap();
        assert_eq!(map.time(1).unwrap(), time);
        assert_eq!(map.encode_without(2).unwrap(), MapWriter::new().encode().unwrap());
        assert_eq!(map.list_of(2, 1, Some).unwrap_err().kind(), ErrorKind::Corrupt);
        for parts in [&[1i64][..], &[1, 1_000_000_000], &[1, -1], &[1, 2, 3]] {
            let bytes = MapWriter::new().list(1, parts.iter().map(|part| Value::from(*part))).encode().unwrap();
            assert_eq!(MapReader::decode(&bytes, "read").unwrap().time(1).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn other_encodings_of_the_same_value_are_refused() {
        // {0: 1} with a two-byte 1, with an indefinite length, with descending keys, with a trailing byte.
        for bytes in [&[0xa1, 0, 0x18, 1][..], &[0xbf, 0, 1, 0xff], &[0xa2, 1, 1, 0, 1], &[0xa1, 0, 1, 0]] {
            assert_eq!(MapReader::decode(bytes, "read").unwrap_err().kind(), ErrorKind::Corrupt);
        }
        assert!(MapReader::decode(&[0xa1, 0, 1], "read").is_ok());
    }

    proptest! {
        #[test]
        fn rubbish_never_panics(bytes: Vec<u8>) {
            let _ = MapReader::decode(&bytes, "read");
        }
    }
}
