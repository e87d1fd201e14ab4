//! Hours, days, weeks, months and years, as far as retention needs them.
//!
//! Dates are of the proleptic Gregorian calendar, computed as Howard Hinnant's "chrono-compatible low-level date
//! algorithms" do it (`civil_from_days`); weeks are those of ISO 8601, from Monday to Sunday.

use crate::format::entry::Timestamp;
use std::fmt;

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// How long the periods are of which a rule keeps one snapshot each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PeriodKind {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl PeriodKind {
    /// Every kind, the shortest first.
    pub const ALL: [PeriodKind; 5] =
        [PeriodKind::Hour, PeriodKind::Day, PeriodKind::Week, PeriodKind::Month, PeriodKind::Year];

    /// The stable name of rules for this kind: `hourly`, `daily` and so on.
    ///
    /// ```
    /// assert_eq!(strongroom::PeriodKind::Week.name(), "weekly");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            PeriodKind::Hour => "hourly",
            PeriodKind::Day => "daily",
            PeriodKind::Week => "weekly",
            PeriodKind::Month => "monthly",
            PeriodKind::Year => "yearly",
        }
    }
}

/// One hour, day, week, month or year. Shown as `2026-11-21 14:00`, `2026-11-21`, `2026-W47`, `2026-11` or `2026`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    kind: PeriodKind,
    /// Counts periods of its kind; greater is later.
    number: i64,
}

impl Period {
    /// The period that a moment is in, so many seconds east of UTC.
    #[must_use]
    pub fn of(kind: PeriodKind, time: Timestamp, utc_offset: i32) -> Self {
        let seconds = time.seconds.saturating_add(utc_offset.into());
        let days = seconds.div_euclid(DAY);
        let number = match kind {
            PeriodKind::Hour => seconds.div_euclid(HOUR),
            PeriodKind::Day => days,
            // 1 January 1970 was a Thursday, and the week it is in has the number 0.
            PeriodKind::Week => days.saturating_add(3).div_euclid(7),
            PeriodKind::Month => {
                let (year, month, _) = civil(days);
                year * 12 + i64::from(month) - 1
            }
            PeriodKind::Year => civil(days).0,
        };
        Period { kind, number }
    }

    /// How long it is.
    #[must_use]
    pub const fn kind(&self) -> PeriodKind {
        self.kind
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number;
        match self.kind {
            PeriodKind::Hour => write!(f, "{} {:02}:00", Date(number.div_euclid(24)), number.rem_euclid(24)),
            PeriodKind::Day => write!(f, "{}", Date(number)),
            PeriodKind::Week => {
                // A week belongs to the year that its Thursday is in.
                let thursday = number.saturating_mul(7);
                let (year, ..) = civil(thursday);
                write!(f, "{year:04}-W{:02}", (thursday - first_day(year)) / 7 + 1)
            }
            PeriodKind::Month => write!(f, "{:04}-{:02}", number.div_euclid(12), number.rem_euclid(12) + 1),
            PeriodKind::Year => write!(f, "{number:04}"),
        }
    }
}

/// A moment to the minute, in UTC.
pub(super) struct Utc(pub(super) Timestamp);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, second) = (self.0.seconds.div_euclid(DAY), self.0.seconds.rem_euclid(DAY));
        write!(f, "{} {:02}:{:02} UTC", Date(day), second / HOUR, second % HOUR / 60)
    }
}

/// A day, counted from 1 January 1970.
struct Date(i64);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Year, month and day of a day counted from 1 January 1970. No `i64` that counts seconds counts days that overflow
/// here.
fn civil(days: i64) -> (i64, u8, u8) {
    // Years begin in March, so that the leap day is the last of its year, and eras of 400 years are all alike.
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let small = |number: i64| u8::try_from(number).unwrap_or(u8::MAX);
    (year, small(month), small(day))
}

