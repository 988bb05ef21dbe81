//! The things the story is about: identifiers and records with plain values.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use hookmill_model::{FlowId, FlowState, Id, RunId, RunKind, RunStatus, SubscriptionState, Timestamp, UserId};

use crate::{Connection, Connector, Event, Flow, FlowVersion, Health, Notification, Run, Subscription, User};

/// When the story begins.
pub const BEGIN: Timestamp = Timestamp::from_millis(1_750_000_000_000);

/// A moment of the story.
#[must_use]
pub const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(BEGIN.as_millis() + seconds * 1_000)
}

/// A new identifier, made at a moment of the story.
#[must_use]
pub fn id<I: Id>(seconds: i64) -> I {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut random = [0; 10];
    random[..4].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    I::make(at(seconds), random)
}

/// An event with a body of JSON.
#[must_use]
pub fn event(flow: FlowId, seconds: i64) -> Event {
    Event {
        id: id(seconds),
        flow,
        subscription: None,
        received_at: at(seconds),
        summary: format!("push at {seconds} s"),
        head: Bytes::from_static(b"{\"method\":\"POST\"}"),
        body: Bytes::from(format!("{{\"ref\":\"refs/heads/main\",\"at\":{seconds}}}")),
    }
}

/// A run that has just begun.
#[must_use]
pub fn run(owner: UserId, flow: FlowId, seconds: i64) -> Run {
    Run {
        id: id(seconds),
        owner,
        flow,
        version: 1,
        kind: RunKind::Flow,
        status: RunStatus::Running,
        epoch: 7,
        facts: 0,
        started_at: at(seconds),
        ended_at: None,
        trigger: "When_a_push_is_made".to_owned(),
        summary: format!("push number {seconds}"),
        event: None,
        subscription: None,
        resubmitted_from: None,
        parent: None,
        error: None,
    }
}

/// A run that ended a second after it began.
#[must_use]
pub fn ended(owner: UserId, flow: FlowId, seconds: i64, status: RunStatus) -> Run {
    Run { status, ended_at: Some(at(seconds + 1)), ..run(owner, flow, seconds) }
}

/// A flow that reacts.
#[must_use]
pub fn flow(owner: UserId, name: &str, seconds: i64) -> Flow {
    Flow {
        id: id(seconds),
        owner,
        name: name.to_owned(),
        description: None,
        state: FlowState::On,
        etag: 1,
        version: 1,
        trigger: Bytes::from_static(b"{\"type\":\"OpenApiConnectionWebhook\"}"),
        bindings: Vec::new(),
        created_at: at(seconds),
        updated_at: at(seconds),
        deleted_at: None,
    }
}

/// A version of a flow.
#[must_use]
pub fn version(flow: FlowId, version: u32) -> FlowVersion {
    let definition = format!("{{\"triggers\":{{}},\"actions\":{{\"version_{version}\":\"{}\"}}}}", "x".repeat(3_000));
    FlowVersion {
        flow,
        version,
        definition: definition.into(),
        parameters: Bytes::from_static(b"{}"),
        profile: "pa".to_owned(),
        envelope: Bytes::from_static(b"{}"),
        created_at: at(i64::from(version)),
    }
}

/// A generation of a webhook.
#[must_use]
pub fn subscription(owner: UserId, flow: FlowId, generation: u32) -> Subscription {
    let id: hookmill_model::SubscriptionId = id(i64::from(generation));
    let mut capability = [0; 32];
    capability[..16].copy_from_slice(&id.to_bits().to_be_bytes());
    Subscription {
        id,
        flow,
        owner,
        generation,
        state: SubscriptionState::Absent,
        etag: 1,
        capability,
        record: Bytes::from_static(b"{}"),
        created_at: at(i64::from(generation)),
        updated_at: at(i64::from(generation)),
    }
}

/// A connector.
#[must_use]
pub fn connector(owner: UserId, name: &str) -> Connector {
    Connector {
        id: id(0),
        owner,
        name: name.to_owned(),
        description: "Webhooks of a service".to_owned(),
        etag: 1,
        settings: Bytes::from_static(b"{\"color\":\"#333\"}"),
        summary: Bytes::from_static(b"{\"operations\":3}"),
        sealed: None,
        icon_type: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

/// A connection.
#[must_use]
pub fn connection(owner: UserId, connector: hookmill_model::ConnectorId, name: &str) -> Connection {
    Connection {
        id: id(0),
        owner,
        connector,
        name: name.to_owned(),
        username: Some("octo".to_owned()),
        sealed: Bytes::from_static(&[1, 2, 3, 0, 255]),
        health: Health::Unknown,
        health_detail: None,
        etag: 1,
        created_at: at(0),
        updated_at: at(0),
    }
}

/// A notification nobody has read.
#[must_use]
pub fn notification(owner: UserId, seconds: i64) -> Notification {
    Notification {
        id: id(seconds),
        owner,
        title: "My flow".to_owned(),
        text: format!("octo pushed {seconds}"),
        link: None,
        run: Some(id::<RunId>(seconds)),
        flow: None,
        created_at: at(seconds),
        read_at: None,
    }
}

/// A user.
#[must_use]
pub fn user(email: &str) -> User {
    User {
        id: id(0),
        name: "Ada".to_owned(),
        email: email.to_owned(),
        password_hash: "$argon2id$…".to_owned(),
        role: crate::Role::Owner,
        created_at: at(0),
        updated_at: at(0),
    }
}
