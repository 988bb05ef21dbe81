//! A data folder with as much history as one likes: flows, runs, notifications, written through the store itself.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use hookmill_engine::{Fact, fact};
use hookmill_model::{FlowId, FlowState, Id, NotificationId, RunId, RunKind, RunStatus, Timestamp, UserId, Value};
use hookmill_store::story::world;
use hookmill_store::{Change, Flow, FlowVersion, Lane, Notification, Run, RunError, Store, Unit};
use hookmill_store_sqlite::{SqliteOptions, SqliteStore};

/// Changes in one unit.
const UNIT: usize = 2_000;
/// The newest run began so long before the present.
const RECENT_MS: i64 = 60_000;
/// Runs begin so far from each other.
const APART_MS: i64 = 1_000;

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Amounts {
    pub flows: u64,
    pub runs: u64,
    pub notifications: u64,
}

/// An identifier that was made at a moment; `number` tells those of one moment apart.
fn made<I: Id>(at_ms: i64, number: u64) -> I {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    I::make(Timestamp::from_millis(at_ms), random)
}

/// Writes into the folder of a server that does not run.
pub async fn fill(folder: &Path, owner: UserId, now: Timestamp, amounts: Amounts) -> Result<()> {
    let store = SqliteStore::open(folder, SqliteOptions::default())?;
    let begun = Instant::now();
    let now_ms = now.as_micros() / 1_000;
    let flow_ids = flows(&store, owner, now_ms, amounts.flows).await?;
    println!("{} flows after {:.0} s", amounts.flows, begun.elapsed().as_secs_f64());
    runs(&store, owner, now_ms, amounts.runs, &flow_ids).await?;
    println!("{} runs after {:.0} s", amounts.runs, begun.elapsed().as_secs_f64());
    let mut unit = Unit::new();
    for number in 0..amounts.notifications {
        let at = now_ms - RECENT_MS - i64::try_from(amounts.notifications - number)? * 1_000;
        let one = Notification {
            id: made::<NotificationId>(at, number),
            run: None,
            read_at: number.is_multiple_of(2).then(|| Timestamp::from_millis(at)),
            ..world::notification(owner, 0)
        };
        push(&store, &mut unit, Change::PutNotification(one)).await?;
    }
    store.commit(unit, Lane::Work).await?;
    println!("{} notifications after {:.0} s", amounts.notifications, begun.elapsed().as_secs_f64());
    store.close().await;
    Ok(())
}

async fn push(store: &SqliteStore, unit: &mut Unit, change: Change) -> Result<()> {
    unit.push(change);
    if unit.changes.len() >= UNIT {
        store.commit(std::mem::take(unit), Lane::Work).await?;
    }
    Ok(())
}

async fn flows(store: &SqliteStore, owner: UserId, now_ms: i64, count: u64) -> Result<Vec<FlowId>> {
    let definition = crate::job::Job::Recorded.definition("").to_string();
    let mut unit = Unit::new();
    let mut ids = Vec::new();
    for number in 0..count {
        let id: FlowId = made(now_ms - 400 * 86_400_000 + i64::try_from(number)?, number);
        ids.push(id);
        let state = if number.is_multiple_of(1_000) { FlowState::Draft } else { FlowState::Off };
        let flow = Flow {
            id,
            name: format!("Flow {number} of team {}", number % 97),
            description: Some(format!("Tells team {} what happened in repository {number}", number % 97)),
            state,
            trigger: r#"{"name":"manual","type":"Request","summary":"When a request comes","kind":"request"}"#.into(),
            ..world::flow(owner, "", 0)
        };
        push(store, &mut unit, Change::PutFlow(flow)).await?;
        let version =
            FlowVersion { definition: definition.clone().into(), profile: "la".to_owned(), ..world::version(id, 1) };
        push(store, &mut unit, Change::PutFlowVersion(version)).await?;
    }
    store.commit(unit, Lane::Work).await?;
    Ok(ids)
}

/// Half of the runs belong to the newest flow. One in twenty failed; few were stopped or are under way.
async fn runs(store: &SqliteStore, owner: UserId, now_ms: i64, count: u64, flows: &[FlowId]) -> Result<()> {
    let mut body = crate::job::notification();
    let mut unit = Unit::new();
    for number in 0..count {
        let at_ms = now_ms - RECENT_MS - i64::try_from(count - number)? * APART_MS;
        let place = if number.is_multiple_of(2) { flows.len() - 1 } else { usize::try_from(number)? % flows.len() };
        let status = match number % 1_000 {
            0 => RunStatus::TimedOut,
            1 => RunStatus::Cancelled,
            2..=51 => RunStatus::Failed,
            _ => RunStatus::Succeeded,
        };
        let at = Timestamp::from_millis(at_ms);
        let id: RunId = made(at_ms, number);
        body["head_commit"]["message"] = format!("Change number {number}").into();
        let outputs = Value::from_json(body.to_string().as_bytes())?;
        let first = Fact::RunStarted(fact::RunStarted {
            at,
            run: id,
            seed: number,
            trigger: Value::object([("name", Value::from("manual")), ("outputs", Value::object([("body", outputs)]))]),
            parameters: Value::Null,
            workflow: Value::Null,
            caller_waits: false,
            caller_until: None,
            deadline: at,
            revision: 1,
            taken_over: Vec::new(),
            held: false,
            secret: false,
            secure_trigger: false,
            body_in_event: false,
        });
        let failed = status == RunStatus::Failed;
        let run = Run {
            id,
            kind: if number % 50_000 == 49_999 { RunKind::CreateWebhook } else { RunKind::Flow },
            started_at: at,
            ended_at: Some(Timestamp::from_millis(at_ms + 40)),
            summary: format!("push · refs/heads/branch-{} · acme/rocket", number % 1_000),
            trigger: "manual".to_owned(),
            error: failed.then(|| RunError {
                code: "ActionFailed".to_owned(),
                message: format!("An action failed: the service answered {}.", 500 + number % 4),
                hint: None,
            }),
            ..world::ended(owner, flows[place], 0, status)
        };
        push(store, &mut unit, Change::StartRun(run, vec![first.encode()])).await?;
    }
    store.commit(unit, Lane::Work).await?;
    Ok(())
}
