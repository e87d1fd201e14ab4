//! Reports as JSON: written by a run, read again to make tables and plots of it.

use super::report::{Kind, Report, Results, Sample, Step};
use crate::compare::Extent;
use crate::machine::Machine;
use crate::process::Usage;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::EndToEnd => "end-to-end",
            Kind::Scaling => "scaling",
        }
    }

    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Kind::EndToEnd, Kind::Scaling].into_iter().find(|kind| kind.name() == name)
    }
}

impl Report {
    pub(crate) fn json(&self) -> Value {
        json!({
            "kind": self.kind.name(),
            "machine": self.machine.json(),
            "runs": self.runs,
            "least_peak_bytes": self.least_peak,
            "results": self.results.iter().map(results_json).collect::<Vec<_>>(),
        })
    }

    pub(crate) fn from_json(kind: Kind, json: &Value) -> Result<Self> {
        let results = json["results"].as_array().context("there are no results")?;
        Ok(Report {
            kind,
            machine: Machine::from_json(&json["machine"])?,
            runs: json["runs"].as_u64().and_then(|runs| runs.try_into().ok()).context("runs are not told")?,
            least_peak: json["least_peak_bytes"].as_u64(),
            results: results.iter().map(results_from_json).collect::<Result<_>>()?,
        })
    }
}

fn results_json(results: &Results) -> Value {
    let samples = |subject: usize| -> BTreeMap<&str, Vec<Value>> {
        let steps = Step::ALL.into_iter().filter_map(|step| Some((step, results.samples.get(&(step, subject))?)));
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
    let tool = |(subject, label): (usize, &String)| json!({ "tool": label, "own": subject < results.own, "samples": samples(subject) });
    json!({
        "data": results.name,
        "entries": results.extent.entries,
        "bytes": results.extent.bytes,
        "tools": results.subjects.iter().enumerate().map(tool).collect::<Vec<_>>(),
        "differences": results.differences,
    })
}

fn results_from_json(json: &Value) -> Result<Results> {
    let text = |value: &Value| value.as_str().map(str::to_owned).context("a name is missing");
    let number = |value: &Value| value.as_f64().context("a number is missing");
    let tools = json["tools"].as_array().context("there are no tools")?;
    let mut samples: BTreeMap<(Step, usize), Vec<Sample>> = BTreeMap::new();
    for (subject, tool) in tools.iter().enumerate() {
        for (name, taken) in tool["samples"].as_object().context("there are no samples")? {
            let step = Step::ALL.into_iter().find(|step| step.name() == name);
            let step = step.with_context(|| format!("`{name}` is no step"))?;
            for sample in taken.as_array().context("there are no samples")? {
                let seconds = |name: &str| Ok::<_, anyhow::Error>(Duration::try_from_secs_f64(number(&sample[name])?)?);
                samples.entry((step, subject)).or_default().push(Sample {
                    usage: Usage {
                        wall: seconds("wall_seconds")?,
                        cpu: seconds("cpu_seconds")?,
                        peak: sample["peak_bytes"].as_u64().context("a peak is missing")?,
                    },
                    repository: sample["repository_bytes"].as_u64(),
                });
            }
        }
    }
    let differences: BTreeSet<String> = json["differences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect();
    Ok(Results {
        name: text(&json["data"])?,
        extent: Extent {
            entries: json["entries"].as_u64().context("entries are not told")?,
            bytes: json["bytes"].as_u64().context("bytes are not told")?,
        },
        subjects: tools.iter().map(|tool| text(&tool["tool"])).collect::<Result<_>>()?,
        own: tools.iter().filter(|tool| tool["own"] == true).count(),
        samples,
        differences: differences.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::results;
    use super::*;

    #[test]
    fn json_holds_every_run() {
        let json = results_json(&results());
        assert_eq!(json["tools"][0]["samples"]["first backup"].as_array().unwrap().len(), 3);
        assert_eq!(json["tools"][0]["samples"]["first backup"][1]["wall_seconds"], 9.0);
        assert_eq!(json["tools"][1]["samples"]["first backup"][0]["repository_bytes"], 300 << 20);
        assert!(json["tools"][1]["samples"]["restore"].is_null());
    }

    #[test]
    fn a_report_is_read_back() {
        let report = Report {
            kind: Kind::EndToEnd,
            machine: Machine::here(),
            runs: 3,
            least_peak: Some(7),
            results: vec![results()],
        };
        let json = report.json();
        let read = Report::from_json(Kind::named(json["kind"].as_str().unwrap()).unwrap(), &json).unwrap();
        assert_eq!(read.json(), json);
        assert_eq!(read.markdown(), report.markdown());
        assert!(Report::from_json(Kind::Scaling, &json!({ "results": [] })).is_err());
    }
}
