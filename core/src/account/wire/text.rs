//! What texts in messages may be.

use crate::error::{Result, invalid};
use crate::format::label;

/// Longest first or last name, in bytes.
const MAX_NAME: usize = 128;
/// Longest e-mail address, in bytes (RFC 5321, section 4.5.3.1.3, without the angle brackets).
const MAX_EMAIL: usize = 254;
/// Longest local part of an e-mail address (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL_PART: usize = 64;

/// Checks a first or last name: 1 to 128 bytes, no control characters, and nothing that looks like a payment card.
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument), naming `field` and not repeating the text.
pub fn check_name(text: &str, field: &'static str, operation: &'static str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(invalid(operation, "it is empty").object(field));
    }
    check_text(text, MAX_NAME, field, operation)
}

/// Checks a name of a device or vault: 1 to 128 bytes, no control characters, nothing that looks like a payment card.
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument), naming `field` and not repeating the text.
pub fn check_label(text: &str, field: &'static str, operation: &'static str) -> Result<()> {
    check_name(text, field, operation)?;
    label::fault(text).map_or(Ok(()), |fault| Err(invalid(operation, fault).object(field)))
}

/// Checks any other text: no more than `most` bytes, no control characters, nothing that looks like a payment card.
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument), naming `field` and not repeating the text.
pub fn check_text(text: &str, most: usize, field: &'static str, operation: &'static str) -> Result<()> {
    let fault = if text.len() > most {
        format!("it is longer than {most} bytes")
    } else if text.chars().any(char::is_control) {
        "it has control characters".to_owned()
    } else if looks_like_card_number(text) {
        "it looks like the number of a payment card, which is asked for nowhere but on the payment provider's page"
            .to_owned()
    } else {
        return Ok(());
    };
    Err(invalid(operation, fault).object(field))
}

/// Checks an e-mail address in its [normal form](normalise_email).
///
/// That it exists is found out by writing to it, so only what no mail server would take is refused.
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument), naming `field` and not repeating the address.
pub fn check_email(email: &str, field: &'static str, operation: &'static str) -> Result<()> {
    check_text(email, MAX_EMAIL, field, operation)?;
    let fault = |detail: &'static str| Err(invalid(operation, detail).object(field));
    let Some((local, domain)) = email.rsplit_once('@') else { return fault("it is not an e-mail address") };
    let odd = |text: &str| text.is_empty() || text.chars().any(|c| c.is_whitespace() || "<>()[],;:\\\"".contains(c));
    let labels = domain.split('.');
    if odd(local)
        || local.contains('@')
        || local.len() > MAX_LOCAL_PART
        || odd(domain)
        || labels.clone().any(|label| label.is_empty() || label.starts_with('-') || label.ends_with('-'))
    {
        return fault("it is not an e-mail address");
    }
    if email != normalise_email(email) {
        return fault("it is not in its normal form: trimmed, and in lower case");
    }
    Ok(())
}

/// Checks a code that a person typed: short, and nothing but letters, digits and dashes.
pub(super) fn check_code(code: &str, operation: &'static str) -> Result<()> {
    if code.is_empty() || code.len() > 64 || !code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(invalid(operation, "it is not a code: letters, digits and dashes, without spaces").object("code"));
    }
    Ok(())
}

/// An e-mail address in the form it is compared in: without space around it, in lower case.
#[must_use]
pub fn normalise_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Whether a text holds a number that could be that of a payment card (ISO/IEC 7812): 13 to 19 digits, in groups or
/// not, with a valid check digit.
///
/// ```
/// use strongroom::account::wire::looks_like_card_number;
/// assert!(looks_like_card_number("my card: 4111 1111-1111 1111"));
/// assert!(!looks_like_card_number("+44 20 7946 0958"));
/// ```
#[must_use]
pub fn looks_like_card_number(text: &str) -> bool {
    // Groups of digits that one character stands between, ended by anything else.
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let mut gap = 0;
    for character in text.chars() {
        if let Some(digit) = digit(character) {
            if gap > 1 || groups.is_empty() {
                if has_card_number(&groups) {
                    return true;
                }
                groups = vec![Vec::new()];
            } else if gap == 1 {
                groups.push(Vec::new());
            }
            gap = 0;
            if let Some(group) = groups.last_mut() {
                group.push(digit);
            }
        } else {
            gap += if character.is_alphabetic() { 2 } else { 1 };
        }
    }
    has_card_number(&groups)
}

