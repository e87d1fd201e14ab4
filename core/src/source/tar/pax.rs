//! Extended headers: what does not fit into the 512 bytes.

use crate::format::entry::{Timestamp, Xattr};

/// Records of extended headers, in order; of several with one key the last counts.
#[derive(Debug, Default, Clone)]
pub(super) struct Pax {
    records: Vec<(Vec<u8>, Vec<u8>)>,
}

const MALFORMED: &str = "an extended header is malformed";

impl Pax {
    /// Adds the records of one extended header.
    pub(super) fn add(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ').ok_or(MALFORMED)?;
            let length = decimal(bytes.get(..space).unwrap_or_default()).ok_or(MALFORMED)?;
            let length = usize::try_from(length).map_err(|_| MALFORMED)?;
            let record = bytes.get(space + 1..length).ok_or(MALFORMED)?;
            let record = record.strip_suffix(b"\n").ok_or(MALFORMED)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(MALFORMED)?;
            let (key, value) = record.split_at(equals);
            self.records.push((key.to_vec(), value.get(1..).unwrap_or_default().to_vec()));
            bytes = bytes.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn records(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.records.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }
}

/// The records that apply to one member: its own before those for all members.
pub(super) struct Extended<'a> {
    pub(super) own: &'a Pax,
    pub(super) global: &'a Pax,
}

impl Extended<'_> {
    /// The value of a key; an empty one takes back what was said for all members.
    pub(super) fn get(&self, key: &str) -> Option<&[u8]> {
        let last = |pax: &'_ Pax| pax.records.iter().rposition(|(one, _)| one == key.as_bytes());
        let value = match last(self.own) {
            Some(at) => self.own.records.get(at),
            None => last(self.global).and_then(|at| self.global.records.get(at)),
        };
        value.map(|(_, value)| value.as_slice()).filter(|value| !value.is_empty())
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, &'static str> {
        self.get(key).map(|value| decimal(value).ok_or("a number in an extended header is malformed")).transpose()
    }

    pub(super) fn time(&self, key: &str) -> Result<Option<Timestamp>, &'static str> {
        self.get(key).map(|value| time(value).ok_or("a time in an extended header is malformed")).transpose()
    }

    /// Extended attributes sorted by name.
    pub(super) fn xattrs(&self) -> Vec<Xattr> {
        let mut found: Vec<Xattr> = Vec::new();
        for (key, value) in self.global.records().chain(self.own.records()) {
            let xattr = if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                Xattr { name: unescape(name), value: value.to_vec() }
            } else if key == b"RHT.security.selinux" {
                // Written without the NUL that ends it in the attribute.
                Xattr { name: b"security.selinux".to_vec(), value: [value, b"\0"].concat() }
            } else {
                continue;
            };
            found.retain(|other| other.name != xattr.name);
            found.push(xattr);
        }
        found.sort();
        found
    }
}

/// GNU tar writes `=` and `%` in names of attributes as hexadecimal numbers.
fn unescape(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match rest.get(..3) {
            Some(b"%3D") => (b'=', rest.get(3..).unwrap_or_default()),
            Some(b"%25") => (b'%', rest.get(3..).unwrap_or_default()),
            _ => (*first, after),
        };
        plain.push(byte);
        rest = after;
    }
    plain
}

pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Seconds since 1970 with a fraction, possibly negative.
fn time(value: &[u8]) -> Option<Timestamp> {
    let (is_negative, value) = match value.strip_prefix(b"-") {
        Some(value) => (true, value),
        None => (false, value),
    };
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let seconds = i64::try_from(decimal(parts.next()?)?).ok()?;
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut nanos = 0;
    for position in 0..9 {
        nanos = nanos * 10 + u32::from(fraction.get(position).map_or(0, |digit| digit - b'0'));
    }
    Some(match (is_negative, nanos) {
        (false, _) => Timestamp::new(seconds, nanos),
        (true, 0) => Timestamp::new(-seconds, 0),
        (true, _) => Timestamp::new(-seconds - 1, 1_000_000_000 - nanos),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extended(records: &[(&str, &str)]) -> Pax {
        let mut bytes = Vec::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let length = (rest.len()..).find(|length| length.to_string().len() + rest.len() == *length).unwrap();
            bytes.extend(format!("{length}{rest}").into_bytes());
        }
        let mut pax = Pax::default();
        pax.add(&bytes).unwrap();
        pax
    }

    #[test]
    fn records_hold_any_bytes_and_the_last_one_counts() {
        let global = extended(&[("path", "all"), ("uid", "01"), ("gid", "77")]);
        let own = extended(&[("path", "b\nc"), ("a", "1\n2="), ("path", "b\n=d\n"), ("gid", "")]);
        let both = Extended { own: &own, global: &global };
        assert_eq!(both.get("path"), Some(&b"b\n=d\n"[..]));
        assert_eq!(both.get("a"), Some(&b"1\n2="[..]));
        assert_eq!(both.number("uid"), Ok(Some(1)));
        assert_eq!((both.get("gid"), both.get("none")), (None, None));
    }

    #[test]
    fn malformed_records_are_refused() {
        for bad in [
            &b"x"[..],
            b"5 a=b",
            b"99 a=b\n",
            b"6 a=b\n\n",
            b"5 ab\n",
            b" a=b\n",
            b"1 \n",
            b"0 a=b\n",
            b"18446744073709551616 a=b\n",
        ] {
            assert!(Pax::default().add(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_have_fractions_and_signs() {
        assert_eq!(time(b"1350244992.023960108"), Some(Timestamp::new(1_350_244_992, 23_960_108)));
        assert_eq!(time(b"5"), Some(Timestamp::new(5, 0)));
        assert_eq!(time(b"-5.25"), Some(Timestamp::new(-6, 750_000_000)));
        assert_eq!(time(b"-0.000000001"), Some(Timestamp::new(-1, 999_999_999)));
        assert_eq!(time(b"1.1234567899"), Some(Timestamp::new(1, 123_456_789)));
        for bad in [&b""[..], b".5", b"1.-5", b"x", b"--1", b"99999999999999999999"] {
            assert_eq!(time(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn names_of_attributes_are_unescaped() {
        assert_eq!(unescape(b"user.a%3Db%25%3d%"), b"user.a=b%%3d%");
    }
}
