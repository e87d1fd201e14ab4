//! Counts of passed, failed and skipped tests, and how they are shown.

use std::fmt;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// How many tests ended which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    pub(crate) const PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    pub(crate) const FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
    pub(crate) const SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The closing line that CI reads.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// The result of one step: its counts, and what a reader should know beside them.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    /// Reasons of failures and skips, one a line.
    pub(crate) notes: Vec<String>,
}

impl Outcome {
    pub(crate) fn passed() -> Self {
        Self { tally: Tally::PASSED, notes: Vec::new() }
    }

    pub(crate) fn failed(note: impl Into<String>) -> Self {
        Self { tally: Tally::FAILED, notes: vec![note.into()] }
    }

    pub(crate) fn skipped(note: impl Into<String>) -> Self {
        Self { tally: Tally::SKIPPED, notes: vec![note.into()] }
    }

    /// Something this machine lacks: a failure where everything has to run.
    pub(crate) fn missing(note: impl Into<String>, all: bool) -> Self {
        if all { Self::failed(note) } else { Self::skipped(note) }
    }
}

/// The steps of a run, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<(&'static str, Outcome, Duration)>,
}

impl Report {
    /// Runs one step under a heading. An error is a failure of that step, and the next one still runs.
    pub(crate) fn step(&mut self, name: &'static str, run: impl FnOnce() -> anyhow::Result<Outcome>) {
        println!("== {name}");
        let begun = Instant::now();
        let outcome = run().unwrap_or_else(|error| Outcome::failed(format!("{error:#}")));
        for note in &outcome.notes {
            println!("{note}");
        }
        println!();
        self.steps.push((name, outcome, begun.elapsed()));
    }

    pub(crate) fn failed(&self) -> bool {
        self.total().failed > 0
    }

    fn total(&self) -> Tally {
        let mut total = Tally::default();
        for (_, outcome, _) in &self.steps {
            total += outcome.tally;
        }
        total
    }

    /// Prints a table of the steps, then the closing line.
    pub(crate) fn print(&self) {
        println!("{:<13} {:>7} {:>7} {:>7} {:>9}", "step", "passed", "failed", "skipped", "time");
        for (name, outcome, time) in &self.steps {
            let Tally { passed, failed, skipped } = outcome.tally;
            let seconds = time.as_secs_f64();
            println!("{name:<13} {passed:>7} {failed:>7} {skipped:>7} {seconds:>7.1} s");
        }
        for (name, outcome, _) in &self.steps {
            if outcome.tally.failed > 0 || outcome.tally.skipped > 0 {
                for note in &outcome.notes {
                    println!("{name}: {note}");
                }
            }
        }
        println!("{}", self.total());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_names_skips_only_when_there_are_any() {
        let mut tally = Tally { passed: 12, failed: 0, skipped: 0 };
        assert_eq!(tally.to_string(), "12 passed, 0 failed");
        tally += Tally::SKIPPED;
        assert_eq!(tally.to_string(), "12 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn an_error_in_a_step_counts_as_a_failure() {
        let mut report = Report::default();
        report.step("first", || anyhow::bail!("no such tool"));
        report.step("second", || Ok(Outcome::passed()));
        assert!(report.failed());
        assert_eq!(report.total(), Tally { passed: 1, failed: 1, skipped: 0 });
    }

    #[test]
    fn a_missing_tool_fails_only_where_everything_has_to_run() {
        assert_eq!(Outcome::missing("no python3", false).tally, Tally::SKIPPED);
        assert_eq!(Outcome::missing("no python3", true).tally, Tally::FAILED);
    }
}
