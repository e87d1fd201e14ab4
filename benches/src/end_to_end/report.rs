//! What came out, as a table for people and as JSON for programs.

use crate::compare::Extent;
use crate::machine::Machine;
use crate::process::Usage;
use crate::statistics::median;
use crate::table::markdown;
use crate::units::{count, mib, seconds, size};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The steps, in the order they are taken and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    First,
    Unchanged,
    Restore,
    Next,
    RestoreNext,
    Check,
    CheckContent,
}

impl Step {
    pub(crate) const ALL: [Step; 7] =
        [Step::First, Step::Unchanged, Step::Restore, Step::Next, Step::RestoreNext, Step::Check, Step::CheckContent];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::First => "first backup",
            Step::Unchanged => "unchanged backup",
            Step::Restore => "restore",
            Step::Next => "next release in place",
            Step::RestoreNext => "restore of that",
            Step::Check => "check, all data",
            Step::CheckContent => "check, content too",
        }
    }
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) usage: Usage,
    /// Bytes of the repository afterwards, where the step adds to it.
    pub(crate) repository: Option<u64>,
}

/// All about one data set.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) name: String,
    pub(crate) extent: Extent,
    /// The columns; the first one is what the others are compared with.
    pub(crate) subjects: Vec<String>,
    pub(crate) samples: BTreeMap<(Step, usize), Vec<Sample>>,
    /// What restores were not: subject and step, and what differs.
    pub(crate) differences: Vec<String>,
}

impl Results {
    fn middle(&self, step: Step, subject: usize, value: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        median(self.samples.get(&(step, subject))?.iter().filter_map(value))
    }

    pub(crate) fn wall(&self, step: Step, subject: usize) -> Option<f64> {
        self.middle(step, subject, |sample| Some(sample.usage.wall.as_secs_f64()))
    }

    fn cell(&self, step: Step, subject: usize) -> String {
        let cpu = self.middle(step, subject, |sample| Some(sample.usage.cpu.as_secs_f64()));
        let peak = self.middle(step, subject, |sample| Some(mib(sample.usage.peak)));
        let (Some(wall), Some(cpu), Some(peak)) = (self.wall(step, subject), cpu, peak) else { return String::new() };
        let repository = self.middle(step, subject, |sample| sample.repository.map(mib));
        let repository = repository
            .map(|size| if size < 10.0 { format!("; {size:.1}") } else { format!("; {size:.0}") })
            .unwrap_or_default();
        format!("{} / {} / {peak:.0}{repository}", seconds(wall), seconds(cpu))
    }

    /// Wall time of the first column as a share of the best of the others.
    fn ratio(&self, step: Step) -> Option<f64> {
        let others = (1..self.subjects.len()).filter_map(|subject| self.wall(step, subject));
        let best = others.min_by(f64::total_cmp)?;
        Some(self.wall(step, 0)? / best)
    }

    /// Steps down, subjects across. `compared` adds how the first one does against the best of the others.
    pub(crate) fn table(&self, compared: bool) -> String {
        let compared = compared && self.subjects.len() > 1;
        let what = format!("{}: {} entries, {}", self.name, count(self.extent.entries), size(self.extent.bytes));
        let mut head = vec![what];
        head.extend(self.subjects.iter().cloned());
        if compared {
            head.push("wall, share of the best other".to_owned());
        }
        let mut rows = Vec::new();
        for step in Step::ALL {
            let mut row = vec![step.name().to_owned()];
            row.extend((0..self.subjects.len()).map(|subject| self.cell(step, subject)));
            if row.iter().skip(1).all(String::is_empty) {
                continue;
            }
            if compared {
                row.push(self.ratio(step).map(|ratio| format!("{ratio:.2}")).unwrap_or_default());
            }
            rows.push(row);
        }
        markdown(&head, &rows)
    }

