//! Plans, subscription and invoices.

use super::Account;
use crate::account::transport::Method;
use crate::account::wire::{
    ChangePlan, Invoice, InvoiceId, Link, Request, Subscription, SubscriptionEvent, SubscriptionPreview, read_response,
};
use crate::context::Context;
use crate::error::Result;

impl Account {
    /// The subscription in force.
    ///
    /// # Errors
    /// Those of every call of an [`AccountClient`](super::AccountClient).
    pub fn subscription(&self, ctx: &Context) -> Result<Subscription> {
        self.get("/v1/subscription", ctx, "read the subscription")
    }

    /// What a change to a plan would mean: when, what is to be paid, what would have to be deleted first.
    ///
    /// # Errors
    /// Those of every call; [`NotFound`](crate::ErrorKind::NotFound) when there is no such plan.
    pub fn preview_plan(&self, plan: &str, ctx: &Context) -> Result<SubscriptionPreview> {
        self.about_plan("/v1/subscription/preview", plan, ctx)
    }

    /// Changes the plan: to more at once, to less when the period that is paid for ends.
    ///
    /// # Errors
    /// Those of every call; [`QuotaExceeded`](crate::ErrorKind::QuotaExceeded) when more is stored than the plan allows,
    /// saying how much must go.
    pub fn change_plan(&self, plan: &str, ctx: &Context) -> Result<Subscription> {
        self.about_plan("/v1/subscription/change", plan, ctx)
    }

    /// Cancels. What is stored can be read to the end of the period, and for a while after it.
    ///
    /// # Errors
    /// Those of every call.
    pub fn cancel_subscription(&self, ctx: &Context) -> Result<Subscription> {
        let operation = "cancel the subscription";
        read_response(&self.do_it(Method::Post, "/v1/subscription/cancel", ctx, operation)?, operation)
    }

    /// Takes a cancellation back.
    ///
    /// # Errors
    /// Those of every call; [`Conflict`](crate::ErrorKind::Conflict) when nothing was cancelled.
    pub fn resume_subscription(&self, ctx: &Context) -> Result<Subscription> {
        let operation = "resume the subscription";
        read_response(&self.do_it(Method::Post, "/v1/subscription/resume", ctx, operation)?, operation)
    }

    /// What happened to the subscription, the latest first.
    ///
    /// # Errors
    /// Those of every call.
    pub fn subscription_history(&self, ctx: &Context) -> Result<Vec<SubscriptionEvent>> {
        self.list("/v1/subscription/history", ctx, "read the history of the subscription")
    }

    /// A page of the payment provider on which a plan is paid for. A card's number is asked for there and nowhere else.
    ///
    /// # Errors
    /// Those of every call; [`Unsupported`](crate::ErrorKind::Unsupported) when the service takes no payments.
    pub fn checkout(&self, plan: &str, ctx: &Context) -> Result<Link> {
        self.about_plan("/v1/subscription/checkout", plan, ctx)
    }

    /// A page of the payment provider on which the means of payment can be changed.
    ///
    /// # Errors
    /// Those of every call; [`Unsupported`](crate::ErrorKind::Unsupported) when the service takes no payments.
    pub fn billing_portal(&self, ctx: &Context) -> Result<Link> {
        let operation = "open the payment provider's page";
        read_response(&self.do_it(Method::Post, "/v1/subscription/portal", ctx, operation)?, operation)
    }

    /// The invoices, the latest first.
    ///
    /// # Errors
    /// Those of every call.
    pub fn invoices(&self, ctx: &Context) -> Result<Vec<Invoice>> {
        self.list("/v1/invoices", ctx, "list the invoices")
    }

    /// One invoice.
    ///
    /// # Errors
    /// Those of every call; [`NotFound`](crate::ErrorKind::NotFound) when it is none of the account.
    pub fn invoice(&self, invoice: &InvoiceId, ctx: &Context) -> Result<Invoice> {
        self.get(&format!("/v1/invoices/{invoice}"), ctx, "read an invoice")
    }

    fn about_plan<T: serde::de::DeserializeOwned>(&self, target: &str, plan: &str, ctx: &Context) -> Result<T> {
        let answer = self.change(Method::Post, target, &ChangePlan { plan: plan.to_owned() }, ctx)?;
        read_response(&answer, ChangePlan::OPERATION)
    }
}
