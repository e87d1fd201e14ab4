//! Plans, subscriptions and invoices where nobody takes the money.

use crate::support::{World, eventually, kind, on_each_database};
use strongroom::ErrorKind;
use strongroom::account::Account;
use strongroom::account::wire::{InvoiceStatus, PlanChange, Subscription, SubscriptionEventKind, SubscriptionStatus};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// The subscription once the service's sweep has made it be in this state.
fn swept(world: &mut World, email: &str, wanted: impl Fn(&Subscription) -> bool) -> (Account, Subscription) {
    world.restart();
    let account = world.sign_in(email, crate::support::PASSWORD).unwrap();
    let found = eventually("the sweep", || account.subscription(&world.ctx).ok().filter(&wanted));
    (account, found)
}

#[test]
fn the_catalogue_is_that_of_the_configuration() {
    on_each_database(|world| {
        let plans = world.client().plans(&world.ctx).unwrap();
        assert_eq!(plans.iter().map(|plan| plan.id.as_str()).collect::<Vec<_>>(), ["free", "pro", "pro-yearly"]);
        assert_eq!(
            (plans[1].price_cents, plans[1].currency.as_str(), plans[1].category.as_str()),
            (900, "EUR", "professional")
        );
        let page = world.raw(strongroom::account::transport::Method::Get, "/v1/plans?limit=2", &[], b"");
        assert_eq!((page.json()["items"].as_array().unwrap().len(), &page.json()["next"]), (2, &"pro".into()));
        for query in ["limit=0", "limit=1001", "limit=x", "page=2"] {
            let answer =
                world.raw(strongroom::account::transport::Method::Get, &format!("/v1/plans?{query}"), &[], b"");
            assert_eq!((answer.status, answer.kind().as_str()), (400, "invalid_argument"), "{query}");
        }
        // A plan that is no longer listed can no longer be chosen, and stays in force for those who have it.
        let kim = world.register_for("kim@example.org", "pro");
        world.config.plans.remove(1);
        world.restart();
        assert!(world.client().plans(&world.ctx).unwrap().iter().all(|plan| plan.id != "pro"));
        let account = world.sign_in("kim@example.org", crate::support::PASSWORD).unwrap();
        assert_eq!(account.subscription(&world.ctx).unwrap().plan, "pro");
        assert_eq!(account.usage(&world.ctx).unwrap().quota_bytes, 1_000_000_000_000);
        let lee = world.register("lee@example.org");
        assert_eq!(kind(lee.account.change_plan("pro", &world.ctx)), ErrorKind::NotFound);
        drop(kim);
    });
}

#[test]
fn more_is_had_at_once_for_what_is_left_to_pay() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        let before = kim.account.subscription(&world.ctx).unwrap();
        assert_eq!(
            (before.plan.as_str(), before.status, before.period_ends_at),
            ("free", SubscriptionStatus::Active, None)
        );
        let preview = kim.account.preview_plan("pro", &world.ctx).unwrap();
        assert_eq!((preview.change, preview.due_now_cents, preview.credit_cents), (PlanChange::Upgrade, 900, 0));
        assert_eq!(kim.account.subscription(&world.ctx).unwrap(), before, "a preview changes nothing");
        let pro = kim.account.change_plan("pro", &world.ctx).unwrap();
        assert_eq!((pro.plan.as_str(), pro.category.as_str()), ("pro", "professional"));
        let end = pro.period_ends_at.unwrap();
        assert!((28 * DAY..=31 * DAY).contains(&(end - pro.started_at)));

        let invoices = kim.account.invoices(&world.ctx).unwrap();
        assert_eq!(invoices.len(), 1);
        assert_eq!((invoices[0].amount_cents, invoices[0].status), (900, InvoiceStatus::Open));
        assert_eq!(kim.account.invoice(&invoices[0].invoice_id, &world.ctx).unwrap(), invoices[0]);
        let lee = world.register("lee@example.org");
        assert_eq!(
            kind(lee.account.invoice(&invoices[0].invoice_id, &world.ctx)),
            ErrorKind::NotFound,
            "somebody else's"
        );
        assert!(lee.account.invoices(&world.ctx).unwrap().is_empty());

        // Half of the period on, half of the price is credited.
        let half = (end - pro.started_at) / 2;
        world.clock.shift(half);
        let kim = world.sign_in("kim@example.org", crate::support::PASSWORD).unwrap();
        let down = kim.preview_plan("pro-yearly", &world.ctx).unwrap();
        assert_eq!(
            (down.change, down.effective_at, down.due_now_cents),
            (PlanChange::Downgrade, end, 0),
            "cheaper by the year"
        );
        let history = kim.subscription_history(&world.ctx).unwrap();
        let events: Vec<_> = history.iter().map(|event| (event.event, event.plan.as_str())).collect();
        assert_eq!(events, [(SubscriptionEventKind::Upgraded, "pro"), (SubscriptionEventKind::Subscribed, "free")]);
    });
}