    fn json(&self) -> Value {
        let samples = |subject: usize| -> BTreeMap<&str, Vec<Value>> {
            let steps = Step::ALL.into_iter().filter_map(|step| Some((step, self.samples.get(&(step, subject))?)));
            let sample = |sample: &Sample| {
                json!({
                    "wall_seconds": sample.usage.wall.as_secs_f64(),
                    "cpu_seconds": sample.usage.cpu.as_secs_f64(),
                    "peak_bytes": sample.usage.peak,
                    "repository_bytes": sample.repository,
                })
            };
            steps.map(|(step, samples)| (step.name(), samples.iter().map(sample).collect())).collect()
        };
        let tool = |(subject, label): (usize, &String)| json!({ "tool": label, "samples": samples(subject) });
        json!({
            "data": self.name,
            "entries": self.extent.entries,
            "bytes": self.extent.bytes,
            "tools": self.subjects.iter().enumerate().map(tool).collect::<Vec<_>>(),
            "differences": self.differences,
        })
    }
}

/// Everything of one call.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) runs: u32,
    /// Below this many bytes no peak can be told.
    pub(crate) least_peak: Option<u64>,
    pub(crate) results: Vec<Results>,
}

impl Report {
    pub(crate) fn markdown(&self, compared: bool) -> String {
        let mut out = String::from("Wall s / CPU s / peak MiB; repository MiB after it.");
        out += &format!(" Median of {}. {}.\n", runs(self.runs), self.machine.describe());
        for results in &self.results {
            out += &format!("\n{}", results.table(compared));
            for difference in &results.differences {
                out += &format!("\n- {difference}");
            }
            if !results.differences.is_empty() {
                out.push('\n');
            }
        }
        out
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "machine": self.machine.json(),
            "runs": self.runs,
            "least_peak_bytes": self.least_peak,
            "results": self.results.iter().map(Results::json).collect::<Vec<_>>(),
        })
    }
}

fn runs(number: u32) -> String {
    if number == 1 { "1 run".to_owned() } else { format!("{number} runs") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn sample(wall: f64, repository: Option<u64>) -> Sample {
        let wall = Duration::from_secs_f64(wall);
        Sample { usage: Usage { wall, cpu: wall * 2, peak: 50 << 20 }, repository }
    }

    fn results() -> Results {
        let mut samples = BTreeMap::new();
        samples.insert((Step::First, 0), [3.0, 9.0, 4.0].map(|wall| sample(wall, Some(200 << 20))).to_vec());
        samples.insert((Step::First, 1), vec![sample(8.0, Some(300 << 20))]);
        samples.insert((Step::First, 2), vec![sample(10.0, Some(300 << 20))]);
        samples.insert((Step::Check, 0), vec![sample(0.5, None)]);
        Results {
            name: "kernel".to_owned(),
            extent: Extent { entries: 92_345, bytes: 1_430_000_000 },
            subjects: ["own", "a", "b"].map(str::to_owned).to_vec(),
            samples,
            differences: Vec::new(),
        }
    }

    #[test]
    fn medians_stand_in_the_table() {
        let table = results().table(true);
        let lines: Vec<String> =
            table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[0], "| kernel: 92,345 entries, 1.4 GB | own | a | b | wall, share of the best other |");
        assert_eq!(
            lines[2],
            "| first backup | 4.0 / 8.0 / 50; 200 | 8.0 / 16.0 / 50; 300 | 10.0 / 20.0 / 50; 300 | 0.50 |"
        );
        assert_eq!(lines[3], "| check, all data | 0.50 / 1.0 / 50 | | | |");
        assert_eq!(lines.len(), 4);
        assert!(!results().table(false).contains("share"));
    }

    #[test]
    fn json_holds_every_run() {
        let json = results().json();
        assert_eq!(json["tools"][0]["samples"]["first backup"].as_array().unwrap().len(), 3);
        assert_eq!(json["tools"][0]["samples"]["first backup"][1]["wall_seconds"], 9.0);
        assert_eq!(json["tools"][1]["samples"]["first backup"][0]["repository_bytes"], 300 << 20);
        assert!(json["tools"][1]["samples"]["restore"].is_null());
    }
}
