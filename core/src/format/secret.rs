//! CBOR for structures that hold secrets.
//!
//! The same deterministic encoding as [`cbor`](super::cbor), for the few shapes bundles and device keys need, but
//! without a tree of values in between: a secret is only ever in memory that is wiped.

use crate::crypto::SecretBytes;
use crate::error::{Error, Result, corrupt, unsupported};
use zeroize::Zeroizing;

const UINT: u8 = 0;
const BYTES: u8 = 2;
const LIST: u8 = 4;
const MAP: u8 = 5;

/// Writes items one after the other; keys of a map must be written in ascending order.
#[derive(Default)]
pub(crate) struct SecretWriter {
    bytes: SecretBytes,
}

impl SecretWriter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn raw(&mut self, more: &[u8]) -> &mut Self {
        let needed = self.bytes.len().saturating_add(more.len());
        if needed > self.bytes.capacity() {
            // A vector that grew by itself would leave its old bytes behind unwiped.
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.saturating_mul(2)));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(more);
        self
    }

    fn head(&mut self, major: u8, value: u64) -> &mut Self {
        let [.., a, b, c, d] = value.to_be_bytes();
        let major = major << 5;
        match value {
            0..=23 => self.raw(&[major | d]),
            24..=0xff => self.raw(&[major | 24, d]),
            0x100..=0xffff => self.raw(&[major | 25, c, d]),
            0x1_0000..=0xffff_ffff => self.raw(&[major | 26, a, b, c, d]),
            _ => self.raw(&[major | 27]).raw(&value.to_be_bytes()),
        }
    }

    pub(crate) fn map(&mut self, fields: usize) -> &mut Self {
        self.head(MAP, fields as u64)
    }

    pub(crate) fn list(&mut self, items: usize) -> &mut Self {
        self.head(LIST, items as u64)
    }

    /// The key of a field whose value is written next.
    pub(crate) fn key(&mut self, key: u32) -> &mut Self {
        self.head(UINT, key.into())
    }

    pub(crate) fn uint(&mut self, key: u32, value: u32) -> &mut Self {
        self.key(key).head(UINT, value.into())
    }

    pub(crate) fn bytes(&mut self, key: u32, value: &[u8]) -> &mut Self {
        self.key(key).head(BYTES, value.len() as u64).raw(value)
    }

    pub(crate) fn finish(self) -> SecretBytes {
        self.bytes
    }
}

/// Reads items one after the other from borrowed bytes.
pub(crate) struct SecretReader<'a> {
    rest: &'a [u8],
    operation: &'static str,
}

impl<'a> SecretReader<'a> {
    pub(crate) fn new(bytes: &'a [u8], operation: &'static str) -> Self {
        SecretReader { rest: bytes, operation }
    }

    fn broken(&self) -> Error {
        corrupt(self.operation, "it is not CBOR in the deterministic form")
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8]> {
        let length = usize::try_from(length).map_err(|_| self.broken())?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.broken())?;
        self.rest = rest;
        Ok(taken)
    }

    fn head(&mut self, expected: u8) -> Result<u64> {
        let broken = self.broken();
        let Some((first, rest)) = self.rest.split_first() else { return Err(broken) };
        self.rest = rest;
        if first >> 5 != expected {
            return Err(corrupt(self.operation, "a field is of the wrong type"));
        }
        // The least value that needs as many bytes: a longer encoding than needed is refused.
        let (width, least) = match first & 31 {
            short @ 0..=23 => return Ok(short.into()),
            24 => (1, 24),
            25 => (2, 0x100),
            26 => (4, 0x1_0000),
            27 => (8, 0x1_0000_0000),
            _ => return Err(broken),
        };
        let value = self.take(width)?.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        if value < least { Err(broken) } else { Ok(value) }
    }

    /// Reads a map, all of whose fields `read` must take, in ascending order of their keys.
    pub(crate) fn map<T>(&mut self, read: impl FnOnce(&mut SecretFields<'_, 'a>) -> Result<T>) -> Result<T> {
        let left = self.head(MAP)?;
        let mut fields = SecretFields { reader: self, left, last: None };
        let value = read(&mut fields)?;
        match fields.peek()? {
            None => Ok(value),
            Some(key) => Err(unsupported(self.operation, format!("field {key} is not known to this build"))),
        }
    }

    /// The number of items of a list, at most `most`. They are read next.
    pub(crate) fn list(&mut self, most: usize) -> Result<usize> {
        let count = self.head(LIST)?;
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= most)
            .ok_or_else(|| corrupt(self.operation, format!("a list has {count} items, more than {most}")))
    }

    /// Ends the reading: nothing may follow.
    pub(crate) fn finish(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.broken()) }
    }
}

/// The fields of a map under way.
pub(crate) struct SecretFields<'r, 'a> {
    reader: &'r mut SecretReader<'a>,
    left: u64,
    last: Option<u64>,
}

