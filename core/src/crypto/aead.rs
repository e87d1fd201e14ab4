//! Authenticated encryption: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with 24-byte nonces, which are
//! long enough to be chosen at random.

use super::{SecretKey, random};
use crate::error::{Result, corrupt, internal};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};

pub(crate) const NONCE: usize = 24;
pub(crate) const TAG: usize = 16;

/// What [`seal`] adds to a plaintext.
pub(crate) const SEAL_OVERHEAD: usize = NONCE + TAG;

/// Encrypts `buffer[from..]` in place under an explicit nonce and appends the tag.
pub(crate) fn encrypt(
    key: &SecretKey,
    nonce: [u8; NONCE],
    aad: &[u8],
    buffer: &mut Vec<u8>,
    from: usize,
) -> Result<()> {
    let Some(plaintext) = buffer.get_mut(from..) else {
        return Err(internal("seal", "the range to seal is outside the buffer"));
    };
    let tag = cipher(key)
        .encrypt_inout_detached(&XNonce::from(nonce), aad, plaintext.into())
        .map_err(|_| internal("seal", "the plaintext is too long"))?;
    buffer.extend_from_slice(&tag);
    Ok(())
}

/// Verifies and decrypts `sealed` (ciphertext and tag) in place; returns the plaintext part.
pub(crate) fn decrypt<'a>(
    key: &SecretKey,
    nonce: [u8; NONCE],
    aad: &[u8],
    sealed: &'a mut [u8],
    operation: &'static str,
) -> Result<&'a mut [u8]> {
    let broken = || corrupt(operation, "it does not authenticate: damaged, swapped, or sealed with another key");
    let length = sealed.len().checked_sub(TAG).ok_or_else(broken)?;
    let (text, tag) = sealed.split_at_mut(length);
    let tag = Tag::try_from(&*tag).map_err(|_| broken())?;
    cipher(key).decrypt_inout_detached(&XNonce::from(nonce), aad, (&mut *text).into(), &tag).map_err(|_| broken())?;
    Ok(text)
}

/// Seals a whole message under a fresh random nonce: nonce, ciphertext, tag.
pub(crate) fn seal(key: &SecretKey, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    let nonce = random::<NONCE>()?;
    let mut sealed = Vec::with_capacity(plaintext.len() + SEAL_OVERHEAD);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plaintext);
    encrypt(key, nonce, aad, &mut sealed, NONCE)?;
    Ok(sealed)
}

/// Opens what [`seal`] made.
pub(crate) fn open(key: &SecretKey, aad: &[u8], sealed: &[u8], operation: &'static str) -> Result<Vec<u8>> {
    let Some((nonce, rest)) = sealed.split_first_chunk::<NONCE>() else {
        return Err(corrupt(operation, "it is too short to be sealed"));
    };
    let mut buffer = rest.to_vec();
    let length = decrypt(key, *nonce, aad, &mut buffer, operation)?.len();
    buffer.truncate(length);
    Ok(buffer)
}

fn cipher(key: &SecretKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.expose()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_any_flip_is_noticed(text: Vec<u8>, aad: Vec<u8>, flip: prop::sample::Index) {
            let key = SecretKey::from_bytes([7; 32]);
            let mut sealed = seal(&key, &aad, &text).unwrap();
            prop_assert_eq!(sealed.len(), text.len() + SEAL_OVERHEAD);
            prop_assert_eq!(open(&key, &aad, &sealed, "open").unwrap(), text);
            let position = flip.index(sealed.len());
            sealed[position] ^= 1;
            prop_assert_eq!(open(&key, &aad, &sealed, "open").unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    #[test]
    fn published_vector() {
        let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let key: [u8; 32] = std::array::from_fn(|i| 0x80 + u8::try_from(i).unwrap());
        let nonce: [u8; 24] = std::array::from_fn(|i| 0x40 + u8::try_from(i).unwrap());
        let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let mut buffer = text.to_vec();
        encrypt(&SecretKey::from_bytes(key), nonce, &aad, &mut buffer, 0).unwrap();
        assert_eq!(crate::id::hex(&buffer[..8]), "bd6d179d3e83d43b");
        assert_eq!(crate::id::hex(&buffer[text.len()..]), "c0875924c1c7987947deafd8780acf49");
    }
}
