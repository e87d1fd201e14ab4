//! `cargo xtask test`.

use crate::report::Report;
use crate::workspace::Workspace;
use crate::{
    Options, buckets, c, claims, exchange, instructions, kotlin, layers, links, node, python_binding, reader,
    rust_tests, swift,
};

/// The steps, in the order they run: what is quick to say no comes first.
pub(crate) const STEPS: &[&str] = &[
    "layers",
    "links",
    "rust",
    "claims",
    "c",
    "python",
    "node",
    "kotlin",
    "swift",
    "exchange",
    "reader",
    "buckets",
    "instructions",
];

/// Runs the steps that were asked for.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Report {
    let mut report = Report::default();
    for &step in STEPS {
        if !options.wants(step) {
            continue;
        }
        report.step(step, || match step {
            "layers" => layers::run(workspace),
            "links" => links::run(workspace),
            "rust" => rust_tests::run(workspace, options),
            "claims" => claims::run(workspace, options),
            "c" => c::run(workspace, options),
            "python" => python_binding::run(workspace, options),
            "node" => node::run(workspace, options),
            "kotlin" => kotlin::run(workspace, options),
            "swift" => swift::run(workspace, options),
            "exchange" => exchange::run(workspace, options),
            "reader" => reader::run(workspace, options),
            "buckets" => buckets::run(workspace, options),
            "instructions" => instructions::run(workspace, options),
            other => anyhow::bail!("the step {other} is listed but not known"),
        });
    }
    report
}
