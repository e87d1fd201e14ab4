//! `strongroom hold`

use super::select::FilterArgs;
use crate::app::App;
use crate::exit::{Exit, Failure, Result};
use crate::output::json::record;
use crate::output::units::{local, now, parse_age, parse_time, rfc3339};
use clap::Args;
use serde_json::json;
use std::time::Duration;
use strongroom::Timestamp;

/// Holds a snapshot until a time, so that `forget` does not remove it, or ends that
///
/// Never shortens a hold that is there. One that an owner set is ended by owners alone; one set with a reader's key by
/// readers and owners.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").args(["until", "for", "release"]).required(true))]
pub(crate) struct HoldArgs {
    /// Which snapshot: `latest` or the beginning of an id
    snapshot: String,
    /// Until when: 2027-01-31, '2027-01-31 18:30' or 2027-01-31T18:30:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// How long from now: 12h, 30d, 8w, 6mo, 1y
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    r#for: Option<Duration>,
    /// Ends the hold
    #[arg(long)]
    release: bool,
}

pub(crate) fn run(app: &App, args: &HoldArgs) -> Result<Exit> {
    let now = now();
    let until = match (args.until, args.r#for) {
        (Some(until), _) if until <= now => {
            return Err(Failure::usage(format!("{} is over", local(until))).hint("name a time that is yet to come"));
        }
        (Some(until), _) => Some(until),
        (None, Some(span)) => {
            let end = i64::try_from(span.as_secs()).ok().and_then(|span| now.seconds.checked_add(span));
            Some(Timestamp::new(end.ok_or_else(|| Failure::usage("that is too long"))?, now.nanos))
        }
        (None, None) => None,
    };
    let repository = app.open()?;
    let id = FilterArgs::default().one(&repository, &args.snapshot)?.id;
    let held = match until {
        Some(until) => Some(repository.hold(&id, until)?),
        None => {
            repository.release(&id)?;
            None
        }
    };
    app.ui.json(&record(
        "summary",
        json!({
            "operation": "hold",
            "outcome": "complete",
            "snapshot": id.to_string(),
            "hold_until": held.map(rfc3339),
        }),
    ))?;
    app.ui.say(&match held {
        Some(until) => format!("Snapshot {} is held until {}", id.short(), local(until)),
        None => format!("Snapshot {} is not held any more", id.short()),
    });
    Ok(Exit::Complete)
}
