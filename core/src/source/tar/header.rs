//! The 512 bytes before each member of a tar stream.

use crate::format::entry::Timestamp;

pub(super) const BLOCK: usize = 512;

/// A header whose checksum holds.
pub(super) struct Header<'a> {
    block: &'a [u8; BLOCK],
    pub(super) flavour: Flavour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// From before there was a standard.
    Old,
    Ustar,
    Gnu,
}

impl<'a> Header<'a> {
    pub(super) fn read(block: &'a [u8; BLOCK]) -> Result<Self, &'static str> {
        let flavour = match block.get(257..265) {
            Some(b"ustar  \0") => Flavour::Gnu,
            Some([b'u', b's', b't', b'a', b'r', 0, ..]) => Flavour::Ustar,
            _ => Flavour::Old,
        };
        let header = Header { block, flavour };
        let stated = number(header.field(148, 8)).map_err(|_| "a header has no checksum: this is not a tar stream")?;
        // Some old programs summed signed bytes.
        if stated != header.sum(i64::from) && stated != header.sum(|byte| i64::from(byte.cast_signed())) {
            return Err("the checksum of a header does not hold");
        }
        Ok(header)
    }

    fn sum(&self, value: impl Fn(u8) -> i64) -> i64 {
        let spaced = |(position, byte): (usize, &u8)| {
            if (148..156).contains(&position) { value(b' ') } else { value(*byte) }
        };
        self.block.iter().enumerate().map(spaced).sum()
    }

    pub(super) fn field(&self, offset: usize, length: usize) -> &'a [u8] {
        self.block.get(offset..offset + length).unwrap_or_default()
    }

    pub(super) fn kind(&self) -> u8 {
        self.field(156, 1).first().copied().unwrap_or(0)
    }

    pub(super) fn path(&self) -> Vec<u8> {
        let name = text(self.field(0, 100));
        // The program star keeps times in the last part of the prefix.
        let length = if self.field(508, 4) == b"tar\0" { 131 } else { 155 };
        let prefix = text(self.field(345, length));
        if self.flavour != Flavour::Ustar || prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    pub(super) fn link_name(&self) -> &'a [u8] {
        text(self.field(157, 100))
    }

    pub(super) fn mode(&self) -> Result<u32, &'static str> {
        let mode = number(self.field(100, 8))?;
        // Some programs put the type of the file into the bits above.
        u32::try_from(mode & 0o7777).map_err(|_| NUMBER)
    }

    pub(super) fn uid(&self) -> Result<i64, &'static str> {
        number(self.field(108, 8))
    }

    pub(super) fn gid(&self) -> Result<i64, &'static str> {
        number(self.field(116, 8))
    }

    pub(super) fn size(&self) -> Result<u64, &'static str> {
        u64::try_from(number(self.field(124, 12))?).map_err(|_| NUMBER)
    }

    pub(super) fn modified(&self) -> Result<Timestamp, &'static str> {
        number(self.field(136, 12)).map(|seconds| Timestamp::new(seconds, 0))
    }

    /// Name of the user and of the group.
    pub(super) fn names(&self) -> (&'a [u8], &'a [u8]) {
        match self.flavour {
            Flavour::Old => (b"", b""),
            _ => (text(self.field(265, 32)), text(self.field(297, 32))),
        }
    }

    /// Major and minor number of a device.
    pub(super) fn device(&self) -> Result<(u32, u32), &'static str> {
        let part = |offset| u32::try_from(number(self.field(offset, 8))?).map_err(|_| NUMBER);
        Ok((part(329)?, part(337)?))
    }
}

const NUMBER: &str = "a number in a header is malformed";

/// A number in octal digits, or in binary when the first bit is set.
pub(super) fn number(field: &[u8]) -> Result<i64, &'static str> {
    let Some((first, rest)) = field.split_first() else { return Err(NUMBER) };
    if first & 0x80 != 0 {
        // The bit below the mark is the sign.
        let start = if first & 0x40 != 0 { i128::from(*first) - 0x100 } else { i128::from(first & 0x7f) };
        let mut value = start;
        for byte in rest {
            value = value.checked_mul(256).and_then(|value| value.checked_add(i128::from(*byte))).ok_or(NUMBER)?;
        }
        return i64::try_from(value).map_err(|_| NUMBER);
    }
    let digits = text(field).trim_ascii();
    let mut value: i64 = 0;
    for digit in digits {
        if !(b'0'..=b'7').contains(digit) {
            return Err(NUMBER);
        }
        value = value.checked_mul(8).ok_or(NUMBER)? + i64::from(digit - b'0');
    }
    Ok(value)
}

/// The bytes before the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_all_their_forms() {
        assert_eq!(number(b"0000644\0"), Ok(0o644));
        assert_eq!(number(b"   644 \0"), Ok(0o644));
        assert_eq!(number(b"77777777"), Ok(0o77777777));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Ok(0));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\0\0\0\x01\x02"), Ok(258));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"), Ok(-2));
        assert_eq!(number(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"), Ok(i64::MAX));
        for bad in [
            &b""[..],
            b"12x",
            b"-5",
            b"9",
            b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x90\0\0\0\0\0\0\0\0\0\0\0",
        ] {
            assert!(number(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_header_is_known_by_its_checksum() {
        let mut header = tar::Header::new_ustar();
        header.set_path("some/file").unwrap();
        header.set_cksum();
        let mut block = *header.as_bytes();
        assert_eq!(Header::read(&block).ok().unwrap().path(), b"some/file");
        block[0] ^= 1;
        assert!(Header::read(&block).is_err());
        assert!(Header::read(&[b'x'; BLOCK]).is_err());
    }
}