/// The first of January of a year, counted from that of 1970.
fn first_day(year: i64) -> i64 {
    let before = year.saturating_sub(1);
    let leap_days = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    before.saturating_mul(365).saturating_add(leap_days).saturating_sub(719_162)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(kind: PeriodKind, seconds: i64, offset: i32) -> String {
        Period::of(kind, Timestamp::new(seconds, 999_999_999), offset).to_string()
    }

    #[test]
    fn moments_are_in_the_periods_that_calendars_say() {
        use PeriodKind::{Day, Hour, Month, Week, Year};
        // Reckoned with `date -u -d @SECONDS '+%F %H %G-W%V'`.
        for (seconds, hour, week) in [
            (0, "1970-01-01 00:00", "1970-W01"),
            (-1, "1969-12-31 23:00", "1970-W01"),
            (951_782_400, "2000-02-29 00:00", "2000-W09"),
            (951_868_799, "2000-02-29 23:00", "2000-W09"),
            (951_868_800, "2000-03-01 00:00", "2000-W09"),
            (1_104_537_600, "2005-01-01 00:00", "2004-W53"),
            (1_230_768_000, "2009-01-01 00:00", "2009-W01"),
            (1_262_304_000, "2010-01-01 00:00", "2009-W53"),
            (1_419_811_200, "2014-12-29 00:00", "2015-W01"),
            (1_795_305_600, "2026-11-22 00:00", "2026-W47"),
            (1_795_391_999, "2026-11-22 23:00", "2026-W47"),
            (1_795_392_000, "2026-11-23 00:00", "2026-W48"),
            (4_107_542_400, "2100-03-01 00:00", "2100-W09"),
            (-2_203_891_200, "1900-03-01 00:00", "1900-W09"),
            (-62_135_596_800, "0001-01-01 00:00", "0001-W01"),
        ] {
            assert_eq!(shown(Hour, seconds, 0), hour);
            assert_eq!(shown(Day, seconds, 0), hour[..10]);
            assert_eq!(shown(Week, seconds, 0), week);
            assert_eq!(shown(Month, seconds, 0), hour[..7]);
            assert_eq!(shown(Year, seconds, 0), hour[..4]);
        }
    }

    #[test]
    fn the_day_begins_where_the_caller_says() {
        let eleven_in_the_evening = 1_795_388_400;
        assert_eq!(shown(PeriodKind::Day, eleven_in_the_evening, 0), "2026-11-22");
        assert_eq!(shown(PeriodKind::Hour, eleven_in_the_evening, 3600), "2026-11-23 00:00");
        assert_eq!(shown(PeriodKind::Week, eleven_in_the_evening, 3600), "2026-W48");
        assert_eq!(shown(PeriodKind::Day, eleven_in_the_evening, -86_000), "2026-11-21");
        assert_eq!(shown(PeriodKind::Hour, 0, 5 * 3600 + 1800), "1970-01-01 05:00");
        assert_eq!(Utc(Timestamp::new(eleven_in_the_evening, 0)).to_string(), "2026-11-22 23:00 UTC");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut expected = (1600, 1, 1);
        for days in first_day(1600)..first_day(2401) {
            let (year, month, day) = civil(days);
            assert_eq!((year, month, day), expected);
            if (month, day) == (1, 1) {
                assert_eq!(first_day(year), days);
            }
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + u8::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (month, day) if day == length => (year, month + 1, 1),
                (month, day) => (year, month, day + 1),
            };
        }
    }

    proptest! {
        #[test]
        fn later_moments_are_in_later_periods_or_the_same(seconds: (i64, i64), offset in -64_800..64_800i32) {
            let (first, second) = (seconds.0.min(seconds.1), seconds.0.max(seconds.1));
            for kind in PeriodKind::ALL {
                let of = |seconds| Period::of(kind, Timestamp::new(seconds, 0), offset);
                prop_assert!(of(first) <= of(second));
                prop_assert!(!of(first).to_string().is_empty());
            }
        }
    }
}
