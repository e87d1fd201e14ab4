//! Months and years, as people are billed by them: by the calendar, in UTC.

use crate::clock::DAY;
use strongroom::account::wire::Interval;

/// When an interval that began at `start` ends, in milliseconds since 1970 UTC; none for what is not billed.
///
/// `anchor` is when the first interval began: what began on the 31st is billed on the last day of shorter months, and
/// on the 31st again after.
pub(crate) fn end_of(interval: Interval, anchor: i64, start: i64) -> Option<i64> {
    let months = match interval {
        Interval::Month => 1,
        Interval::Year => 12,
        _ => return None,
    };
    let (anchor_days, time) = (anchor.div_euclid(DAY), anchor.rem_euclid(DAY));
    let (year, month, day) = date_of(anchor_days);
    let mut count = months;
    loop {
        let total = month - 1 + count;
        let (year, month) = (year + total.div_euclid(12), total.rem_euclid(12) + 1);
        let end = days_of(year, month, day.min(days_in(year, month))) * DAY + time;
        if end > start {
            return Some(end);
        }
        count += months;
    }
}

/// The date of a day, counted from 1970-01-01: year, month from 1, day from 1.
fn date_of(days: i64) -> (i64, i64, i64) {
    // Years are taken to begin in March, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day of a date, counted from 1970-01-01.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(date_of(19_782), (2024, 2, 29));
        for days in (-800_000..800_000).step_by(97) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_of(year, month, day), days);
            assert!((1..=days_in(year, month)).contains(&day));
        }
    }

    #[test]
    fn the_31st_comes_back_after_shorter_months() {
        let anchor = days_of(2025, 1, 31) * DAY + 5;
        let mut start = anchor;
        let ends: Vec<_> = (0..4)
            .map(|_| {
                start = end_of(Interval::Month, anchor, start).unwrap();
                assert_eq!(start.rem_euclid(DAY), 5);
                date_of(start.div_euclid(DAY))
            })
            .collect();
        assert_eq!(ends, [(2025, 2, 28), (2025, 3, 31), (2025, 4, 30), (2025, 5, 31)]);
        let leap = days_of(2024, 2, 29) * DAY;
        let next = end_of(Interval::Year, leap, leap).unwrap();
        assert_eq!(date_of(next / DAY), (2025, 2, 28));
        assert_eq!(end_of(Interval::None, 0, 0), None);
    }
}
