//! Numbers, sizes and times, as people read and write them.

use jiff::tz::TimeZone;
use std::time::Duration;
use strongroom::Timestamp;

const STEP: u64 = 1024;
const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// A size with three significant digits: `0 B`, `1023 B`, `1.50 KiB`, `12.3 GiB`, `123 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < STEP {
        return format!("{bytes} B");
    }
    let (mut whole, mut rest, mut unit) = (bytes, 0, "");
    for next in UNITS {
        (whole, rest, unit) = (whole / STEP, whole % STEP, next);
        if whole < STEP {
            break;
        }
    }
    let hundredths = rest * 100 / STEP;
    match whole {
        0..10 => format!("{whole}.{hundredths:02} {unit}"),
        10..100 => format!("{whole}.{} {unit}", hundredths / 10),
        _ => format!("{whole} {unit}"),
    }
}

/// A number with its thousands apart: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `2,000 files`.
pub(crate) fn counted(number: u64, one: &str, several: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { several })
}

/// A time span: `0.42 s`, `12.3 s`, `3 min 12 s`, `2 h 05 min`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.2} s", time.as_secs_f64()),
        10..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {:02} h", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// Bytes a second over a time.
pub(crate) fn rate(bytes: u64, time: Duration) -> String {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = u128::from(bytes) * 1000 / u128::from(milliseconds);
    format!("{}/s", size(u64::try_from(rate).unwrap_or(u64::MAX)))
}

/// `part` of `whole` in per cent; nothing of nothing is 0.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0%".to_owned();
    }
    let tenths = u128::from(part) * 1000 / u128::from(whole);
    if tenths >= 100 { format!("{}%", tenths / 10) } else { format!("{}.{}%", tenths / 10, tenths % 10) }
}

fn instant(time: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::new(time.seconds, i32::try_from(time.nanos).ok()?).ok()
}

/// What stands for a time no calendar has: seconds since 1970, which nothing limits.
fn beyond_calendars(time: Timestamp) -> String {
    format!("@{}.{:09}", time.seconds, time.nanos)
}

/// A time in this place's time zone, to the second: `2026-01-31 09:15:00`.
pub(crate) fn local(time: Timestamp) -> String {
    match instant(time) {
        Some(instant) => instant.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => beyond_calendars(time),
    }
}

/// A time in RFC 3339, in UTC, with as many digits as it needs; `@seconds.nanoseconds` outside its range.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    match instant(time) {
        // RFC 3339 knows the years 0 to 9999.
        Some(instant) if !instant.to_string().starts_with('-') => instant.to_string(),
        _ => beyond_calendars(time),
    }
}

/// Now.
pub(crate) fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}

/// Reads a size: `4096`, `64K`, `1.5GiB`. Units are powers of 1024, with or without `iB`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size; write for example 500K, 64M or 1.5GiB");
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_lowercase();
    let power = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(wrong()),
    };
    let factor = STEP.pow(power);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(wrong);
    }
    let (whole, fraction) = number.split_once('.').ok_or_else(wrong)?;
    if fraction.is_empty() || fraction.len() > 9 {
        return Err(wrong());
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| wrong())? };
    let parts: u128 = fraction.parse().map_err(|_| wrong())?;
    let scale = 10u128.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
    let bytes = u128::from(whole) * u128::from(factor) + parts * u128::from(factor) / scale;
    u64::try_from(bytes).map_err(|_| wrong())
}

/// Reads a rate: a size, with or without `/s`.
pub(crate) fn parse_rate(text: &str) -> Result<u64, String> {
    match parse_size(text.trim().trim_end_matches("/s"))? {
        0 => Err("a rate of 0 never ends; leave the option out for no limit".to_owned()),
        rate => Ok(rate),
    }
}

/// Reads a time span: `90`, `90s`, `15m`, `1h30m`, `2d`.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time span; write for example 90s, 15m, 1h30m or 2d");
    let mut seconds = 0u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, behind) = rest.split_at(end);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit_end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_end);
        let factor = match unit.trim() {
            "s" => 1,
            // A bare number is the whole of it.
            "" if behind.is_empty() && rest.len() == text.trim().len() => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86400,
            "w" => 7 * 86400,
            _ => return Err(wrong()),
        };
        seconds = number.checked_mul(factor).and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
        rest = behind;
    }
    Ok(Duration::from_secs(seconds))
}