/// The value of a digit, the full-width ones of East Asian keyboards included.
fn digit(character: char) -> Option<u32> {
    match character {
        '\u{ff10}'..='\u{ff19}' => Some(u32::from(character) - 0xff10),
        _ => character.to_digit(10),
    }
}

/// Whether groups that follow each other are, together, a card's number.
fn has_card_number(groups: &[Vec<u32>]) -> bool {
    (0..groups.len()).any(|start| {
        let mut digits = Vec::new();
        for group in groups.iter().skip(start) {
            digits.extend_from_slice(group);
            match digits.len() {
                13..=19 if luhn(&digits) => return true,
                ..=19 => {}
                _ => break,
            }
        }
        false
    })
}

/// The check of ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u32]) -> bool {
    let weighted = digits.iter().rev().enumerate().map(|(position, digit)| match (position % 2, digit * 2) {
        (0, _) => *digit,
        (_, twice) if twice > 9 => twice - 9,
        (_, twice) => twice,
    });
    weighted.sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that card networks and payment providers publish for tests.
    const CARDS: [&str; 8] = [
        "4111111111111111",
        "4222222222222",
        "5555 5555 5555 4444",
        "3782-822463-10005",
        "6011.1111.1111.1117",
        "3530\u{a0}1113\u{a0}3330\u{a0}0000",
        "６７５９６４９８２６４３８４５３",
        "6304000000000000",
    ];

    #[test]
    fn numbers_of_cards_are_found_wherever_they_stand() {
        for card in CARDS {
            for text in [card.to_owned(), format!("it is {card}!"), format!("a{card}b"), format!("12 {card} 3")] {
                assert!(looks_like_card_number(&text), "{text}");
            }
        }
    }

    #[test]
    fn other_numbers_are_left_alone() {
        for text in [
            "",
            "4111111111111112",
            "Kim 1985",
            "+1 (212) 555-0100",
            "411111111111",
            "41111111111111111111",
            "4111 x 1111 x 1111 x 1111",
        ] {
            assert!(!looks_like_card_number(text), "{text}");
        }
    }

    #[test]
    fn names_and_labels_have_bounds_and_errors_do_not_repeat_them() {
        check_name("Zoë", "first_name", "register").unwrap();
        check_name("陈", "last_name", "register").unwrap();
        for text in ["", " \u{a0}", "a\nb", &"x".repeat(129), "4111111111111111"] {
            let error = check_name(text, "first_name", "register").unwrap_err();
            assert_eq!(error.object_name(), Some("first_name"));
            assert!(text.len() < 3 || !format!("{error:?}").contains(text));
            assert!(check_label(text, "name", "enrol").is_err());
        }
    }

    #[test]
    fn addresses_that_no_mail_server_takes_are_refused() {
        for email in
            ["kim@example.org", "kim+tag@mail.example.co.uk", "o'neil@example.org", "用户@例子.测试", "kim@localhost"]
        {
            check_email(email, "email", "register").unwrap();
        }
        for email in [
            "",
            "kim",
            "@example.org",
            "kim@",
            "k im@example.org",
            "a@b@c",
            "kim@example..org",
            "kim@-example.org",
            "kim@example.org\r\nBcc: all@example.org",
            "<kim@example.org>",
            "Kim@example.org",
            " kim@example.org",
            "4111111111111111@example.org",
            &format!("{}@example.org", "k".repeat(65)),
            &format!("kim@{}.org", "e".repeat(250)),
        ] {
            assert!(check_email(email, "email", "register").is_err(), "{email}");
        }
        assert_eq!(normalise_email(" Kim@Example.ORG\n"), "kim@example.org");
    }
}
