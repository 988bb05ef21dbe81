//! Records of rows: those of earlier releases, and those whose facts cannot have happened.
#![allow(clippy::unwrap_used)] // Tests may stop at once.

use hookmill_engine::subscription::FACTS_MAX;
use hookmill_model::{FlowId, Id as _, SubscriptionId, UserId};

use super::*;

const AT: Timestamp = Timestamp::from_millis(1_760_000_000_000);

/// What earlier releases stored of a webhook that exists.
const LIVE: &str = r#"{"fingerprint":"hmac:00ff","sealed":"c2VhbGVk","connection":"github","connection_id":null,
    "operation":"CreateHook","parameters":{"sealed":"eA=="},"described_in":null,"reply":null,
    "address":{"method":"DELETE","url":"https://api.example.org/hooks/7","rule":"location"},
    "warning":"the service named no address","refusal":null,"tries":0,"retry_at":null,"run":null,"creations":1,
    "sent_at":"AT","known_absent":false,"searches":0,"is_sought":false}"#;
/// … of one whose creation had no clear answer.
const CREATING: &str = r#"{"fingerprint":"hmac:00ff","sealed":"c2VhbGVk","connection":"github","connection_id":null,
    "operation":"CreateHook","parameters":null,"address":null,"warning":"The service answered 502 to POST /hooks.",
    "refusal":null,"tries":0,"retry_at":"AT","run":null,"creations":3,"sent_at":"AT",
    "known_absent":false,"searches":2,"is_sought":false}"#;
/// … of one whose deletion failed twice, by a release that did not look for webhooks.
const DELETING: &str = r#"{"fingerprint":"plain","sealed":"c2VhbGVk","connection":"github","connection_id":null,
    "operation":"CreateHook","parameters":null,"address":{"method":"DELETE","url":"https://api.example.org/hooks/7"},
    "warning":null,"refusal":null,"tries":2,"retry_at":"AT","run":null}"#;
/// … of one that was refused.
const FAILED: &str = r#"{"fingerprint":"hmac:00ff","sealed":"c2VhbGVk","connection":"github","connection_id":null,
    "operation":"CreateHook","parameters":null,"address":null,"warning":null,
    "refusal":{"code":"webhook_refused","message":"The service answered 404."},"tries":0,"retry_at":null,"run":null}"#;
/// … of an address of a flow's own.
const LOCAL: &str = r#"{"fingerprint":"","sealed":"c2VhbGVk","connection":null,"connection_id":null,"operation":null,
    "parameters":null,"address":null,"warning":null,"refusal":null,"tries":0,"retry_at":null,"run":null}"#;

/// The row with a record in which `"AT"` stands for [`AT`].
fn row(state: SubscriptionState, record: &str) -> Subscription {
    let record = record.replace("\"AT\"", &serde_json::to_string(&AT).unwrap());
    Subscription {
        id: SubscriptionId::make(AT, [1; 10]),
        flow: FlowId::make(AT, [2; 10]),
        owner: UserId::make(AT, [3; 10]),
        generation: 1,
        state,
        etag: 1,
        capability: [0; 32],
        record: record.into(),
        created_at: AT,
        updated_at: AT,
    }
}

#[test]
fn records_of_earlier_releases_go_on_where_they_stood() {
    use SubscriptionState as S;
    for (state, stored) in
        [(S::Live, LIVE), (S::Creating, CREATING), (S::Deleting, DELETING), (S::Failed, FAILED), (S::Gone, LOCAL)]
    {
        let record = Record::of(&row(state, stored)).unwrap();
        let earlier: serde_json::Value = serde_json::from_slice(&row(state, stored).record).unwrap();
        let life = serde_json::to_value(record.life()).unwrap();
        for (name, value) in life.as_object().unwrap() {
            match earlier.get(name) {
                Some(before) => assert_eq!(value, before, "{name} of {state}"),
                None if name == "state" => assert_eq!(value, state.as_str()),
                None if name == "upkeep" => {
                    assert_eq!(*value, serde_json::to_value(machine::Upkeep::default()).unwrap());
                }
                None => {
                    assert!(matches!(value, serde_json::Value::Bool(false) | serde_json::Value::Null) || value == 0)
                }
            }
        }
        // Written anew, it says the same, by its facts alone.
        let written = serde_json::to_string(&record).unwrap();
        let again = Record::of(&row(state, &written)).unwrap();
        assert_eq!((again.life(), &again.fingerprint, &again.run), (record.life(), &record.fingerprint, &record.run));
    }
    let mut record = Record::of(&row(S::Live, LIVE)).unwrap();
    assert_eq!(record.decide(AT, machine::Input::Delete).unwrap().len(), 1);
    assert_eq!((record.life().state, record.life().tries), (S::Deleting, 1));
}

#[test]
fn a_record_whose_facts_cannot_have_happened_is_damaged() {
    let with = |journal: &str| LOCAL.replace("\"run\":null", &format!("\"run\":null,\"journal\":[{journal}]"));
    let read = |state, record: &str| Record::of(&row(state, record)).map(drop).map_err(|damaged| damaged.to_string());
    let opened = r#"{"fact":"address_opened","at":"AT"}"#;
    assert_eq!(read(SubscriptionState::Live, &with(opened)), Ok(()));
    let twice = read(SubscriptionState::Live, &with(&format!("{opened},{opened}"))).unwrap_err();
    assert!(twice.contains("address_opened does not follow on live"), "{twice}");
    let other = read(SubscriptionState::Gone, &with(opened)).unwrap_err();
    assert!(other.contains("its facts say that it is live, its row says gone"), "{other}");
    let later = read(SubscriptionState::Live, &with(r#"{"fact":"of_a_later_release","at":"AT"}"#)).unwrap_err();
    assert!(later.contains("of_a_later_release"), "{later}");
}

#[test]
fn an_address_that_is_opened_and_closed_often_keeps_its_record_small() {
    let mut record = Record::default();
    let mut longest = 0;
    for _ in 0..5 * FACTS_MAX {
        assert_eq!(record.decide(AT, machine::Input::Open).unwrap().len(), 1);
        assert_eq!(record.decide(AT, machine::Input::Close).unwrap().len(), 1);
        longest = longest.max(serde_json::to_vec(&record).unwrap().len());
    }
    assert_eq!(record.life().state, SubscriptionState::Gone);
    assert!(longest < 8_192, "{longest}");
}
