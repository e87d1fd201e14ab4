//! The same work with other budgets: one thread and more, and the memory of a phone.

use crate::end_to_end::{Kind, Subject, What, measure, write_json};
use crate::peers;
use anyhow::Result;
use clap::Args;

/// Measures strongroom with one thread and more, and with the small memory budget
#[derive(Debug, Args)]
#[command(visible_alias = "memory")]
pub(crate) struct Arguments {
    #[command(flatten)]
    what: What,
    /// Where the strongroom command is, instead of building it
    #[arg(long, value_name = "NAME=PATH")]
    bin: Vec<String>,
}

/// Runs the command; whether every restore was right.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let own = peers::find(&[peers::OWN.to_owned()], &arguments.bin)?;
    let mut subjects = Vec::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for found in own {
        for threads in thread_counts(cores) {
            let mut subject = Subject::new(found.clone());
            subject.label = if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
            subject.options.push(format!("--threads={threads}"));
            subject.try_small_passphrase();
            subjects.push(subject);
        }
        let mut small = Subject::new(found);
        "2 threads, 48 MiB".clone_into(&mut small.label);
        small.be_small();
        subjects.push(small);
    }
    let (report, right) = measure(Kind::Scaling, &arguments.what, &subjects)?;
    print!("\n{}", report.markdown());
    write_json(&arguments.what, &report)?;
    Ok(right)
}

/// 1, 2, 4 and so on, and as many as there are cores; at least two, or there is nothing to compare.
fn thread_counts(cores: usize) -> Vec<usize> {
    let cores = cores.max(2);
    let mut counts: Vec<usize> =
        std::iter::successors(Some(1), |count| Some(count * 2)).take_while(|count| *count < cores).collect();
    counts.push(cores);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_double_up_to_the_cores() {
        assert_eq!(thread_counts(1), [1, 2]);
        assert_eq!(thread_counts(2), [1, 2]);
        assert_eq!(thread_counts(6), [1, 2, 4, 6]);
        assert_eq!(thread_counts(8), [1, 2, 4, 8]);
    }
}
