//! What the figures were taken on.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;

/// A machine, and how busy it was.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory_gib: u64,
    /// Mean number of runnable processes over the last minute; nothing where the system does not tell.
    load: Option<f64>,
}

impl Machine {
    /// The one this runs on, now.
    pub(crate) fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Machine {
            processor: processor(&read("/proc/cpuinfo")).unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory_gib(&read("/proc/meminfo")).unwrap_or_default(),
            load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()),
        }
    }

    pub(crate) fn describe(&self) -> String {
        let mut text = format!("{}, {} cores", self.processor, self.cores);
        if self.memory_gib > 0 {
            text += &format!(", {} GiB of memory", self.memory_gib);
        }
        if let Some(load) = self.load {
            text += &format!("; load average at the start {load:.1}");
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "processor": self.processor,
            "cores": self.cores,
            "memory_gib": self.memory_gib,
            "load_at_start": self.load,
        })
    }

    /// One that was written down.
    pub(crate) fn from_json(json: &Value) -> Result<Self> {
        let number = |name: &str| json[name].as_u64().with_context(|| format!("the machine's {name} is not told"));
        Ok(Machine {
            processor: json["processor"].as_str().context("the processor is not told")?.to_owned(),
            cores: usize::try_from(number("cores")?)?,
            memory_gib: number("memory_gib")?,
            load: json["load_at_start"].as_f64(),
        })
    }
}

fn processor(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Rounded up: what firmware and kernel keep for themselves is bought all the same.
fn memory_gib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().split(' ').next()?.parse::<u64>().ok()?.div_ceil(1024 * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_read() {
        assert_eq!(processor("processor : 0\nmodel name\t: A CPU @ 3\n").as_deref(), Some("A CPU @ 3"));
        assert_eq!(memory_gib("MemTotal:       16300000 kB\n"), Some(16));
        assert!(Machine::here().describe().contains("cores"));
    }
}