/// Reads an age of snapshots: `12h`, `30d`, `8w`, `6mo`, `1y`, `1y6mo`. A month counts 31 days and a year 366, so that
/// nothing is taken for older than it is. Minutes are `min`: elsewhere `m` stands for months with ages, and a mistake
/// would remove half a year of snapshots.
pub(crate) fn parse_age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not an age; write for example 12h, 30d, 8w, 6mo or 1y6mo");
    let (mut seconds, mut rest) = (0u64, text.trim());
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, behind) = rest.split_at(end);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let factor = match unit.trim() {
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            "d" => 86400,
            "w" => 7 * 86400,
            "mo" => 31 * 86400,
            "y" => 366 * 86400,
            "m" => return Err("`m` could be minutes or months; write min or mo".to_owned()),
            _ => return Err(wrong()),
        };
        seconds = number.checked_mul(factor).and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
        rest = behind;
    }
    Ok(Duration::from_secs(seconds))
}

/// Reads a point in time: RFC 3339, a date with or without a time of day in this place's time zone, or a span
/// before now such as `7d`.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(timestamp(instant));
    }
    if let Ok(local) = text.parse::<jiff::civil::DateTime>() {
        let zoned = local.to_zoned(TimeZone::system()).map_err(|error| error.to_string())?;
        return Ok(timestamp(zoned.timestamp()));
    }
    if let Ok(ago) = parse_span(text) {
        let now = now();
        let seconds = i64::try_from(ago.as_secs()).ok().and_then(|ago| now.seconds.checked_sub(ago));
        return Ok(Timestamp::new(seconds.ok_or("that is too long ago")?, now.nanos));
    }
    Err(format!("`{text}` is not a time; write for example 2026-01-31, '2026-01-31 18:30', 2026-01-31T18:30:00Z or 7d"))
}

fn timestamp(instant: jiff::Timestamp) -> Timestamp {
    // Floored, because a timestamp's nanoseconds count forwards even before 1970.
    let nanos = instant.as_nanosecond();
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or_default();
    Timestamp::new(seconds, u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1536, "1.50 KiB"),
            (12 * 1024 * 1024 + 300 * 1024, "12.2 MiB"),
            (1023 * 1024, "1023 KiB"),
            (u64::MAX, "15.9 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn sizes_are_read_in_powers_of_1024() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("64K"), Ok(64 << 10));
        assert_eq!(parse_size("1.5GiB"), Ok(3 << 29));
        assert_eq!(parse_size("2 mb"), Ok(2 << 20));
        assert_eq!(parse_rate("10M/s"), Ok(10 << 20));
        for wrong in ["", "K", "1.M", "x", "-1", "1.5.5", "99999999P", "1 q"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
        assert!(parse_rate("0").is_err());
    }

    #[test]
    fn spans_are_sums() {
        assert_eq!(parse_span("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_span("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_span("2d"), Ok(Duration::from_secs(172_800)));
        for wrong in ["", "h", "1h30", "1y", "30 1h", "-5s"] {
            assert!(parse_span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ages_have_months_and_years_and_say_which_minutes_they_mean() {
        let days = |days: u64| Ok(Duration::from_secs(days * 86400));
        assert_eq!(parse_age("30d"), days(30));
        assert_eq!(parse_age("2w"), days(14));
        assert_eq!(parse_age("1y6mo"), days(366 + 186));
        assert_eq!(parse_age("90min"), Ok(Duration::from_secs(5400)));
        assert!(parse_age("6m").unwrap_err().contains("months"));
        for wrong in ["", "30", "d", "1h30", "-5d", "5q", "99999999999999999999y", "999999999999999999y"] {
            assert!(parse_age(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_read_and_written_in_rfc_3339() {
        for text in ["2026-01-31T18:30:00Z", "1969-12-31T23:59:58.5Z", "2026-01-31T18:30:00.123456789Z"] {
            assert_eq!(rfc3339(parse_time(text).unwrap()), text);
        }
        assert!(parse_time("2026-01-31").is_ok());
        assert!(parse_time("2026-01-31 18:30").is_ok());
        assert!(parse_time("7d").unwrap() < now());
        assert!(parse_time("yesterday").is_err());
        assert_eq!(rfc3339(Timestamp::new(i64::MIN, 7)), format!("@{}.000000007", i64::MIN));
        assert_eq!(rfc3339(Timestamp::new(-99_999_999_999, 0)), "@-99999999999.000000000");
    }

    #[test]
    fn counts_and_parts() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(123), "123");
        assert_eq!(percent(1, 3), "33%");
        assert_eq!(percent(1, 30), "3.3%");
        assert_eq!(percent(0, 0), "0%");
        assert_eq!(span(Duration::from_secs(3725)), "1 h 02 min");
        assert_eq!(rate(1024, Duration::from_millis(500)), "2.00 KiB/s");
    }
}
