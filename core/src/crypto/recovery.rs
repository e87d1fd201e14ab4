//! Recovery codes: secrets that a person writes down and types again.

use super::{SecretKey, fill_random, hash};
use crate::error::{Result, invalid};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Crockford's base32: no I, L, O or U.
const ALPHABET: [u8; 32] = *b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Random symbols of five bits: 130 bits.
const RANDOM: usize = 26;
/// Symbols of the checksum: 20 bits, so that one mistyped code in a million is taken for a right one.
const CHECK: usize = 4;
const LENGTH: usize = RANDOM + CHECK;
const GROUP: usize = 5;

/// A recovery code: 130 random bits and a checksum, as six groups of five letters and digits.
///
/// It opens a repository when the passphrase is lost. Made by the library, shown once, kept on paper. Never part
/// of `Debug` or any message, and wiped from memory when dropped.
///
/// ```
/// use strongroom::RecoveryCode;
/// let code = RecoveryCode::generate()?;
/// let written_down = code.reveal().to_lowercase().replace('-', " ");
/// assert_eq!(RecoveryCode::parse(&written_down)?.reveal(), code.reveal());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RecoveryCode {
    /// Values below 32.
    symbols: [u8; RANDOM],
}

impl RecoveryCode {
    /// A new random code.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) when the system's random number generator fails.
    pub fn generate() -> Result<Self> {
        let mut code = RecoveryCode { symbols: [0; RANDOM] };
        fill_random(&mut code.symbols)?;
        code.symbols.iter_mut().for_each(|symbol| *symbol &= 31);
        Ok(code)
    }

    /// Reads a code as a person types it: in upper or lower case, with or without spaces and dashes, with the
    /// letter O for zero and I or L for one.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when it cannot be a code, because its length, its
    /// characters or its checksum are wrong: it was mistyped. The message does not repeat it.
    pub fn parse(text: &str) -> Result<Self> {
        let mistyped = |detail| invalid("read a recovery code", detail);
        let mut typed = Zeroizing::new([0u8; LENGTH]);
        let mut slots = typed.iter_mut();
        for character in text.chars().filter(|character| !character.is_whitespace() && !is_dash(*character)) {
            let symbol =
                value(character).ok_or_else(|| mistyped("it is mistyped: it has a character no recovery code has"))?;
            let slot = slots.next().ok_or_else(|| mistyped("it is mistyped: it is too long"))?;
            *slot = symbol;
        }
        if slots.next().is_some() {
            return Err(mistyped("it is mistyped or incomplete: it is too short"));
        }
        let mut code = RecoveryCode { symbols: [0; RANDOM] };
        let (symbols, check) = typed.split_at(RANDOM);
        code.symbols.copy_from_slice(symbols);
        if hash::equal(&code.checksum(), check) {
            Ok(code)
        } else {
            Err(mistyped("it is mistyped: its checksum is wrong"))
        }
    }

    /// The code as text, to be shown once to the person who keeps it.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH + LENGTH / GROUP));
        let check = self.checksum();
        for (position, symbol) in self.symbols.iter().chain(&check).enumerate() {
            if position > 0 && position % GROUP == 0 {
                text.push('-');
            }
            text.push(ALPHABET.get(usize::from(*symbol)).copied().map_or('?', char::from));
        }
        text
    }

    /// The secret the code stands for.
    pub(crate) fn key(&self) -> SecretKey {
        hash::derive("strongroom format 1 recovery code", &[&self.symbols])
    }

    /// The first 20 bits of a hash, five at a time from the highest.
    fn checksum(&self) -> [u8; CHECK] {
        let hash = hash::derive("strongroom format 1 recovery code checksum", &[&self.symbols]);
        let [a, b, c, ..] = *hash.expose();
        let bits = u32::from_be_bytes([0, a, b, c]) >> 4;
        [15, 10, 5, 0].map(|shift| u8::try_from(bits >> shift & 31).unwrap_or(0))
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

/// Dashes that keyboards and word processors put for the one that was meant.
fn is_dash(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn value(character: char) -> Option<u8> {
    let upper = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let position = ALPHABET.iter().position(|symbol| char::from(*symbol) == upper)?;
    u8::try_from(position).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    fn code(symbols: [u8; RANDOM]) -> RecoveryCode {
        RecoveryCode { symbols: symbols.map(|symbol| symbol & 31) }
    }

    fn kind(text: &str) -> ErrorKind {
        RecoveryCode::parse(text).unwrap_err().kind()
    }

    proptest! {
        #[test]
        fn it_is_read_back_however_it_is_typed(symbols: [u8; RANDOM]) {
            let code = code(symbols);
            let text = code.reveal();
            prop_assert_eq!(text.len(), 35);
            let sloppy = text.replace('-', "").to_lowercase().replace('0', "o").replace('1', "l");
            for typed in [text.as_str(), &sloppy, &text.replace('1', "I").replace('-', " \u{2013} ")] {
                prop_assert_eq!(RecoveryCode::parse(typed).unwrap().symbols, code.symbols);
            }
        }

        #[test]
        fn rubbish_is_an_invalid_argument(text: String) {
            prop_assert_eq!(kind(&text), ErrorKind::InvalidArgument);
        }
    }

    /// Every wrong letter and every swap of neighbours of one code: the checksum lets one in a million through,
    /// and none of these.
    #[test]
    fn typing_errors_are_noticed() {
        let text = code(std::array::from_fn(|position| u8::try_from(position * 7).unwrap())).reveal().replace('-', "");
        for position in 0..text.len() {
            for symbol in ALPHABET {
                let mut typed = text.clone().into_bytes();
                if typed[position] != symbol {
                    typed[position] = symbol;
                    assert_eq!(kind(&String::from_utf8(typed).unwrap()), ErrorKind::InvalidArgument);
                }
            }
            let mut typed = text.clone().into_bytes();
            if position > 0 && typed[position] != typed[position - 1] {
                typed.swap(position, position - 1);
                assert_eq!(kind(&String::from_utf8(typed).unwrap()), ErrorKind::InvalidArgument);
            }
        }
        for typed in [&text[1..], &format!("{text}0"), "", "U", &text.replace('0', "é")] {
            assert_eq!(kind(typed), ErrorKind::InvalidArgument);
        }
    }

    #[test]
    fn codes_differ_and_are_not_shown() {
        let code = RecoveryCode::generate().unwrap();
        assert_ne!(code.reveal(), RecoveryCode::generate().unwrap().reveal());
        assert_eq!(format!("{code:?}"), "RecoveryCode(..)");
        let error = RecoveryCode::parse("HUNTER2-HUNTER2").unwrap_err();
        assert!(!format!("{error} {error:?}").to_uppercase().contains("HUNTER"));
    }
}
