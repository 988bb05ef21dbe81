//! The life of a webhook, told as scripts of inputs.

use hookmill_model::{Object, SubscriptionState as S, Timestamp, Value};
use proptest::prelude::*;

use super::*;

fn replied(status: u16) -> Performed {
    Performed {
        outcome: Outcome::Replied { status, headers: Object::new(), body: None },
        request: Value::object([("method", "POST"), ("uri", "https://api.example.org/hooks")]),
    }
}

fn create() -> Input {
    Input::Create { callback: "https://here/callback/".into() }
}

fn created(status: u16) -> Input {
    Input::CreationEnded {
        performed: replied(status),
        address: Some(Value::string("/hooks/1")),
        warning: None,
        refused: None,
    }
}

fn play(inputs: &[Input]) -> (Subscription, Vec<Fact>) {
    let mut subscription = Subscription::default();
    let mut journal = Vec::new();
    for (minute, input) in (0_i64..).zip(inputs) {
        for fact in decide(&subscription, Timestamp::from_millis(minute * 60_000), input.clone()) {
            apply(&mut subscription, &fact).unwrap();
            journal.push(fact);
        }
    }
    (subscription, journal)
}

#[test]
fn created_and_deleted() {
    let (subscription, journal) =
        play(&[create(), created(201), Input::Delete, Input::DeletionEnded(Some(replied(204)))]);
    assert_eq!(subscription.state, S::Gone);
    assert_eq!(subscription.warning, None);
    assert_eq!(journal.len(), 4);
}

#[test]
fn a_refusal_says_what_to_do() {
    for (status, word) in [(404, "owner"), (401, "connection"), (422, "values"), (503, "later")] {
        let (subscription, _) = play(&[create(), created(status)]);
        assert_eq!(subscription.state, S::Failed);
        let refusal = subscription.refusal.unwrap();
        assert!(refusal.message.contains(&status.to_string()), "{refusal:?}");
        assert!(refusal.hint.unwrap().contains(word));
        assert_eq!(subscription.address, None, "a refused webhook has no address");
    }
}

#[test]
fn a_deletion_answered_404_is_done_and_others_are_tried_again_with_growing_waits() {
    let (gone, _) = play(&[create(), created(201), Input::Delete, Input::DeletionEnded(Some(replied(404)))]);
    assert_eq!(gone.state, S::Gone);
    let failing = [create(), created(201), Input::Delete, Input::DeletionEnded(Some(replied(500)))];
    let (first, _) = play(&failing);
    assert_eq!((first.state, first.retry_at), (S::Deleting, Some(Timestamp::from_millis(3 * 60_000 + 10_000))));
    let again = [&failing[..], &[Input::Delete, Input::DeletionEnded(Some(replied(500)))]].concat();
    let (second, _) = play(&again);
    assert_eq!(second.retry_at, Some(Timestamp::from_millis(5 * 60_000 + 60_000)));
}

#[test]
fn an_unknown_delete_request_ends_with_a_warning() {
    let (subscription, _) = play(&[create(), created(201), Input::Delete, Input::DeletionEnded(None)]);
    assert_eq!(subscription.state, S::Gone);
    assert!(subscription.warning.is_some());
}

#[test]
fn after_a_crash_the_service_is_asked_before_a_second_webhook_is_created() {
    let found = Input::Found { address: Value::string("/hooks/9"), performed: replied(200) };
    let (subscription, _) = play(&[create(), found]);
    assert_eq!((subscription.state, subscription.address), (S::Live, Some(Value::string("/hooks/9"))));
    let (subscription, _) = play(&[create(), Input::NotFound { callback: "x".into() }, created(201)]);
    assert_eq!(subscription.state, S::Live);
    let (subscription, _) = play(&[create(), Input::CannotSearch]);
    assert_eq!(subscription.state, S::Gone);
    assert!(subscription.warning.unwrap().contains("410"));
}

#[test]
fn illegal_facts_are_refused() {
    let mut subscription = Subscription::default();
    assert!(apply(&mut subscription, &Fact::DeletionStarted { at: Timestamp::default() }).is_err());
    assert_eq!(subscription, Subscription::default());
}

fn any_input() -> impl Strategy<Value = Input> {
    let status = prop_oneof![Just(201_u16), Just(204), Just(404), Just(500)];
    prop_oneof![
        Just(create()),
        status.clone().prop_map(created),
        Just(Input::Found { address: Value::string("/hooks/9"), performed: replied(200) }),
        Just(Input::NotFound { callback: "x".into() }),
        Just(Input::CannotSearch),
        Just(Input::Delete),
        Just(Input::DeletionEnded(None)),
        status.prop_map(|status| Input::DeletionEnded(Some(replied(status)))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    /// Whatever comes in whatever order: the own facts are legal, survive encoding, and give the same state again.
    #[test]
    fn decisions_are_legal_and_replayable(inputs in proptest::collection::vec(any_input(), 0..24)) {
        let (subscription, journal) = play(&inputs);
        let mut replayed = Subscription::default();
        for fact in &journal {
            apply(&mut replayed, &Fact::decode(&fact.encode()).unwrap()).unwrap();
        }
        prop_assert_eq!(subscription, replayed);
    }
}
