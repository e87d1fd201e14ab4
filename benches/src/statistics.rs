//! Medians: what one disturbed run cannot move.

/// The middle value; of an even number of values the mean of the two in the middle. Nothing for no values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(middle.checked_sub(1)?).map(|lower| f64::midpoint(*lower, upper))
}

/// The smallest value that a share of all values, between 0 and 1, does not exceed. Nothing for no values.
pub(crate) fn quantile(values: impl IntoIterator<Item = f64>, share: f64) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.max(1).min(values.len()).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_counts() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 100.0, 2.0]), Some(3.0));
    }

    #[test]
    fn a_share_of_all_is_below() {
        assert_eq!(quantile([], 0.99), None);
        assert_eq!(quantile([3.0], 0.99), Some(3.0));
        assert_eq!(quantile((1..=100).map(f64::from), 0.99), Some(99.0));
        assert_eq!(quantile((1..=1000).rev().map(f64::from), 0.5), Some(500.0));
    }
}
