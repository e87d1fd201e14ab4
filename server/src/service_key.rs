//! The service's own key, which lives outside of the database: what it seals, a stolen database does not give away.

use crate::problem::Problem;
use crate::text::{base64url, from_base64url, random};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use strongroom::{Error, ErrorKind};
use zeroize::Zeroizing;

const NONCE: usize = 24;

/// 32 random bytes from which every key of the service is derived, one for each purpose.
///
/// Never part of `Debug`, and wiped from memory when dropped.
pub(crate) struct ServiceKey(Zeroizing<[u8; 32]>);

impl ServiceKey {
    #[cfg(test)]
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        ServiceKey(Zeroizing::new(bytes))
    }

    /// Reads the key file, or makes one that only its owner can read where there is none.
    ///
    /// # Errors
    /// When the file cannot be read or made, is not 32 bytes long, or is readable by others.
    pub(crate) fn load_or_create(path: &Path) -> Result<Self, Error> {
        let operation = "read the service's key";
        let fail = |error: std::io::Error| Error::io(error, operation).object(path.display());
        let mut bytes = Zeroizing::new([0; 32]);
        match fs::read(path).map(Zeroizing::new) {
            Ok(stored) => {
                if stored.len() != bytes.len() {
                    return Err(Error::new(ErrorKind::Corrupt, operation)
                        .object(path.display())
                        .detail("a service key is 32 bytes long"));
                }
                bytes.copy_from_slice(&stored);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                getrandom::fill(bytes.as_mut_slice())
                    .map_err(|error| Error::new(ErrorKind::Internal, operation).because(error.to_string()))?;
                // A name of its own first: what stands under the final name is always whole.
                let mut draft = path.as_os_str().to_owned();
                draft.push(format!(".{}", std::process::id()));
                let _ = fs::remove_file(&draft);
                let mut file =
                    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(fail)?;
                file.write_all(bytes.as_slice()).and_then(|()| file.sync_all()).map_err(fail)?;
                let linked = fs::hard_link(&draft, path);
                fs::remove_file(&draft).map_err(fail)?;
                match linked {
                    Ok(()) => {}
                    // Another process was faster; its key is the one that counts.
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                        return Self::load_or_create(path);
                    }
                    Err(error) => return Err(fail(error)),
                }
            }
            Err(error) => return Err(fail(error)),
        }
        let mode = fs::metadata(path).map_err(fail)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Error::new(ErrorKind::PermissionDenied, operation)
                .object(path.display())
                .detail("others than its owner can read the service's key; take their rights away (chmod 600)"));
        }
        Ok(ServiceKey(bytes))
    }

    fn derive(&self, purpose: &'static str) -> Zeroizing<[u8; 32]> {
        let mut hasher = blake3::Hasher::new_derive_key("strongroom service key 1");
        hasher.update(self.0.as_slice()).update(purpose.as_bytes());
        let key = Zeroizing::new(*hasher.finalize().as_bytes());
        zeroize::Zeroize::zeroize(&mut hasher);
        key
    }

    /// A hash that only the service can compute: for looking things up by, without telling what they are.
    pub(crate) fn keyed_hash(&self, purpose: &'static str, message: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(&self.derive(purpose), message).as_bytes()
    }

    /// Seals `plaintext` for one purpose and one object, such as a row's id, as text for the database.
    pub(crate) fn seal(&self, purpose: &'static str, object: &str, plaintext: &[u8]) -> Result<String, Problem> {
        let nonce: [u8; NONCE] = random()?;
        let sealed = XChaCha20Poly1305::new(&Key::from(*self.derive(purpose)))
            .encrypt(&XNonce::from(nonce), Payload { msg: plaintext, aad: object.as_bytes() })
            .map_err(|_| Error::new(ErrorKind::Internal, "seal for the database"))?;
        Ok(base64url(&[nonce.as_slice(), &sealed].concat()))
    }

    /// Opens what [`seal`](Self::seal) made for the same purpose and object.
    pub(crate) fn open(
        &self,
        purpose: &'static str,
        object: &str,
        sealed: &str,
    ) -> Result<Zeroizing<Vec<u8>>, Problem> {
        let corrupt = || Error::new(ErrorKind::Corrupt, "open what the database holds sealed").object(purpose);
        let bytes = from_base64url(sealed)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or_else(corrupt)?;
        let plaintext = XChaCha20Poly1305::new(&Key::from(*self.derive(purpose)))
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: object.as_bytes() })
            .map_err(|_| corrupt().detail("it was sealed with another service key, or is damaged"))?;
        Ok(Zeroizing::new(plaintext))
    }
}

impl std::fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_purpose_object_and_key_alone() {
        let key = ServiceKey::from_bytes([1; 32]);
        let sealed = key.seal("a", "object", b"secret").unwrap();
        assert_eq!(key.open("a", "object", &sealed).unwrap().as_slice(), b"secret");
        for wrong in [
            key.open("b", "object", &sealed),
            key.open("a", "other", &sealed),
            key.open("a", "object", &sealed[..sealed.len() - 2]),
            key.open("a", "object", ""),
            ServiceKey::from_bytes([2; 32]).open("a", "object", &sealed),
        ] {
            assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Corrupt);
        }
        assert_ne!(key.keyed_hash("a", b"x"), key.keyed_hash("b", b"x"));
        assert_eq!(format!("{key:?}"), "ServiceKey(..)");
    }

    #[test]
    fn a_key_file_is_made_once_kept_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("service.key");
        let first = ServiceKey::load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = ServiceKey::load_or_create(&path).unwrap();
        assert_eq!(*first.0, *again.0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(ServiceKey::load_or_create(&path).unwrap_err().kind(), ErrorKind::PermissionDenied);
        fs::write(&path, [0; 31]).unwrap();
        assert_eq!(ServiceKey::load_or_create(&path).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
