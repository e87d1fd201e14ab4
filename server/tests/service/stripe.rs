//! Stripe: a stand-in for its interface, and events signed as Stripe signs them.

use crate::postgres;
use crate::support::{Person, Raw, World, kind};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use strongroom::ErrorKind;
use strongroom::account::transport::Method;
use strongroom::account::wire::{InvoiceStatus, SubscriptionEventKind, SubscriptionStatus};
use strongroom_server::PaymentProvider;

const SECRET: &str = "whsec_of_the_test";

/// What Stripe was asked: method, path and form.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<(String, String, String)>>>);

impl Asked {
    fn last(&self, path: &str) -> (String, String) {
        let asked = self.0.lock().unwrap();
        let (method, _, form) = asked.iter().rev().find(|(_, asked, _)| asked == path).unwrap();
        (method.clone(), form.clone())
    }
}

/// Stripe's interface, as far as the service uses it: pages have addresses, subscriptions an item.
fn stand_in() -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let noted = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let noted = noted.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut stream = stream;
                loop {
                    let mut first = String::new();
                    if reader.read_line(&mut first).unwrap_or(0) == 0 {
                        return;
                    }
                    let mut words = first.split(' ');
                    let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
                    let (mut length, mut authorized, mut version) = (0, false, false);
                    loop {
                        let mut line = String::new();
                        reader.read_line(&mut line).unwrap();
                        let line = line.trim().to_ascii_lowercase();
                        if line.is_empty() {
                            break;
                        }
                        if let Some(value) = line.strip_prefix("content-length: ") {
                            length = value.parse().unwrap();
                        }
                        authorized |= line == "authorization: bearer sk_test";
                        version |= line.starts_with("stripe-version: ");
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).unwrap();
                    noted.0.lock().unwrap().push((method, path.clone(), String::from_utf8(body).unwrap()));
                    let (status, answer) = match path.as_str() {
                        _ if !authorized || !version => {
                            ("401 Unauthorized", json!({"error": {"code": "unauthorized"}}))
                        }
                        "/v1/checkout/sessions" => ("200 OK", json!({"url": "https://checkout.stripe.test/1"})),
                        "/v1/billing_portal/sessions" => ("200 OK", json!({"url": "https://portal.stripe.test/1"})),
                        _ if path.starts_with("/v1/subscriptions/") => {
                            ("200 OK", json!({"items": {"data": [{"id": "si_1"}]}}))
                        }
                        _ => ("404 Not Found", json!({"error": {"code": "resource_missing"}})),
                    };
                    let answer = answer.to_string();
                    let head = format!(
                        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                        answer.len()
                    );
                    if stream.write_all((head + &answer).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, asked)
}

fn on_each_database(test: impl Fn(&mut World, &Asked)) {
    let databases = [Some(None), postgres::database().map(Some)];
    for database in databases.into_iter().flatten() {
        let (api, asked) = stand_in();
        let mut world = World::new(database, |config| {
            config.payment.provider = PaymentProvider::Stripe;
            config.payment.stripe_secret_key = Some("sk_test".to_owned());
            config.payment.stripe_webhook_secret = Some(SECRET.to_owned());
            config.payment.stripe_api = api;
            config.payment.return_url = "https://example.org/account".to_owned();
        });
        test(&mut world, &asked);
    }
}

