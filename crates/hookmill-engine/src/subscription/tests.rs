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
    Input::Create { callback: "https://here/callback/".into(), earlier: 0 }
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
    for (status, word) in [(404, "owner"), (401, "connection"), (422, "values")] {
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

fn with_header(status: u16, name: &str, value: &str) -> Performed {
    let mut performed = replied(status);
    if let Outcome::Replied { headers, .. } = &mut performed.outcome {
        headers.insert(name, value);
    }
    performed
}

fn no_reply(maybe_sent: bool) -> Performed {
    let outcome =
        Outcome::NoReply { code: "GatewayTimeout".into(), message: "no answer".into(), maybe_sent, retryable: true };
    Performed { outcome, request: replied(200).request }
}

fn ended(performed: Performed) -> Input {
    Input::CreationEnded { performed, address: None, warning: None, refused: None }
}

fn found() -> Input {
    Input::Found { address: Some(Value::string("/hooks/9")), warning: None, performed: replied(200) }
}

fn not_found() -> Input {
    Input::NotFound { callback: "x".into(), performed: replied(200) }
}

#[test]
fn after_a_crash_the_service_is_asked_before_a_second_webhook_is_created() {
    let (subscription, _) = play(&[create(), found()]);
    assert_eq!((subscription.state, subscription.address), (S::Live, Some(Value::string("/hooks/9"))));
    let (subscription, _) = play(&[create(), not_found(), created(201)]);
    assert_eq!(subscription.state, S::Live);
    let (subscription, _) = play(&[create(), Input::CannotSearch]);
    assert_eq!(subscription.state, S::Gone);
    assert!(subscription.warning.unwrap().contains("410"));
}

#[test]
fn an_unknown_outcome_is_no_refusal() {
    for unknown in [replied(500), replied(502), replied(503), replied(504), replied(408), no_reply(true)] {
        let (subscription, _) = play(&[create(), ended(unknown.clone())]);
        assert_eq!((subscription.state, subscription.refusal), (S::Creating, None), "{unknown:?}");
        assert!(!subscription.known_absent, "{unknown:?}");
        assert_eq!(subscription.retry_at, Some(Timestamp::from_millis(60_000 + 5_000)), "{unknown:?}");
        assert!(subscription.warning.is_some(), "people are told why they wait");
    }
    // Nothing was created, and the service says when it may be asked again: in seconds, or by a date.
    let date = with_header(429, "retry-after", "Thu, 01 Jan 1970 00:05:00 GMT");
    for (asked, at) in [(with_header(429, "Retry-After", "120"), 180_000), (date, 300_000)] {
        let (subscription, _) = play(&[create(), ended(asked)]);
        assert_eq!((subscription.state, subscription.known_absent), (S::Creating, true));
        assert_eq!(subscription.retry_at, Some(Timestamp::from_millis(at)));
    }
    let (subscription, _) = play(&[create(), ended(replied(429)), create(), created(201)]);
    assert_eq!((subscription.state, subscription.creations), (S::Live, 2));
    // What was certainly not sent is a refusal for the person who saves, and is tried again afterwards.
    let (subscription, _) = play(&[create(), ended(no_reply(false))]);
    assert_eq!(subscription.state, S::Failed);
    let (subscription, _) = play(&[create(), ended(replied(429)), create(), ended(no_reply(false))]);
    assert_eq!((subscription.state, subscription.known_absent), (S::Creating, true));
    let (subscription, _) = play(&[create(), ended(replied(501))]);
    assert_eq!(subscription.state, S::Failed, "the service cannot create webhooks at all");
}

#[test]
fn a_creation_is_not_sent_again_before_it_is_certain_that_there_is_none() {
    let (subscription, journal) = play(&[create(), ended(replied(502)), create()]);
    assert_eq!((subscription.creations, journal.len()), (1, 2));
    let (subscription, _) = play(&[create(), ended(replied(502)), not_found()]);
    assert_eq!((subscription.state, subscription.creations), (S::Creating, 2));
    assert!(!subscription.known_absent, "the second one is under way");
}

#[test]
fn a_webhook_that_may_exist_is_pursued_until_it_is_known_gone() {
    let withdraw = Input::Withdraw { sought: true };
    let lost = [create(), ended(no_reply(true)), withdraw];
    let (subscription, _) = play(&lost);
    assert_eq!((subscription.state, subscription.is_sought), (S::Deleting, true));
    // A list that fails proves nothing, whatever it fails with.
    for failed in [replied(404), replied(410), replied(500), no_reply(true)] {
        let (subscription, _) = play(&[&lost[..], &[Input::Delete, Input::SearchFailed(failed)]].concat());
        assert_eq!(subscription.state, S::Deleting);
        assert!(subscription.retry_at.is_some());
    }
    let gone = [Input::Delete, found(), Input::DeletionEnded(Some(replied(204)))];
    let (subscription, _) = play(&[&lost[..], &gone].concat());
    assert_eq!((subscription.state, subscription.warning), (S::Gone, None));
    // Not listed, three minutes after it was sent: gone.
    let (subscription, _) = play(&[&lost[..], &[Input::Delete, not_found()]].concat());
    assert_eq!((subscription.state, subscription.warning), (S::Gone, None));
}

#[test]
fn a_service_may_still_be_creating_what_it_does_not_list_yet() {
    let mut subscription = Subscription::default();
    let mut at = |second: i64, input: Input| {
        for fact in decide(&subscription, Timestamp::from_millis(second * 1_000), input) {
            apply(&mut subscription, &fact).unwrap();
        }
        (subscription.state, subscription.retry_at)
    };
    at(0, create());
    at(1, Input::Withdraw { sought: true });
    at(1, Input::Delete);
    assert_eq!(at(1, not_found()), (S::Deleting, Some(Timestamp::from_millis(60_000))));
    at(60, Input::Delete);
    assert_eq!(at(60, not_found()).0, S::Gone);
}

#[test]
fn a_list_that_is_refused_lets_the_next_generation_take_over() {
    let refused = || Input::SearchFailed(replied(403));
    let (subscription, _) = play(&[create(), refused(), refused()]);
    assert_eq!(subscription.state, S::Creating);
    let (subscription, _) = play(&[create(), refused(), refused(), refused()]);
    assert_eq!((subscription.state, subscription.is_sought), (S::Deleting, true));
    let passing = || Input::SearchFailed(replied(503));
    let (subscription, _) = play(&[create(), passing(), passing(), passing(), passing()]);
    assert_eq!(subscription.state, S::Creating, "an outage passes");
}

#[test]
fn after_a_restore_what_was_live_is_asked_for_or_renewed() {
    let live = [create(), created(201), Input::Doubt];
    let (subscription, _) = play(&live);
    assert_eq!((subscription.state, subscription.known_absent), (S::Creating, false));
    let (subscription, _) = play(&[&live[..], &[found()]].concat());
    assert_eq!((subscription.state, subscription.warning), (S::Live, None));
    let (subscription, _) = play(&[&live[..], &[not_found(), ended(no_reply(false))]].concat());
    assert_eq!((subscription.state, subscription.refusal), (S::Creating, None), "a passing fault turns no flow off");
    // A service without a list: deleted where it is, and the next generation takes over.
    let renewed = [Input::CannotSearch, Input::Delete, Input::DeletionEnded(Some(replied(204)))];
    let (subscription, _) = play(&[&live[..], &renewed[..1]].concat());
    assert_eq!((subscription.state, subscription.is_sought), (S::Deleting, false));
    let (subscription, _) = play(&[&live[..], &renewed].concat());
    assert_eq!(subscription.state, S::Gone);
}

#[test]
fn what_is_not_wanted_and_certainly_absent_needs_nothing() {
    let (subscription, _) = play(&[create(), ended(replied(429)), Input::Withdraw { sought: true }]);
    assert_eq!((subscription.state, subscription.warning), (S::Gone, None));
}

#[test]
fn illegal_facts_are_refused() {
    let mut subscription = Subscription::default();
    assert!(
        apply(&mut subscription, &Fact::DeletionStarted(fact::DeletionStarted { at: Timestamp::default() })).is_err()
    );
    assert_eq!(subscription, Subscription::default());
    let snapshot = Fact::Snapshot(Box::new(subscription.clone()));
    let opened = Fact::AddressOpened(fact::AddressOpened { at: Timestamp::default() });
    assert!(Journal::fold(vec![snapshot.clone(), opened.clone()]).is_ok());
    let error = Journal::fold(vec![opened, snapshot]).unwrap_err();
    assert_eq!(error.to_string(), "snapshot does not follow on live");
}

#[test]
fn an_address_of_the_flows_own_is_opened_and_closed_and_nothing_else() {
    let (subscription, _) = play(&[Input::Open, Input::Close, Input::Open]);
    assert_eq!(subscription.state, S::Live);
    let (remote, journal) = play(&[create(), created(201), Input::Close, Input::Open]);
    assert_eq!((remote.state, journal.len()), (S::Live, 2), "a webhook at a service is not closed without it");
}

#[test]
fn a_person_ends_what_was_left_behind() {
    let left = [create(), created(201), Input::Delete, Input::DeletionEnded(None)];
    let learned = Input::Learn { address: "/hooks/2".into() };
    let (subscription, _) = play(&[&left[..], &[learned.clone(), Input::Delete]].concat());
    assert_eq!((subscription.state, subscription.address), (S::Deleting, Some("/hooks/2".into())));
    let (subscription, _) = play(&[&left[..], &[Input::Settle]].concat());
    assert_eq!((subscription.state, subscription.warning), (S::Gone, None));
    let (_, journal) = play(&[&left[..], &[Input::Settle, Input::Settle, learned, Input::Delete]].concat());
    assert_eq!(journal.len(), 5, "what is settled is over");
}

fn any_input() -> impl Strategy<Value = Input> {
    let status = || prop_oneof![Just(201_u16), Just(204), Just(404), Just(429), Just(500)];
    prop_oneof![
        Just(create()),
        status().prop_map(created),
        any::<bool>().prop_map(|maybe_sent| ended(no_reply(maybe_sent))),
        Just(found()),
        Just(not_found()),
        Just(Input::CannotSearch),
        Just(Input::Doubt),
        status().prop_map(|status| Input::SearchFailed(replied(status))),
        any::<bool>().prop_map(|sought| Input::Withdraw { sought }),
        Just(Input::Delete),
        Just(Input::DeletionEnded(None)),
        Just(Input::Open),
        Just(Input::Close),
        Just(Input::Settle),
        Just(Input::Learn { address: "/hooks/3".into() }),
        status().prop_map(|status| Input::DeletionEnded(Some(replied(status)))),
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

    /// A row keeps the facts without the exchanges, and puts them together now and then: it says the same at any time.
    #[test]
    fn a_row_folds_to_the_same_life(inputs in proptest::collection::vec(any_input(), 0..80)) {
        let mut journal = Journal::default();
        let mut subscription = Subscription::default();
        for (minute, input) in (0_i64..).zip(inputs) {
            let facts = journal.decide(Timestamp::from_millis(minute * 60_000), input);
            fold(&mut subscription, &facts).unwrap();
            journal.take(&facts).unwrap();
            let stored = serde_json::to_vec(&journal).unwrap();
            prop_assert!(stored.len() < 400 * FACTS_MAX, "{} bytes", stored.len());
            journal = serde_json::from_slice(&stored).unwrap();
            prop_assert_eq!(journal.life(), &subscription);
        }
    }

    /// A creation is sent only from a state in which the service certainly has no webhook of this generation, and a
    /// generation that may exist is not gone without the service's word or a warning.
    #[test]
    fn nothing_is_left_behind_in_silence(inputs in proptest::collection::vec(any_input(), 0..24)) {
        let mut subscription = Subscription::default();
        for (minute, input) in (0_i64..).zip(inputs) {
            for fact in decide(&subscription, Timestamp::from_millis(minute * 60_000), input) {
                if matches!(fact, Fact::CreationStarted(_)) {
                    prop_assert!(subscription.state == S::Absent || subscription.known_absent);
                }
                apply(&mut subscription, &fact).unwrap();
                if let (S::Gone, Fact::Abandoned(_)) = (subscription.state, &fact) {
                    prop_assert!(subscription.known_absent || subscription.warning.is_some());
                }
            }
        }
    }
}
