//! What Stripe says happened, read from the JSON of its events.

use serde_json::Value;
use strongroom::account::wire::SubscriptionStatus;

/// An event, as far as it concerns the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    /// When it happened, in milliseconds since 1970 UTC.
    pub(crate) at: i64,
    pub(crate) what: What,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// How a subscription stands.
    Subscription(SubscriptionState),
    /// How an invoice stands.
    Invoice(InvoiceState),
    /// Nothing that the service keeps.
    Other,
}

/// A subscription as an event shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubscriptionState {
    pub(crate) id: String,
    pub(crate) customer: String,
    /// The account it was made for, as the checkout noted it there.
    pub(crate) account_id: Option<String>,
    pub(crate) status: SubscriptionStatus,
    pub(crate) price: Option<String>,
    pub(crate) period_start_at: i64,
    pub(crate) period_end_at: i64,
}

/// An invoice as an event shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvoiceState {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) status: &'static str,
    pub(crate) amount_cents: i64,
    pub(crate) currency: String,
    pub(crate) issued_at: i64,
    pub(crate) url: Option<String>,
    pub(crate) price: Option<String>,
    pub(crate) payment_failed: bool,
}

/// Longest text that is taken from an event.
const MAX_TEXT: usize = 500;

/// Reads an event; none when it is no event.
pub(crate) fn read(body: &[u8]) -> Option<Event> {
    let event: Value = serde_json::from_slice(body).ok()?;
    let kind = event.get("type")?.as_str()?;
    let object = event.pointer("/data/object")?;
    let what = match kind {
        "customer.subscription.created" | "customer.subscription.updated" | "customer.subscription.deleted" => {
            What::Subscription(subscription(object)?)
        }
        "invoice.finalized" | "invoice.paid" | "invoice.payment_failed" | "invoice.voided" | "invoice.updated" => {
            invoice(object, kind).map_or(What::Other, What::Invoice)
        }
        _ => What::Other,
    };
    Some(Event { id: text(&event, "/id")?, at: milliseconds(&event, "/created")?, what })
}

fn subscription(object: &Value) -> Option<SubscriptionState> {
    let ends = object.get("cancel_at_period_end").and_then(Value::as_bool).unwrap_or(false);
    let status = match object.get("status")?.as_str()? {
        "active" | "trialing" if ends => SubscriptionStatus::Cancelled,
        "active" | "trialing" => SubscriptionStatus::Active,
        "past_due" | "unpaid" => SubscriptionStatus::PastDue,
        "incomplete" => SubscriptionStatus::Pending,
        _ => SubscriptionStatus::ReadOnly,
    };
    let period = |name: &str| {
        milliseconds(object, &format!("/{name}")).or_else(|| milliseconds(object, &format!("/items/data/0/{name}")))
    };
    Some(SubscriptionState {
        id: text(object, "/id")?,
        customer: text(object, "/customer")?,
        account_id: text(object, "/metadata/account_id"),
        status,
        price: text(object, "/items/data/0/price/id"),
        period_start_at: period("current_period_start")?,
        period_end_at: period("current_period_end")?,
    })
}

fn invoice(object: &Value, kind: &str) -> Option<InvoiceState> {
    let status = match object.get("status")?.as_str()? {
        "paid" => "paid",
        "void" | "uncollectible" => "void",
        "open" => "open",
        _ => return None,
    };
    Some(InvoiceState {
        id: text(object, "/id")?,
        customer: text(object, "/customer")?,
        status,
        amount_cents: object.get("amount_due")?.as_i64().filter(|amount| *amount >= 0)?,
        currency: text(object, "/currency")?.to_uppercase(),
        issued_at: milliseconds(object, "/created")?,
        url: text(object, "/hosted_invoice_url").filter(|url| url.starts_with("https://")),
        price: text(object, "/lines/data/0/price/id")
            .or_else(|| text(object, "/lines/data/0/pricing/price_details/price")),
        payment_failed: kind == "invoice.payment_failed",
    })
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    let text = value.pointer(pointer)?.as_str()?;
    (!text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn milliseconds(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer)?.as_i64()?.checked_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rubbish_is_no_event_and_other_events_concern_nobody() {
        for rubbish in
            ["", "[]", "{}", r#"{"id":"evt_1","type":"x"}"#, r#"{"type":"x","created":1,"data":{"object":{}}}"#]
        {
            assert_eq!(read(rubbish.as_bytes()), None, "{rubbish}");
        }
        let other = read(br#"{"id":"evt_1","type":"x","created":7,"data":{"object":{}}}"#).unwrap();
        assert_eq!(other, Event { id: "evt_1".to_owned(), at: 7000, what: What::Other });
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(body: Vec<u8>, created: i64, status: String) {
            read(&body);
            let event = serde_json::json!({"id": "e", "type": "customer.subscription.updated", "created": created,
                "data": {"object": {"id": "s", "customer": "c", "status": status, "current_period_start": created,
                "current_period_end": created}}});
            read(event.to_string().as_bytes());
        }
    }
}
