//! What came out, as tables and plots.

use crate::compare::Extent;
use crate::machine::Machine;
use crate::plot::{Bars, Group};
use crate::process::Usage;
use crate::statistics::median;
use crate::table::markdown;
use crate::units::{count, mib, seconds, size};
use std::collections::BTreeMap;

/// The steps, in the order they are taken and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    First,
    Unchanged,
    Restore,
    Next,
    Changed,
    RestoreNext,
    Check,
    CheckContent,
}

impl Step {
    pub(crate) const ALL: [Step; 8] = [
        Step::First,
        Step::Unchanged,
        Step::Restore,
        Step::Next,
        Step::Changed,
        Step::RestoreNext,
        Step::Check,
        Step::CheckContent,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::First => "first backup",
            Step::Unchanged => "unchanged backup",
            Step::Restore => "restore",
            Step::Next => "next release in place",
            Step::Changed => "changed in place",
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
    /// The columns.
    pub(crate) subjects: Vec<String>,
    /// How many of them, the first ones, are ways to run this workspace's tool.
    pub(crate) own: usize,
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

    /// What a column took, as shares of the best of the other tools: wall time, CPU time and size of the repository.
    fn shares(&self, step: Step, subject: usize) -> Option<String> {
        let share = |value: &dyn Fn(&Sample) -> Option<f64>| {
            let others = (self.own..self.subjects.len()).filter_map(|other| self.middle(step, other, value));
            Some(self.middle(step, subject, value)? / others.min_by(f64::total_cmp)?)
        };
        let shares = [
            share(&|sample| Some(sample.usage.wall.as_secs_f64()))?,
            share(&|sample| Some(sample.usage.cpu.as_secs_f64()))?,
        ];
        let repository = share(&|sample| sample.repository.map(|bytes| bytes as f64));
        let repository = repository.map(|share| format!("; {share:.2}")).unwrap_or_default();
        Some(format!("{:.2} / {:.2}{repository}", shares[0], shares[1]))
    }

    /// How many times as fast a column is as the first one.
    fn gain(&self, step: Step, subject: usize) -> Option<String> {
        Some(format!("{:.2}", self.wall(step, 0)? / self.wall(step, subject)?))
    }

    /// Steps down, subjects across, and then how they compare.
    pub(crate) fn table(&self, kind: Kind) -> String {
        let what = format!("{}: {} entries, {}", self.name, count(self.extent.entries), size(self.extent.bytes));
        let mut head = vec![what];
        head.extend(self.subjects.iter().cloned());
        let compared: Vec<usize> = match kind {
            Kind::EndToEnd if self.own < self.subjects.len() => (0..self.own).collect(),
            Kind::EndToEnd => Vec::new(),
            Kind::Scaling => (1..self.subjects.len()).collect(),
        };
        for subject in &compared {
            let label = &self.subjects[*subject];
            head.push(match kind {
                Kind::EndToEnd if self.own == 1 => "share of the best other".to_owned(),
                Kind::EndToEnd => format!("share, {label}"),
                Kind::Scaling => format!("{label}: times as fast"),
            });
        }
        let mut rows = Vec::new();
        for step in Step::ALL {
            let mut row = vec![step.name().to_owned()];
            row.extend((0..self.subjects.len()).map(|subject| self.cell(step, subject)));
            if row.iter().skip(1).all(String::is_empty) {
                continue;
            }
            for subject in &compared {
                let cell = match kind {
                    Kind::EndToEnd => self.shares(step, *subject),
                    Kind::Scaling => self.gain(step, *subject),
                };
                row.push(cell.unwrap_or_default());
            }
            rows.push(row);
        }
        markdown(&head, &rows)
    }

    /// Plots with the ends of their names.
    fn plots(&self) -> [(&'static str, Bars); 3] {
        let bars = |title: &str, unit, value: &dyn Fn(&Sample) -> f64| {
            let group = |step: Step| {
                let values = (0..self.subjects.len()).map(|subject| self.middle(step, subject, |one| Some(value(one))));
                Group { label: step.name().to_owned(), values: values.collect() }
            };
            let groups = Step::ALL.into_iter().map(group).filter(|group| group.values.iter().any(Option::is_some));
            Bars {
                title: format!("{}: {title}", self.name),
                unit,
                series: self.subjects.clone(),
                own: self.own,
                groups: groups.collect(),
            }
        };
        [
            ("wall", bars("wall time, seconds", "s", &|sample| sample.usage.wall.as_secs_f64())),
            ("cpu", bars("CPU time, seconds", "s", &|sample| sample.usage.cpu.as_secs_f64())),
            ("memory", bars("peak memory, MiB", "MiB", &|sample| mib(sample.usage.peak))),
        ]
    }
}

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This workspace's tool with others.
    EndToEnd,
    /// One tool under different budgets.
    Scaling,
}

/// Everything of one call.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) kind: Kind,
    pub(crate) machine: Machine,
    pub(crate) runs: u32,
    /// Below this many bytes no peak can be told.
    pub(crate) least_peak: Option<u64>,
    pub(crate) results: Vec<Results>,
}

