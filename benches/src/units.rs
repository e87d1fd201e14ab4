//! Sizes and counts as people write them.

/// Reads `1.5G`, `200M`, `4096`; K, M, G are powers of 1024.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write a number such as 4096, 200M or 1.5G");
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: f64 = match text[number.len()..].trim_end_matches(['i', 'B', 'b']) {
        "" => 1.0,
        "k" | "K" => 1024.0,
        "m" | "M" => 1024.0 * 1024.0,
        "g" | "G" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let value = number.parse::<f64>().map_err(|_| wrong())? * factor;
    if value.is_finite() && value >= 0.0 { Ok(value as u64) } else { Err(wrong()) }
}

/// Bytes in MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// Bytes as MB or GB, powers of 1000.
pub(crate) fn size(bytes: u64) -> String {
    let mb = bytes as f64 / 1e6;
    if mb < 1000.0 { format!("{mb:.0} MB") } else { format!("{:.1} GB", mb / 1000.0) }
}

/// A count with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Seconds with as many decimals as mean something.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{seconds:.2}") } else { format!("{seconds:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("1.5G"), Ok(3 << 29));
        assert_eq!(parse_size("2MiB"), Ok(2 << 20));
        assert!(parse_size("much").is_err() && parse_size("-1").is_err() && parse_size("").is_err());
    }

    #[test]
    fn figures_are_written() {
        assert_eq!(count(92_345), "92,345");
        assert_eq!(count(999), "999");
        assert_eq!(size(1_430_000_000), "1.4 GB");
        assert_eq!((seconds(0.434).as_str(), seconds(5.84).as_str()), ("0.43", "5.8"));
    }
}
