//! Signed objects: a header and one map whose last field, 15, is the signature over all the rest.
//!
//! What is signed is the object as it would be without field 15: the header, the map's first byte (one field
//! fewer) and the other fields. The signature's three bytes of CBOR head and 64 bytes are therefore always the
//! last 67 bytes of the object, so it is found and checked before anything is parsed.

use super::cbor::MapWriter;
use super::object::{HEADER, Kind, header, strip};
use crate::crypto::sign::{SIGNATURE, SigningKey};
use crate::error::{Result, corrupt, internal};

/// Field 15, a byte string of 64 bytes.
const TAIL_HEAD: [u8; 3] = [0x0f, 0x58, 0x40];
/// First byte of a map without fields; the number of fields is added to it.
const EMPTY_MAP: u8 = 0xa0;
/// Most fields a map with a one-byte head has.
const MAX_FIELDS: u8 = 23;

/// Encodes and signs the object of `kind` whose fields, all below 15, are `map`.
pub(crate) fn sign(kind: Kind, map: MapWriter, key: &SigningKey, context: &'static str) -> Result<Vec<u8>> {
    sign_encoded(kind, &map.encode()?, key, context)
}

/// Signs the fields of an object of `kind` that are encoded already.
pub(crate) fn sign_encoded(kind: Kind, map: &[u8], key: &SigningKey, context: &'static str) -> Result<Vec<u8>> {
    let mut bytes = header(kind).to_vec();
    bytes.extend_from_slice(map);
    let signature = key.sign(context, &bytes);
    match bytes.get_mut(HEADER) {
        Some(head) if (EMPTY_MAP..EMPTY_MAP + MAX_FIELDS).contains(head) => *head += 1,
        _ => return Err(internal("sign an object", "it has too many fields")),
    }
    bytes.extend_from_slice(&TAIL_HEAD);
    bytes.extend_from_slice(&signature);
    Ok(bytes)
}

/// An object taken apart into what is signed and the signature, which is not checked yet.
#[derive(Debug)]
pub(crate) struct Signed {
    message: Vec<u8>,
    pub(crate) signature: [u8; SIGNATURE],
}

impl Signed {
    /// What is signed: the header and the map without field 15.
    pub(crate) fn message(&self) -> &[u8] {
        &self.message
    }

    /// The map without field 15.
    pub(crate) fn map(&self) -> &[u8] {
        self.message.get(HEADER..).unwrap_or_default()
    }
}

/// Takes an object of `kind` apart.
pub(crate) fn split(bytes: &[u8], kind: Kind, operation: &'static str) -> Result<Signed> {
    let unsigned = || corrupt(operation, "it does not end with a signature");
    let body = strip(bytes, kind, operation)?;
    let (fields, signature) = body.split_last_chunk::<SIGNATURE>().ok_or_else(unsigned)?;
    let fields = fields.strip_suffix(&TAIL_HEAD).ok_or_else(unsigned)?;
    let (head, fields) = fields.split_first().ok_or_else(unsigned)?;
    if !(EMPTY_MAP + 1..=EMPTY_MAP + MAX_FIELDS).contains(head) {
        return Err(corrupt(operation, "it is not a small CBOR map"));
    }
    let mut message = Vec::with_capacity(bytes.len());
    message.extend_from_slice(&header(kind));
    message.push(head - 1);
    message.extend_from_slice(fields);
    Ok(Signed { message, signature: *signature })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SecretKey;
    use crate::error::ErrorKind;
    use crate::format::cbor::MapReader;

    #[test]
    fn the_signature_is_the_last_field_of_a_map_in_the_only_encoding() {
        let key = SigningKey::from_seed(SecretKey::from_bytes([1; 32]));
        let bytes = sign(Kind::Config, MapWriter::new().put(0, 1).put(9, "x"), &key, "test").unwrap();
        let mut map = MapReader::decode(&bytes[HEADER..], "read").unwrap();
        map.version(1).unwrap();
        assert_eq!(map.text(9).unwrap(), "x");
        let signed = split(&bytes, Kind::Config, "read").unwrap();
        assert_eq!(map.array::<SIGNATURE>(15).unwrap(), signed.signature);
        map.finish().unwrap();
        key.verifying_key().verify("test", signed.message(), &signed.signature, "read").unwrap();
        let expected = MapWriter::new().put(0, 1).put(9, "x").encode().unwrap();
        assert_eq!(signed.map(), expected);
    }

    #[test]
    fn what_has_no_signature_at_its_end_is_corrupt() {
        let key = SigningKey::from_seed(SecretKey::from_bytes([1; 32]));
        let bytes = sign(Kind::Config, MapWriter::new().put(0, 1), &key, "test").unwrap();
        for length in 0..bytes.len() {
            assert_eq!(split(&bytes[..length], Kind::Config, "read").unwrap_err().kind(), ErrorKind::Corrupt);
        }
        let twenty_four = (0..24).fold(MapWriter::new(), |map, key| map.put(key, 1));
        assert_eq!(sign(Kind::Config, twenty_four, &key, "test").unwrap_err().kind(), ErrorKind::Internal);
    }
}
