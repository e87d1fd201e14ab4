//! Bytes as text: base64url and hexadecimal, and random identifiers.

use crate::problem::Problem;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom::{Error, ErrorKind};

/// Writes bytes as base64url without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`base64url`] wrote into the database.
pub(crate) fn from_base64url(text: &str) -> Result<Vec<u8>, Problem> {
    URL_SAFE_NO_PAD.decode(text).map_err(|error| {
        Error::new(ErrorKind::Corrupt, "read the database").detail("a column is not base64url").because(error).into()
    })
}

/// Writes bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Internal, "draw random bytes").because(error.to_string()))?;
    Ok(bytes)
}

/// A fresh identifier: 16 random bytes as 32 hexadecimal digits.
pub(crate) fn random_id() -> Result<String, Problem> {
    Ok(hex(&random::<16>()?))
}

/// A code of eight decimal digits for a person to type, each as likely as any other.
pub(crate) fn random_code() -> Result<String, Problem> {
    const CODES: u32 = 100_000_000;
    loop {
        let number = u32::from_le_bytes(random()?);
        // What lies above the last whole multiple would make low codes likelier.
        if number < u32::MAX - u32::MAX % CODES {
            return Ok(format!("{:08}", number % CODES));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_there_and_back() {
        assert_eq!(hex(&[0, 0x1f, 0xff]), "001fff");
        assert_eq!(from_base64url(&base64url(&[251, 255, 0])).unwrap(), [251, 255, 0]);
        assert!(from_base64url("a=").is_err());
        let code = random_code().unwrap();
        assert!(code.len() == 8 && code.bytes().all(|digit| digit.is_ascii_digit()));
        assert_ne!(random_id().unwrap(), random_id().unwrap());
    }
}
