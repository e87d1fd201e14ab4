//! What `strongroom forget` tells.

use crate::exit::Result;
use crate::output::json::{self, record};
use crate::output::table::{Align, Table};
use crate::output::text::{message, printable};
use crate::output::units::{counted, local, rfc3339, span};
use crate::output::{Paint, Ui};
use serde_json::{Value, json};
use std::time::Duration;
use strongroom::{DamagedSnapshot, ForgetReport, KeepReason, RemoveReason, RetentionDecision, RetentionGroup};

pub(super) fn report(ui: &Ui, report: &ForgetReport) -> Result {
    for group in &report.groups {
        if ui.is_json() {
            for decision in &group.decisions {
                ui.json(&decision_record(decision))?;
            }
        } else {
            ui.data(&ui.paint(Paint::Cyan, &heading(group)))?;
            ui.table(&table(&group.decisions))?;
            ui.data("")?;
        }
    }
    for one in &report.damaged {
        if ui.is_json() {
            ui.json(&damaged_record(one))?;
        } else {
            let says = one.held_until.map_or("goes", |_| "stays");
            let held = one.held_until.map(|until| format!("held until {}: ", local(until))).unwrap_or_default();
            ui.data(&format!("{says}  {}  {held}{}", one.name, message(one.error.detail_text().unwrap_or_default())))?;
        }
    }
    for (_, error) in &report.rejected {
        ui.warn(&error.to_string());
    }
    ui.json(&record(
        "summary",
        json!({
            "operation": "forget",
            "outcome": if report.rejected.is_empty() { "complete" } else { "partial" },
            "dry_run": report.dry_run,
            "now": rfc3339(report.now),
            "kept": report.kept,
            "removed": report.removed,
            "leftover_marks": report.leftover_marks,
            "unreadable": report.rejected.len(),
        }),
    ))?;
    tell(ui, report);
    Ok(())
}

fn damaged_record(one: &DamagedSnapshot) -> Value {
    record(
        "damaged",
        json!({
            "object": one.name.to_string(),
            "stays": one.held_until.is_some(),
            "error": one.error.kind().name(),
            "detail": one.error.detail_text(),
            "held_until": one.held_until.map(rfc3339),
        }),
    )
}

fn tell(ui: &Ui, report: &ForgetReport) {
    if report.kept + report.removed == 0 {
        ui.say("There is no snapshot that matches.");
        return;
    }
    let (removed, kept) = (counted(report.removed, "snapshot", "snapshots"), counted(report.kept, "stays", "stay"));
    if report.dry_run {
        ui.say(&format!("{removed} would be removed, {kept}. Nothing was changed."));
        return;
    }
    ui.say(&format!("{removed} removed, {kept}."));
    if report.removed > 0 {
        ui.say("`strongroom prune` frees what they alone referred to.");
    }
}

/// What the snapshots of a group have in common, as far as it is known.
fn heading(group: &RetentionGroup) -> String {
    let newest = group.decisions.last().map(|decision| &decision.snapshot);
    let lineage = group.lineage.and(newest);
    let host = group.host.as_ref().or(lineage.and_then(|snapshot| snapshot.host.as_ref()));
    let paths = group.paths.as_ref().or(lineage.map(|snapshot| &snapshot.paths));
    let mut parts = Vec::new();
    parts.extend(host.map(|host| printable(host.as_bytes())));
    parts.extend(paths.into_iter().flatten().map(|path| printable(path)));
    if let (Some(lineage), true) = (group.lineage, parts.is_empty()) {
        parts.push(format!("lineage {}", lineage.short()));
    }
    parts.extend(group.device.map(|device| format!("(device {})", device.short())));
    if parts.is_empty() { "All snapshots".to_owned() } else { parts.join("  ") }
}

fn table(decisions: &[RetentionDecision]) -> Table {
    let mut table = Table::new(&[
        ("", Align::Left),
        ("ID", Align::Left),
        ("RECEIVED", Align::Left),
        ("TAGS", Align::Left),
        ("WHY", Align::Left),
    ]);
    for decision in decisions {
        let snapshot = &decision.snapshot;
        let mut why: Vec<String> = if decision.stays() {
            decision.keep.iter().map(keeps).collect()
        } else {
            decision.remove.iter().map(ToString::to_string).collect()
        };
        if let Some(ahead) = decision.clock_ahead {
            why.push(format!("[its clock said {}, {}]", local(snapshot.time), disagreement(ahead)));
        }
        table.row([
            if decision.stays() { "stays" } else { "goes" }.to_owned(),
            snapshot.id.short(),
            local(snapshot.received),
            printable(snapshot.tags.join(",").as_bytes()),
            message(&why.join(", ")),
        ]);
    }
    table
}

/// As the library says it, but with times of this place.
fn keeps(reason: &KeepReason) -> String {
    match reason {
        KeepReason::Held(until) => format!("held until {}", local(*until)),
        other => other.to_string(),
    }
}

/// `3 d 02 h ahead`.
fn disagreement(ahead: i64) -> String {
    let by = span(Duration::from_secs(ahead.unsigned_abs()));
    if ahead < 0 { format!("{by} behind") } else { format!("{by} ahead") }
}

fn decision_record(decision: &RetentionDecision) -> Value {
    let snapshot = &decision.snapshot;
    let keep: Vec<Value> = decision.keep.iter().map(keep_record).collect();
    let remove: Vec<Value> = decision.remove.iter().map(remove_record).collect();
    record(
        "retention",
        json!({
            "id": snapshot.id.to_string(),
            "stays": decision.stays(),
            "reasons": if decision.stays() { keep } else { remove },
            "time": rfc3339(snapshot.time),
            "received": rfc3339(snapshot.received),
            "clock_ahead": decision.clock_ahead,
            "host": snapshot.host,
            "paths": json::paths(&snapshot.paths),
            "tags": snapshot.tags,
            "lineage": snapshot.lineage.to_string(),
            "device": snapshot.device.to_string(),
            "outcome": snapshot.outcome.name(),
            "hold_until": snapshot.hold_until.map(rfc3339),
        }),
    )
}

fn keep_record(reason: &KeepReason) -> Value {
    let mut fields = json!({ "reason": reason.name(), "detail": reason.to_string() });
    match reason {
        KeepReason::Last(rank) => fields["rank"] = (*rank).into(),
        KeepReason::Period { period, claimed } => {
            fields["period"] = period.to_string().into();
            fields["by_device_clock"] = (*claimed).into();
        }
        KeepReason::Tag(tag) => fields["tag"] = tag.as_str().into(),
        KeepReason::Held(until) => fields["until"] = rfc3339(*until).into(),
        _ => {}
    }
    fields
}

fn remove_record(reason: &RemoveReason) -> Value {
    let mut fields = json!({ "reason": reason.name(), "detail": reason.to_string() });
    match reason {
        RemoveReason::Represented { period, by } => {
            fields["rule"] = period.kind().name().into();
            fields["period"] = period.to_string().into();
            fields["snapshot"] = by.to_string().into();
        }
        RemoveReason::Beyond(period) => {
            fields["rule"] = period.kind().name().into();
            fields["period"] = period.to_string().into();
        }
        _ => {}
    }
    fields
}
