//! `strongroom account plans`, `plan …` and `invoices`

use super::state::{self, ServiceArgs};
use super::{rfc3339, when};
use crate::app::App;
use crate::exit::{Exit, Result};
use crate::output::json::record;
use crate::output::table::{Align, Table};
use crate::output::text::printable;
use crate::output::units::size;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use strongroom::Context;
use strongroom::account::wire::{Interval, Subscription};

#[derive(Debug, Args)]
pub(super) struct PlansArgs {
    #[command(flatten)]
    service: ServiceArgs,
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(subcommand)]
    verb: Option<PlanVerb>,
}

#[derive(Debug, Subcommand)]
enum PlanVerb {
    /// Shows the subscription; this is what happens without a verb
    Show,
    /// Shows what a change would mean, without making it
    Preview {
        /// The plan
        plan: String,
    },
    /// Changes to another plan: to more at once, to less when the period ends
    Change {
        /// The plan
        plan: String,
    },
    /// Cancels; what is stored can be read for a while
    Cancel,
    /// Takes a cancellation back
    Resume,
    /// Shows what happened to the subscription
    History,
    /// Gives the address of the payment provider's page on which a plan is paid for
    Checkout {
        /// The plan
        plan: String,
    },
    /// Gives the address of the payment provider's page on which the means of payment can be changed
    Portal,
}

/// An amount in a currency's smallest unit, as hundredths of the larger.
fn money(cents: u64, currency: &str) -> String {
    format!("{}.{:02} {}", cents / 100, cents % 100, printable(currency.as_bytes()))
}

/// The name that messages use.
fn name(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn plans(app: &App, args: &PlansArgs, ctx: &Context) -> Result<Exit> {
    let columns = [
        ("PLAN", Align::Left),
        ("NAME", Align::Left),
        ("CATEGORY", Align::Left),
        ("SPACE", Align::Right),
        ("PRICE", Align::Right),
        ("FEATURES", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for plan in args.service.service()?.client()?.plans(ctx)? {
        app.ui.json(&record("plan", json!(plan)))?;
        let price = match plan.interval {
            Interval::None => "free".to_owned(),
            interval => format!("{} a {}", money(plan.price_cents, &plan.currency), name(&json!(interval))),
        };
        table.row([
            printable(plan.id.as_bytes()),
            printable(plan.name.as_bytes()),
            printable(plan.category.as_bytes()),
            size(plan.quota_bytes),
            price,
            printable(plan.features.join(", ").as_bytes()),
        ]);
    }
    app.ui.table(&table)?;
    Ok(Exit::Complete)
}

pub(super) fn run(app: &App, args: &PlanArgs, ctx: &Context) -> Result<Exit> {
    let account = state::signed_in(app)?.account()?;
    match args.verb.as_ref().unwrap_or(&PlanVerb::Show) {
        PlanVerb::Show => shown(app, "account plan show", &account.subscription(ctx)?),
        PlanVerb::Change { plan } => shown(app, "account plan change", &account.change_plan(plan, ctx)?),
        PlanVerb::Cancel => shown(app, "account plan cancel", &account.cancel_subscription(ctx)?),
        PlanVerb::Resume => shown(app, "account plan resume", &account.resume_subscription(ctx)?),
        PlanVerb::Checkout { plan } => address(app, "account plan checkout", &account.checkout(plan, ctx)?.url),
        PlanVerb::Portal => address(app, "account plan portal", &account.billing_portal(ctx)?.url),
        PlanVerb::Preview { plan } => {
            let preview = account.preview_plan(plan, ctx)?;
            app.ui.json(&record("preview", json!(preview)))?;
            app.ui.say(&format!("{} in force {}", printable(preview.plan.as_bytes()), when(preview.effective_at)));
            app.ui.say(&format!(
                "to be paid now: {}, after {} of credit",
                money(preview.due_now_cents, &preview.currency),
                money(preview.credit_cents, &preview.currency)
            ));
            if preview.excess_bytes > 0 {
                app.ui.say(&format!("first, {} must be deleted", size(preview.excess_bytes)));
            }
            Ok(Exit::Complete)
        }
        PlanVerb::History => {
            let columns = ["WHEN", "WHAT", "PLAN", "CATEGORY"].map(|heading| (heading, Align::Left));
            let mut table = Table::new(&columns);
            for event in account.subscription_history(ctx)? {
                app.ui.json(&record("event", json!(event)))?;
                table.row([
                    when(event.happened_at),
                    name(&json!(event.event)).replace('_', " "),
                    printable(event.plan.as_bytes()),
                    printable(event.category.as_bytes()),
                ]);
            }
            app.ui.table(&table)?;
            Ok(Exit::Complete)
        }
    }
}

fn shown(app: &App, operation: &str, subscription: &Subscription) -> Result<Exit> {
    let mut fields = json!({ "operation": operation, "outcome": "complete" });
    fields["subscription"] = json!(subscription);
    app.ui.json(&record("summary", fields))?;
    let status = name(&json!(subscription.status)).replace('_', " ");
    let plan = printable(subscription.plan.as_bytes());
    app.ui.say(&format!("{plan} ({}), {status}", printable(subscription.category.as_bytes())));
    if let Some(end) = subscription.period_ends_at {
        app.ui.say(&format!("the period ends {}", when(end)));
    }
    if let Some(next) = &subscription.next_plan {
        app.ui.say(&format!("then {}", printable(next.as_bytes())));
    }
    if let Some(until) = subscription.read_only_until_at {
        app.ui.say(&format!("what is stored can be read until {}", when(until)));
    }
    Ok(Exit::Complete)
}

fn address(app: &App, operation: &str, url: &str) -> Result<Exit> {
    app.ui.json(&record("summary", json!({ "operation": operation, "outcome": "complete", "url": url })))?;
    if !app.ui.is_json() {
        app.ui.data(&printable(url.as_bytes()))?;
    }
    Ok(Exit::Complete)
}

pub(super) fn invoices(app: &App, ctx: &Context) -> Result<Exit> {
    let columns = [
        ("INVOICE", Align::Left),
        ("DATE", Align::Left),
        ("PLAN", Align::Left),
        ("AMOUNT", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for invoice in state::signed_in(app)?.account()?.invoices(ctx)? {
        let mut fields = json!(invoice);
        fields["issued"] = rfc3339(invoice.issued_at).into();
        app.ui.json(&record("invoice", fields))?;
        table.row([
            invoice.invoice_id.short(),
            when(invoice.issued_at),
            printable(invoice.plan.as_bytes()),
            money(invoice.amount_cents, &invoice.currency),
            name(&json!(invoice.status)),
        ]);
    }
    app.ui.table(&table)?;
    Ok(Exit::Complete)
}
