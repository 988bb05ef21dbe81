//! Renewals that are due, that fail, and what was missed.

use hookmill_model::{Object, SubscriptionState, Value};

use super::*;
use crate::command::Outcome;
use crate::subscription::{Input, Journal};

const HOUR: u64 = 3_600;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000).plus(Duration::from_secs(seconds))
}

fn answered(status: u16, headers: &[(&str, &str)]) -> Performed {
    let headers: Object = headers.iter().copied().collect();
    Performed { request: Value::Null, outcome: Outcome::Replied { status, headers, body: None } }
}

fn live() -> Journal {
    Journal::begun_at(Subscription { state: SubscriptionState::Live, ..Subscription::default() })
}

fn told(journal: &mut Journal, now: Timestamp, input: Upkept) -> Upkeep {
    let facts = journal.decide(now, Input::Upkeep(input));
    journal.take(&facts).unwrap();
    journal.life().upkeep.clone()
}

#[test]
fn a_webhook_is_renewed_before_it_expires() {
    let due = |life: u64, before: Option<u64>, spread| {
        let expires = Upkept::Expires { at: at(life), before: before.map(Duration::from_secs), spread };
        told(&mut live(), at(0), expires).renew_at.unwrap().since(at(0)).as_secs()
    };
    assert_eq!(due(70 * HOUR, Some(8 * HOUR), 0), 62 * HOUR);
    assert_eq!(due(70 * HOUR, Some(8 * HOUR), 100), 62 * HOUR - 48 * 60, "a tenth earlier at most");
    assert_eq!(due(72 * HOUR, None, 0), 48 * HOUR, "a third of its life before its end");
    assert_eq!(due(2 * HOUR, None, 0), HOUR, "an hour before, where a third is less");
    assert_eq!(due(HOUR, None, 100), HOUR / 2, "never in the first half of its life");
    assert_eq!(due(10, Some(HOUR), 0), 60, "and never more often than once a minute");
    assert_eq!(due(0, None, 0), 60);
}

#[test]
fn a_failed_renewal_is_tried_again_as_the_service_asks() {
    let mut journal = live();
    told(&mut journal, at(0), Upkept::Expires { at: at(70 * HOUR), before: None, spread: 0 });
    let failed = told(&mut journal, at(100), Upkept::Failed(answered(503, &[("retry-after", "7")])));
    assert_eq!((failed.renew_at, failed.failures), (Some(at(107)), 1));
    assert!(failed.trouble.unwrap().contains("503"));
    let failed = told(&mut journal, at(107), Upkept::Failed(answered(500, &[])));
    assert_eq!((failed.renew_at, failed.failures), (Some(at(167)), 2));
    let renewed = told(&mut journal, at(167), Upkept::Expires { at: at(140 * HOUR), before: None, spread: 0 });
    assert_eq!((renewed.failures, renewed.trouble, renewed.expires_at), (0, None, Some(at(140 * HOUR))));
    let asked = told(&mut journal, at(200), Upkept::Demanded);
    assert_eq!(asked.renew_at, Some(at(200)));
}

#[test]
fn what_was_missed_is_asked_for_until_it_is_known() {
    let mut journal = live();
    let missed = told(&mut journal, at(500), Upkept::Missed { since: at(300) });
    assert_eq!(missed.missed_since, Some(at(300)));
    let earlier = told(&mut journal, at(600), Upkept::Missed { since: at(200) });
    assert_eq!(earlier.missed_since, Some(at(200)), "both gaps are one");
    let failed = told(&mut journal, at(600), Upkept::NotRecovered(answered(502, &[])));
    assert_eq!((failed.recover_at, failed.missed_since), (Some(at(610)), Some(at(200))));
    for _ in 1..RECOVERY_TRIES_MAX {
        told(&mut journal, at(700), Upkept::NotRecovered(answered(502, &[])));
    }
    assert_eq!(journal.life().upkeep.missed_since, None, "given up after a bound");
    told(&mut journal, at(800), Upkept::Missed { since: at(750) });
    assert_eq!(told(&mut journal, at(801), Upkept::Recovered), Upkeep::default());
}

#[test]
fn only_a_live_webhook_is_kept_up() {
    let mut journal = live();
    assert!(told(&mut journal, at(0), Upkept::Outdated).is_outdated);
    assert_eq!(journal.decide(at(1), Input::Upkeep(Upkept::Outdated)), []);
    let read: Journal = serde_json::from_slice(&serde_json::to_vec(&journal).unwrap()).unwrap();
    assert_eq!(read, journal, "what is stored says the same");
    let deleting = journal.decide(at(1), Input::Delete);
    journal.take(&deleting).unwrap();
    assert_eq!(journal.decide(at(2), Input::Upkeep(Upkept::Demanded)), []);
}