/// Signs as Stripe does: HMAC-SHA256 over time, full stop and body.
fn signature(secret: &str, seconds: i64, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{seconds}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

fn deliver(world: &World, event: &Value) -> Raw {
    let body = event.to_string();
    let header = signature(SECRET, world.clock.now_ms() / 1000, &body);
    world.raw(Method::Post, "/v1/webhooks/stripe", &[("Stripe-Signature", header)], body.as_bytes())
}

/// An event about the subscription `sub_1`, `after` seconds after the test began.
fn event(world: &World, person: &Person, id: &str, kind: &str, after: i64, status: &str, price: &str) -> Value {
    let now = world.clock.now_ms() / 1000;
    json!({
        "id": id, "object": "event", "type": format!("customer.subscription.{kind}"), "created": now + after,
        "data": {"object": {
            "id": "sub_1", "customer": "cus_1", "status": status, "cancel_at_period_end": false,
            "metadata": {"account_id": person.id.to_string()},
            "current_period_start": now, "current_period_end": now + 30 * 24 * 60 * 60,
            "items": {"data": [{"id": "si_1", "price": {"id": price}}]},
        }},
    })
}

fn invoice(world: &World, id: &str, kind: &str, after: i64, status: &str) -> Value {
    let now = world.clock.now_ms() / 1000;
    json!({
        "id": id, "object": "event", "type": format!("invoice.{kind}"), "created": now + after,
        "data": {"object": {
            "id": "in_1", "customer": "cus_1", "status": status, "amount_due": 900, "currency": "eur", "created": now,
            "hosted_invoice_url": "https://invoice.stripe.test/1",
            "lines": {"data": [{"price": {"id": "price_pro"}}]},
        }},
    })
}

#[test]
fn a_plan_is_paid_on_stripes_page_and_in_force_once_stripe_says_so() {
    on_each_database(|world, asked| {
        let kim = world.register_for("kim@example.org", "pro");
        assert_eq!(kim.account.subscription(&world.ctx).unwrap().status, SubscriptionStatus::Pending);
        assert_eq!(kind(kim.account.change_plan("pro-yearly", &world.ctx)), ErrorKind::Conflict, "without a checkout");
        let link = kim.account.checkout("pro", &world.ctx).unwrap();
        assert_eq!(link.url, "https://checkout.stripe.test/1");
        let (method, form) = asked.last("/v1/checkout/sessions");
        assert_eq!(method, "POST");
        for part in ["mode=subscription", "price_pro", &format!("client_reference_id={}", kim.id), "kim%40example.org"]
        {
            assert!(form.contains(part), "{part} is not in {form}");
        }
        assert_eq!(kind(kim.account.billing_portal(&world.ctx)), ErrorKind::NotFound, "before there is a customer");

        assert_eq!(deliver(world, &event(world, &kim, "evt_1", "created", 0, "active", "price_pro")).status, 200);
        let active = kim.account.subscription(&world.ctx).unwrap();
        assert_eq!((active.status, active.plan.as_str()), (SubscriptionStatus::Active, "pro"));
        assert_eq!(kim.account.billing_portal(&world.ctx).unwrap().url, "https://portal.stripe.test/1");
        assert!(asked.last("/v1/billing_portal/sessions").1.contains("customer=cus_1"));
        assert_eq!(kind(kim.account.checkout("pro", &world.ctx)), ErrorKind::Conflict, "it is paid for");

        deliver(world, &invoice(world, "evt_2", "finalized", 1, "open"));
        deliver(world, &invoice(world, "evt_3", "paid", 2, "paid"));
        let invoices = kim.account.invoices(&world.ctx).unwrap();
        assert_eq!(invoices.len(), 1);
        assert_eq!((invoices[0].status, invoices[0].amount_cents), (InvoiceStatus::Paid, 900));
        assert_eq!(invoices[0].url.as_deref(), Some("https://invoice.stripe.test/1"));

        kim.account.cancel_subscription(&world.ctx).unwrap();
        assert!(asked.last("/v1/subscriptions/sub_1").1.contains("cancel_at_period_end=true"));
        kim.account.resume_subscription(&world.ctx).unwrap();
        assert!(asked.last("/v1/subscriptions/sub_1").1.contains("cancel_at_period_end=false"));
        deliver(world, &event(world, &kim, "evt_4", "deleted", 300, "canceled", "price_pro"));
        let over = kim.account.subscription(&world.ctx).unwrap();
        assert_eq!(over.status, SubscriptionStatus::ReadOnly);
        assert!(over.read_only_until_at.is_some());
    });
}

#[test]
fn events_that_are_not_stripes_or_not_of_now_change_nothing() {
    on_each_database(|world, _| {
        let kim = world.register_for("kim@example.org", "pro");
        let body = event(world, &kim, "evt_1", "created", 0, "active", "price_pro").to_string();
        let now = world.clock.now_ms() / 1000;
        let send = |header: String, body: &str| {
            world.raw(Method::Post, "/v1/webhooks/stripe", &[("Stripe-Signature", header)], body.as_bytes())
        };
        for (what, header, body) in [
            ("another secret", signature("whsec_other", now, &body), body.clone()),
            ("too old", signature(SECRET, now - 400, &body), body.clone()),
            ("of the future", signature(SECRET, now + 400, &body), body.clone()),
            ("another body", signature(SECRET, now, &body), body.replace("active", "past_due")),
            ("no signature", String::new(), body.clone()),
        ] {
            let answer = send(header, &body);
            assert_eq!((answer.status, answer.kind().as_str()), (401, "untrusted"), "{what}");
        }
        assert_eq!(kim.account.subscription(&world.ctx).unwrap().status, SubscriptionStatus::Pending);
        assert_eq!(send(signature(SECRET, now, &body), &body).status, 200);
        assert_eq!(kim.account.subscription(&world.ctx).unwrap().status, SubscriptionStatus::Active);
    });
}

#[test]
fn events_that_come_twice_or_late_or_of_another_subscription_are_harmless() {
    on_each_database(|world, _| {
        let kim = world.register_for("kim@example.org", "pro");
        let state = |world: &World| {
            let subscription = kim.account.subscription(&world.ctx).unwrap();
            (subscription.status, subscription.plan)
        };
        let created = event(world, &kim, "evt_1", "created", 0, "incomplete", "price_pro");
        let paid = event(world, &kim, "evt_2", "updated", 1000, "active", "price_pro");
        let yearly = event(world, &kim, "evt_3", "updated", 2000, "active", "price_pro_yearly");
        // In the wrong order, and some of them twice.
        for late in [&paid, &created, &paid] {
            assert_eq!(deliver(world, late).status, 200);
            assert_eq!(state(world), (SubscriptionStatus::Active, "pro".to_owned()));
        }
        deliver(world, &yearly);
        assert_eq!(state(world), (SubscriptionStatus::Active, "pro-yearly".to_owned()));
        let again = event(world, &kim, "evt_4", "updated", 1500, "past_due", "price_pro");
        deliver(world, &again);
        assert_eq!(state(world), (SubscriptionStatus::Active, "pro-yearly".to_owned()), "older than what is known");
        let mut other = event(world, &kim, "evt_5", "deleted", 3000, "canceled", "price_pro");
        other["data"]["object"]["id"] = "sub_old".into();
        deliver(world, &other);
        assert_eq!(state(world).0, SubscriptionStatus::Active, "the end of another subscription");

        let unknown = invoice(world, "evt_6", "paid", 0, "paid");
        deliver(world, &unknown);
        let late = invoice(world, "evt_7", "finalized", 500, "open");
        deliver(world, &late);
        let invoices = kim.account.invoices(&world.ctx).unwrap();
        assert_eq!((invoices.len(), invoices[0].status), (1, InvoiceStatus::Paid), "paid is for good");
        let payments = kim.account.subscription_history(&world.ctx).unwrap();
        assert_eq!(payments.iter().filter(|event| event.event == SubscriptionEventKind::Paid).count(), 1);

        let end = event(world, &kim, "evt_8", "deleted", 4000, "canceled", "price_pro");
        let mut late = json!({"id": "evt_9", "type": "customer.subscription.updated", "created": end["created"],
            "data": {"object": end["data"]["object"]}});
        late["data"]["object"]["status"] = "active".into();
        deliver(world, &end);
        deliver(world, &late);
        assert_eq!(state(world).0, SubscriptionStatus::ReadOnly, "an end is not undone by what came with it");
    });
}

#[test]
fn less_comes_at_the_end_of_what_was_paid_for() {
    on_each_database(|world, asked| {
        let kim = world.register_for("kim@example.org", "pro");
        deliver(world, &event(world, &kim, "evt_1", "created", 0, "active", "price_pro"));
        let down = kim.account.change_plan("free", &world.ctx).unwrap();
        assert_eq!((down.plan.as_str(), down.next_plan.as_deref()), ("pro", Some("free")));
        assert!(asked.last("/v1/subscriptions/sub_1").1.contains("cancel_at_period_end=true"));
        let mut ending = event(world, &kim, "evt_2", "updated", 100, "active", "price_pro");
        ending["data"]["object"]["cancel_at_period_end"] = true.into();
        deliver(world, &ending);
        let subscription = kim.account.subscription(&world.ctx).unwrap();
        assert_eq!(
            (subscription.status, subscription.next_plan.as_deref()),
            (SubscriptionStatus::Active, Some("free"))
        );
        deliver(world, &event(world, &kim, "evt_3", "deleted", 200, "canceled", "price_pro"));
        let free = kim.account.subscription(&world.ctx).unwrap();
        assert_eq!((free.plan.as_str(), free.status, free.next_plan), ("free", SubscriptionStatus::Active, None));
        // And up again, by another checkout.
        kim.account.checkout("pro-yearly", &world.ctx).unwrap();
        let (_, form) = asked.last("/v1/checkout/sessions");
        assert!(form.contains("customer=cus_1") && form.contains("price_pro_yearly"), "{form}");
    });
}

#[test]
fn more_is_changed_at_stripe_and_billed_there() {
    on_each_database(|world, asked| {
        let kim = world.register_for("kim@example.org", "pro-yearly");
        deliver(world, &event(world, &kim, "evt_1", "created", 0, "active", "price_pro_yearly"));
        let pro = kim.account.change_plan("pro", &world.ctx).unwrap();
        assert_eq!(pro.plan, "pro");
        let (_, form) = asked.last("/v1/subscriptions/sub_1");
        for part in ["si_1", "price_pro", "proration_behavior=always_invoice", "billing_cycle_anchor=now"] {
            assert!(form.contains(part), "{part} is not in {form}");
        }
        assert!(kim.account.invoices(&world.ctx).unwrap().is_empty(), "Stripe writes them");
    });
}