impl<'a> SecretFields<'_, 'a> {
    /// The key of the next field.
    fn peek(&mut self) -> Result<Option<u64>> {
        if self.left == 0 {
            return Ok(None);
        }
        let key = SecretReader { ..*self.reader }.head(UINT)?;
        if self.last.is_some_and(|last| key <= last) {
            return Err(corrupt(self.reader.operation, "the keys of a structure do not ascend"));
        }
        Ok(Some(key))
    }

    /// Steps to the value of `key`, when that is the next field.
    fn enter(&mut self, key: u32) -> Result<bool> {
        if self.peek()? != Some(key.into()) {
            return Ok(false);
        }
        self.last = Some(self.reader.head(UINT)?);
        self.left -= 1;
        Ok(true)
    }

    /// Steps to the value of `key`, which the returned reader reads next.
    pub(crate) fn at(&mut self, key: u32) -> Result<&mut SecretReader<'a>> {
        if self.enter(key)? {
            Ok(self.reader)
        } else {
            Err(corrupt(self.reader.operation, format!("field {key} is missing")))
        }
    }

    pub(crate) fn uint(&mut self, key: u32) -> Result<u32> {
        let reader = self.at(key)?;
        let value = reader.head(UINT)?;
        u32::try_from(value).map_err(|_| corrupt(reader.operation, format!("field {key} is too large")))
    }

    pub(crate) fn array<const N: usize>(&mut self, key: u32) -> Result<[u8; N]> {
        let reader = self.at(key)?;
        let length = reader.head(BYTES)?;
        let bytes = reader.take(length)?;
        bytes.try_into().map_err(|_| corrupt(reader.operation, format!("field {key} is not {N} bytes long")))
    }

    pub(crate) fn optional_array<const N: usize>(&mut self, key: u32) -> Result<Option<[u8; N]>> {
        if self.peek()? == Some(key.into()) { self.array(key).map(Some) } else { Ok(None) }
    }

    /// Reads the version that stands in every structure under key 0.
    pub(crate) fn version(&mut self, known: u32) -> Result<()> {
        match self.uint(0)? {
            version if version == known => Ok(()),
            version => {
                let detail = format!("its version is {version}; this build knows {known}");
                Err(unsupported(self.reader.operation, detail))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::format::cbor::{MapReader, MapWriter};
    use ciborium::Value;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_writes_what_the_other_encoder_writes(a: u32, b: Vec<u8>, c in prop::collection::vec(any::<u32>(), 0..30)) {
            let mut writer = SecretWriter::new();
            writer.map(3).uint(0, a).bytes(1, &b).key(300).list(c.len());
            for item in &c {
                writer.map(1).uint(7, *item);
            }
            let items = c.iter().map(|item| MapWriter::new().put(7, *item).into_value());
            let other = MapWriter::new().put(0, a).bytes(1, &b).list(300, items).encode().unwrap();
            let written = writer.finish();
            prop_assert_eq!(written.as_slice(), other);
        }

        #[test]
        fn it_accepts_no_more_than_the_other_decoder(bytes in prop::collection::vec(prop_oneof![0u8..8, 0x40u8..0x44, 0xa0u8..0xa4, 0x18u8..0x1c], 0..12)) {
            let mut reader = SecretReader::new(&bytes, "read");
            let read = reader.map(|map| Ok((map.uint(0)?, map.optional_array::<2>(1)?, map.uint(2)?)));
            if let Ok((first, middle, last)) = read.and_then(|read| reader.finish().map(|()| read)) {
                let mut map = MapReader::decode(&bytes, "read").unwrap();
                prop_assert_eq!(map.u32(0).unwrap(), first);
                prop_assert_eq!(map.has(1).then(|| map.array::<2>(1).unwrap()), middle);
                prop_assert_eq!(map.u32(2).unwrap(), last);
                map.finish().unwrap();
            }
        }
    }

    #[test]
    fn faults_have_the_right_kind() {
        let read = |bytes: &[u8]| {
            let mut reader = SecretReader::new(bytes, "read");
            reader.map(|map| map.version(1))?;
            reader.finish()
        };
        assert!(read(&[0xa1, 0, 1]).is_ok());
        for bytes in [
            &[0xa1, 0, 0x18, 1][..],
            &[0xbf, 0, 1, 0xff],
            &[0xa1, 0, 1, 0],
            &[0xa1, 0],
            &[0xa0],
            &[],
            &[0xa2, 0, 1, 0, 1],
        ] {
            assert_eq!(read(bytes).unwrap_err().kind(), ErrorKind::Corrupt, "{bytes:?}");
        }
        for bytes in [&[0xa1, 0, 2][..], &[0xa2, 0, 1, 1, 1]] {
            assert_eq!(read(bytes).unwrap_err().kind(), ErrorKind::Unsupported, "{bytes:?}");
        }
        let list = crate::format::cbor::encode(&Value::Array(vec![Value::from(1); 5])).unwrap();
        assert_eq!(SecretReader::new(&list, "read").list(4).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(SecretReader::new(&list, "read").list(5).unwrap(), 5);
        // A count that no memory could hold is refused by the bound, not tried.
        assert!(SecretReader::new(&[0x9b, 255, 255, 255, 255, 255, 255, 255, 255], "read").list(512).is_err());
    }
}