impl Report {
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::from("Wall s / CPU s / peak MiB; repository MiB after it.");
        out += &format!(" Median of {}. {}.\n", runs(self.runs), self.machine.describe());
        if self.kind == Kind::EndToEnd {
            out += "Shares are those of wall time / CPU time; size of the repository.\n";
        }
        for results in &self.results {
            out += &format!("\n{}", results.table(self.kind));
            for difference in &results.differences {
                out += &format!("\n- {difference}");
            }
            if !results.differences.is_empty() {
                out.push('\n');
            }
        }
        out
    }

    /// Pictures by their names.
    pub(crate) fn plots(&self) -> Vec<(String, String)> {
        let prefix = if self.kind == Kind::Scaling { "scaling-" } else { "" };
        let mut plots = Vec::new();
        for results in &self.results {
            for (name, bars) in results.plots() {
                plots.push((format!("{prefix}{}-{name}", results.name), bars.svg()));
            }
        }
        plots
    }
}

fn runs(number: u32) -> String {
    if number == 1 { "1 run".to_owned() } else { format!("{number} runs") }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::time::Duration;

    fn sample(wall: f64, repository: Option<u64>) -> Sample {
        let wall = Duration::from_secs_f64(wall);
        Sample { usage: Usage { wall, cpu: wall * 2, peak: 50 << 20 }, repository }
    }

    pub(in super::super) fn results() -> Results {
        let mut samples = BTreeMap::new();
        samples.insert((Step::First, 0), [3.0, 9.0, 4.0].map(|wall| sample(wall, Some(200 << 20))).to_vec());
        samples.insert((Step::First, 1), vec![sample(8.0, Some(300 << 20))]);
        samples.insert((Step::First, 2), vec![sample(10.0, Some(300 << 20))]);
        samples.insert((Step::Check, 0), vec![sample(0.5, None)]);
        Results {
            name: "kernel".to_owned(),
            extent: Extent { entries: 92_345, bytes: 1_430_000_000 },
            subjects: ["own", "a", "b"].map(str::to_owned).to_vec(),
            own: 1,
            samples,
            differences: Vec::new(),
        }
    }

    #[test]
    fn medians_stand_in_the_table() {
        let table = results().table(Kind::EndToEnd);
        let lines: Vec<String> =
            table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[0], "| kernel: 92,345 entries, 1.4 GB | own | a | b | share of the best other |");
        assert_eq!(
            lines[2],
            "| first backup | 4.0 / 8.0 / 50; 200 | 8.0 / 16.0 / 50; 300 | 10.0 / 20.0 / 50; 300 | 0.50 / 0.50; 0.67 |"
        );
        assert_eq!(lines[3], "| check, all data | 0.50 / 1.0 / 50 | | | |");
        assert_eq!(lines.len(), 4);
        assert!(!Results { own: 3, ..results() }.table(Kind::EndToEnd).contains("share"));
        assert!(results().table(Kind::Scaling).contains("a: times as fast"));
    }

    #[test]
    fn plots_show_every_step_and_tool() {
        let [(name, bars), _, (_, memory)] = results().plots();
        assert_eq!((name, bars.groups.len()), ("wall", 2));
        assert_eq!(bars.groups[0].values, [Some(4.0), Some(8.0), Some(10.0)]);
        assert_eq!(memory.groups[1].values, [Some(50.0), None, None]);
    }
}
