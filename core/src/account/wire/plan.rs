//! Plans, subscriptions and invoices.

use super::text::check_text;
use super::{InvoiceId, Request};
use crate::error::Result;

macro_rules! names {
    ($($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident,)* })*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum $name { $($(#[$variant_meta])* $variant,)* }
    )* };
}

names! {
    /// How often a plan is paid for.
    pub enum Interval {
        /// Never.
        None,
        /// Every month.
        Month,
        /// Every year.
        Year,
    }

    /// How a subscription stands.
    pub enum SubscriptionStatus {
        /// It waits for the first payment.
        Pending,
        /// In force.
        Active,
        /// A payment is overdue; everything works for the time being.
        PastDue,
        /// Cancelled, and in force to the end of its period.
        Cancelled,
        /// Over: what is stored can be read and taken along until the window closes.
        ReadOnly,
        /// Over.
        Ended,
    }

    /// What a change of plan is.
    pub enum PlanChange {
        /// To more: at once.
        Upgrade,
        /// To less: at the period's end.
        Downgrade,
        /// To the plan in force.
        None,
    }

    /// What happened to a subscription.
    pub enum SubscriptionEventKind {
        /// It began.
        Subscribed,
        /// A larger plan is in force.
        Upgraded,
        /// A smaller plan will be in force.
        DowngradeScheduled,
        /// A smaller plan is in force.
        Downgraded,
        /// It was cancelled.
        Cancelled,
        /// The cancellation was taken back.
        Resumed,
        /// A payment arrived.
        Paid,
        /// A payment failed.
        PaymentFailed,
        /// It is read-only from now on.
        BecameReadOnly,
        /// It is over.
        Ended,
    }

    /// How an invoice stands.
    pub enum InvoiceStatus {
        /// To be paid.
        Open,
        /// Paid.
        Paid,
        /// Not to be paid any more.
        Void,
    }
}

request! {
    /// `POST /v1/subscription/preview`, `…/change` and `…/checkout`.
    pub struct ChangePlan {
        /// The id of the plan.
        pub plan: String,
    }
}

response! {
    /// A plan of the catalogue: `GET /v1/plans`.
    pub struct Plan {
        /// Its id.
        pub id: String,
        /// Its name.
        pub name: String,
        /// Its category of service.
        pub category: String,
        /// The most bytes stored.
        pub quota_bytes: u64,
        /// The price of an interval, in the currency's smallest unit.
        pub price_cents: u64,
        /// The currency (ISO 4217).
        pub currency: String,
        /// How often it is paid for.
        pub interval: Interval,
        /// What it offers, for people.
        pub features: Vec<String>,
        /// Bytes a second that are taken; missing where that is not limited.
        #[serde(default)]
        pub upload_bytes_per_second: Option<u64>,
        /// Bytes a second that are given; missing where that is not limited.
        #[serde(default)]
        pub download_bytes_per_second: Option<u64>,
    }

    /// `GET /v1/subscription`, and the answer to `…/change`, `…/cancel` and `…/resume`.
    pub struct Subscription {
        /// The id of the plan in force.
        pub plan: String,
        /// Its category of service.
        pub category: String,
        /// How it stands.
        pub status: SubscriptionStatus,
        /// When it began, in milliseconds since 1970 UTC.
        pub started_at: i64,
        /// When the period that is paid for ends; missing for a plan without payment.
        #[serde(default)]
        pub period_ends_at: Option<i64>,
        /// The id of the plan that will be in force when the period ends.
        #[serde(default)]
        pub next_plan: Option<String>,
        /// Until when what is stored can be read after the end.
        #[serde(default)]
        pub read_only_until_at: Option<i64>,
    }

    /// What a change of plan would mean.
    pub struct SubscriptionPreview {
        /// The id of the plan.
        pub plan: String,
        /// What the change is.
        pub change: PlanChange,
        /// When it would be in force, in milliseconds since 1970 UTC.
        pub effective_at: i64,
        /// What is to be paid at once, in the currency's smallest unit.
        pub due_now_cents: u64,
        /// What of the plan in force is credited against it.
        pub credit_cents: u64,
        /// The currency (ISO 4217).
        pub currency: String,
        /// Bytes that must be deleted before the change is possible.
        pub excess_bytes: u64,
    }

    /// An item of `GET /v1/subscription/history`.
    pub struct SubscriptionEvent {
        /// When, in milliseconds since 1970 UTC.
        pub happened_at: i64,
        /// What.
        pub event: SubscriptionEventKind,
        /// The id of the plan.
        pub plan: String,
        /// Its category of service.
        pub category: String,
    }

    /// `GET /v1/invoices/{id}`, and an item of `GET /v1/invoices`.
    pub struct Invoice {
        /// Its id.
        pub invoice_id: InvoiceId,
        /// When it was written, in milliseconds since 1970 UTC.
        pub issued_at: i64,
        /// The id of the plan.
        pub plan: String,
        /// The amount, in the currency's smallest unit.
        pub amount_cents: u64,
        /// The currency (ISO 4217).
        pub currency: String,
        /// How it stands.
        pub status: InvoiceStatus,
        /// The payment provider's page of it.
        #[serde(default)]
        pub url: Option<String>,
    }

    /// A page of the payment provider, to be opened in a browser: the answer to `POST /v1/subscription/checkout` and
    /// `…/portal`.
    pub struct Link {
        /// Its address.
        pub url: String,
    }
}

impl Request for ChangePlan {
    const OPERATION: &'static str = "change the plan";

    fn check(&self) -> Result<()> {
        check_text(&self.plan, 64, "plan", Self::OPERATION)
    }
}