#[test]
fn less_comes_at_the_end_of_the_period_and_periods_follow_each_other() {
    on_each_database(|world| {
        let kim = world.register_for("kim@example.org", "pro");
        let end = kim.account.subscription(&world.ctx).unwrap().period_ends_at.unwrap();
        let scheduled = kim.account.change_plan("free", &world.ctx).unwrap();
        assert_eq!((scheduled.plan.as_str(), scheduled.next_plan.as_deref()), ("pro", Some("free")));
        assert_eq!(kim.account.change_plan("pro", &world.ctx).unwrap().next_plan, None, "taken back");

        world.clock.shift(end - world.clock.now_ms() + 1);
        let (account, renewed) =
            swept(world, "kim@example.org", |subscription| subscription.period_ends_at > Some(end));
        assert_eq!(renewed.plan, "pro");
        assert_eq!(account.invoices(&world.ctx).unwrap().len(), 2);
        account.change_plan("free", &world.ctx).unwrap();
        world.clock.shift(32 * DAY);
        let (account, down) = swept(world, "kim@example.org", |subscription| subscription.plan == "free");
        assert_eq!((down.status, down.period_ends_at), (SubscriptionStatus::Active, None));
        assert_eq!(account.invoices(&world.ctx).unwrap().len(), 2, "nothing more is owed");
    });
}

#[test]
fn a_cancelled_account_can_be_read_for_a_while_and_come_back() {
    on_each_database(|world| {
        let kim = world.register_for("kim@example.org", "pro");
        let cancelled = kim.account.cancel_subscription(&world.ctx).unwrap();
        assert_eq!(cancelled.status, SubscriptionStatus::Cancelled);
        assert_eq!(kim.account.resume_subscription(&world.ctx).unwrap().status, SubscriptionStatus::Active);
        assert_eq!(kind(kim.account.resume_subscription(&world.ctx)), ErrorKind::Conflict);
        kim.account.cancel_subscription(&world.ctx).unwrap();
        assert_eq!(kind(kim.account.cancel_subscription(&world.ctx)), ErrorKind::Conflict);
        world.clock.shift(32 * DAY);
        let (account, over) =
            swept(world, "kim@example.org", |subscription| subscription.status == SubscriptionStatus::ReadOnly);
        assert!(over.read_only_until_at.unwrap() - world.clock.now_ms() > 29 * DAY);
        assert_eq!(kind(account.change_plan("free", &world.ctx)), ErrorKind::Conflict);
        let resumed = account.resume_subscription(&world.ctx).unwrap();
        assert_eq!((resumed.status, resumed.read_only_until_at), (SubscriptionStatus::Active, None));
        account.cancel_subscription(&world.ctx).unwrap();
        world.clock.shift(32 * DAY);
        swept(world, "kim@example.org", |subscription| subscription.status == SubscriptionStatus::ReadOnly);
        world.clock.shift(31 * DAY);
        let (account, _) =
            swept(world, "kim@example.org", |subscription| subscription.status == SubscriptionStatus::Ended);
        assert_eq!(kind(account.resume_subscription(&world.ctx)), ErrorKind::Conflict);
        let last = account.subscription_history(&world.ctx).unwrap()[0].event;
        assert_eq!(last, SubscriptionEventKind::Ended);
    });
}

#[test]
fn nobody_pays_on_pages_where_nobody_takes_the_money() {
    on_each_database(|world| {
        let kim = world.register("kim@example.org");
        assert_eq!(kind(kim.account.checkout("pro", &world.ctx)), ErrorKind::Unsupported);
        assert_eq!(kind(kim.account.billing_portal(&world.ctx)), ErrorKind::Unsupported);
        let event = world.raw(strongroom::account::transport::Method::Post, "/v1/webhooks/stripe", &[], b"{}");
        assert_eq!((event.status, event.kind().as_str()), (404, "not_found"));
    });
}
