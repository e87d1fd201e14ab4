//! Who a webhook comes from: the header `Stripe-Signature`.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How far a signature's time may be from the service's, in seconds.
const TOLERANCE: u64 = 300;
/// Signatures that are looked at: a secret that is being replaced makes two.
const MOST: usize = 10;

/// Whether `header` holds a signature of `body` by `secret` that was made about `now`, in seconds since 1970 UTC.
pub(crate) fn is_signed(header: &str, body: &[u8], secret: &str, now: u64) -> bool {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let Some((_, time)) = parts().find(|(name, _)| *name == "t") else { return false };
    if !time.parse::<u64>().is_ok_and(|made| made.abs_diff(now) <= TOLERANCE) {
        return false;
    }
    let Ok(keyed) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    parts().filter(|(name, _)| *name == "v1").take(MOST).any(|(_, signature)| {
        let mut mac = keyed.clone();
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(body);
        // Compares in constant time.
        unhex(signature).is_some_and(|signature| mac.verify_slice(&signature).is_ok())
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() != 64 {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_test_secret";
    const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;

    fn header(time: u64, body: &[u8], secret: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{time}.").as_bytes());
        mac.update(body);
        format!("t={time},v1={}", crate::text::hex(&mac.finalize().into_bytes()))
    }

    /// What `webhooks.generateTestHeaderString` of Stripe's npm package, version 23.1.0, makes of these.
    const BY_STRIPE: &str = "t=1700000000,v1=0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd";

    #[test]
    fn what_stripes_own_library_signs_is_signed() {
        assert_eq!(header(1_700_000_000, BODY, SECRET), BY_STRIPE);
        assert!(is_signed(BY_STRIPE, BODY, SECRET, 1_700_000_000));
        assert!(!is_signed(BY_STRIPE, &BODY[1..], SECRET, 1_700_000_000));
    }

    #[test]
    fn signatures_count_for_their_body_secret_and_time() {
        let good = header(1_700_000_000, BODY, SECRET);
        assert!(is_signed(&good, BODY, SECRET, 1_700_000_000));
        assert!(is_signed(&good, BODY, SECRET, 1_700_000_300));
        assert!(!is_signed(&good, BODY, SECRET, 1_700_000_301), "too old");
        assert!(!is_signed(&good, BODY, SECRET, 1_699_999_699), "of the future");
        assert!(!is_signed(&good, b"{}", SECRET, 1_700_000_000), "another body");
        assert!(!is_signed(&good, BODY, "whsec_other", 1_700_000_000), "another secret");
        let moved = good.replace("t=1700000000", "t=1700000100");
        assert!(!is_signed(&moved, BODY, SECRET, 1_700_000_100), "another time");
        let both = format!("t=1700000000,v1={},{}", "0".repeat(64), good.split_once(',').unwrap().1);
        assert!(is_signed(&both, BODY, SECRET, 1_700_000_000), "while a secret is replaced");
        for rubbish in
            ["", "t=", "v1=00", "t=1700000000", "t=1700000000,v1=", "t=1700000000,v1=é", "t=1700000000,v0=00"]
        {
            assert!(!is_signed(rubbish, BODY, SECRET, 1_700_000_000), "{rubbish}");
        }
    }
}
