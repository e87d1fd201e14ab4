//! `strongroom tag`

use super::select::FilterArgs;
use crate::app::App;
use crate::exit::{Exit, Result};
use crate::output::json::record;
use crate::output::text::printable;
use clap::Args;
use serde_json::json;

/// Adds and removes tags of a snapshot
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").args(["add", "remove"]).multiple(true).required(true))]
pub(crate) struct TagArgs {
    /// Which snapshot: `latest` or the beginning of an id
    snapshot: String,
    /// A tag to add; may be given several times
    #[arg(long, value_name = "TAG")]
    add: Vec<String>,
    /// A tag to remove; may be given several times
    #[arg(long, value_name = "TAG")]
    remove: Vec<String>,
}

pub(crate) fn run(app: &App, args: &TagArgs) -> Result<Exit> {
    let repository = app.open()?;
    let snapshot = FilterArgs::default().one(&repository, &args.snapshot)?;
    let add: Vec<&str> = args.add.iter().map(String::as_str).collect();
    let remove: Vec<&str> = args.remove.iter().map(String::as_str).collect();
    let tags = repository.tag(&snapshot.id, &add, &remove)?;
    let id = snapshot.id;
    app.ui.json(&record(
        "summary",
        json!({ "operation": "tag", "outcome": "complete", "snapshot": id.to_string(), "tags": tags }),
    ))?;
    let shown = if tags.is_empty() { "no tags".to_owned() } else { printable(tags.join(", ").as_bytes()) };
    app.ui.say(&format!("Snapshot {} has now: {shown}", id.short()));
    Ok(Exit::Complete)
}
