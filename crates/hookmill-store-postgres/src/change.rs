//! Conditions and changes as statements of their own, and what the ends of runs did to the figures of flows.
//!
//! Units that come here are performed within a savepoint, so a refusal takes back what they wrote. What is about
//! events, runs and timers goes through `batch` also here.

mod account;
mod approval;
mod connector;
mod expect;
mod flow;
mod inbox;
mod reseal;

use std::collections::BTreeMap;

use hookmill_model::{RunKind, RunStatus};
use hookmill_store::number::status_number;
use hookmill_store::{Change, Committed, Expect, Run, StoreError, Verdict, verdict};
use tokio_postgres::{Client, Error};

use crate::batch;
use crate::column::{Arg, Key, args, key};
use crate::error::{Failure, all, is_about_values, store_error};
use crate::schema::LOCKS;
use crate::step::{Packed, Step, is_set_expect};

type Done = Result<(), Failure>;

/// The lock of whoever changes what others look at before they write: flows, connectors, connections, accounts.
const LOCK_OF_THINGS: i32 = 2;

/// A run that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedRun {
    run: Key,
    owner: Key,
    flow: Key,
    kind: RunKind,
    status: RunStatus,
}

impl EndedRun {
    /// A run that has ended.
    pub(crate) fn of(run: &Run) -> Self {
        let (id, owner, flow) = (key(run.id), key(run.owner), key(run.flow));
        Self { run: id, owner, flow, kind: run.kind, status: run.status }
    }
}

/// The failures in a row of one flow.
#[derive(Debug, Default)]
struct InARow {
    /// A run succeeded: what was counted before the transaction does not matter.
    worked: bool,
    /// How many runs failed since.
    failures: i64,
    /// The last of them, and its owner.
    last: Option<(Key, Key)>,
}

/// Adds the runs that ended in one transaction to the figures of their flows.
pub(crate) async fn count_ended(client: &Client, ended: &[EndedRun]) -> Result<(), Error> {
    let mut counts: BTreeMap<(Key, i64), i64> = BTreeMap::new();
    let mut rows: BTreeMap<Key, InARow> = BTreeMap::new();
    for one in ended {
        *counts.entry((one.flow, status_number(one.status))).or_insert(0) += 1;
        metrics::counter!("hookmill_runs_ended_total", "status" => one.status.as_str()).increment(1);
        match verdict(one.kind, one.status) {
            Some(Verdict::Works) => drop(rows.insert(one.flow, InARow { worked: true, ..InARow::default() })),
            Some(Verdict::Fails) => {
                let row = rows.entry(one.flow).or_default();
                row.failures += 1;
                row.last = Some((one.run, one.owner));
            }
            None => {}
        }
    }
    if counts.is_empty() {
        return Ok(());
    }
    let flows: Vec<Key> = counts.keys().map(|(flow, _)| *flow).collect();
    let statuses: Vec<i64> = counts.keys().map(|(_, status)| *status).collect();
    let runs: Vec<i64> = counts.values().copied().collect();
    let worked: Vec<Key> = rows.iter().filter(|(_, row)| row.worked).map(|(flow, _)| *flow).collect();
    let failed: Vec<_> = rows.iter().filter_map(|(flow, row)| Some((*flow, row.failures, row.last?))).collect();
    let failing: Vec<Key> = failed.iter().map(|(flow, ..)| *flow).collect();
    let failures: Vec<i64> = failed.iter().map(|(_, failures, _)| *failures).collect();
    let (last, owners): (Vec<Key>, Vec<Key>) = failed.iter().map(|(.., last)| *last).unzip();
    let count = "INSERT INTO run_count AS c (flow, status, runs) SELECT * FROM unnest($1, $2, $3)
                 ON CONFLICT (flow, status) DO UPDATE SET runs = c.runs + excluded.runs";
    let fail = "INSERT INTO failing AS f (flow, owner, failures, run) SELECT * FROM unnest($1, $2, $3, $4)
                ON CONFLICT (flow) DO UPDATE SET failures = f.failures + excluded.failures, run = excluded.run";
    let (count_values, worked_values): (&[Arg<'_>], &[Arg<'_>]) = (args![flows, statuses, runs], args![worked]);
    let fail_values: &[Arg<'_>] = args![failing, owners, failures, last];
    all(tokio::join!(
        biased;
        run_if(client, true, count, count_values),
        run_if(client, !worked.is_empty(), "DELETE FROM failing WHERE flow = ANY ($1)", worked_values),
        run_if(client, !failing.is_empty(), fail, fail_values),
    )
    .into())?;
    Ok(())
}

async fn run_if(client: &Client, wanted: bool, sql: &str, values: &[Arg<'_>]) -> Result<(), Error> {
    if wanted {
        client.execute_typed(sql, values).await?;
    }
    Ok(())
}

/// Runs one statement; says how many rows it changed.
async fn run(client: &Client, sql: &str, values: &[Arg<'_>]) -> Result<u64, Failure> {
    Ok(client.execute_typed(sql, values).await?)
}

/// Whether a statement gives a row.
async fn exists(client: &Client, sql: &str, values: &[Arg<'_>]) -> Result<bool, Failure> {
    Ok(client.query_typed_opt(sql, values).await?.is_some())
}

/// Waits until no other transaction changes what this one looks at.
pub(crate) async fn alone(client: &Client) -> Result<(), Error> {
    client.query_typed("SELECT pg_advisory_xact_lock($1, $2)", args![LOCKS, LOCK_OF_THINGS]).await.map(drop)
}

/// Performs one unit of any changes, as a whole or not at all, and adds the runs that it ended.
pub(crate) async fn perform(
    client: &Client,
    unit: &Packed,
    ended: &mut Vec<EndedRun>,
) -> Result<Result<Committed, StoreError>, Error> {
    client.batch_execute("SAVEPOINT unit").await?;
    let mut ended_here = Vec::new();
    let refusal = match attempt(client, unit, &mut ended_here).await {
        Ok(committed) => {
            client.batch_execute("RELEASE unit").await?;
            ended.append(&mut ended_here);
            return Ok(Ok(committed));
        }
        Err(Failure::Unit(refusal)) => refusal,
        Err(Failure::Database(problem)) if is_about_values(&problem) => store_error(&problem, "the database"),
        Err(Failure::Database(problem)) => return Err(problem),
    };
    client.batch_execute("ROLLBACK TO unit; RELEASE unit").await?;
    Ok(Err(refusal))
}

async fn attempt(client: &Client, unit: &Packed, ended: &mut Vec<EndedRun>) -> Result<Committed, Failure> {
    let mut committed = Committed::default();
    let (of_sets, others): (Vec<_>, Vec<_>) = unit.expects.iter().cloned().partition(is_set_expect);
    for expect in &others {
        expect::check(client, expect).await?;
    }
    of_set(client, of_sets, &[], ended).await?;
    let mut rest = &unit.steps[..];
    while let Some(first) = rest.first() {
        let together = rest.iter().take_while(|step| step.is_set()).count();
        if together > 0 {
            let (set, behind) = rest.split_at(together);
            let stored = of_set(client, Vec::new(), set, ended).await?;
            committed.accepted = stored.accepted.or(committed.accepted);
            rest = behind;
        } else {
            step(client, first).await?;
            rest = &rest[1..];
        }
    }
    Ok(committed)
}

/// Performs the part of a unit that is about events, runs and timers.
async fn of_set(
    client: &Client,
    expects: Vec<Expect>,
    steps: &[Step],
    ended: &mut Vec<EndedRun>,
) -> Result<Committed, Failure> {
    if expects.is_empty() && steps.is_empty() {
        return Ok(Committed::default());
    }
    let part = batch::Part { expects: &expects, steps, fence: None };
    let mut results = batch::perform(client, &[part], ended).await?;
    match results.pop() {
        Some(result) => Ok(result?),
        None => Err(StoreError::Unavailable { detail: "a unit got no answer".to_owned(), unknown: false }.into()),
    }
}

async fn step(client: &Client, step: &Step) -> Done {
    match step {
        Step::PutFlowVersion { version, definition } => flow::put_version(client, version, definition).await,
        Step::PutConnectorDocument { connector, document, properties } => {
            connector::put_document(client, connector, document, properties.as_deref()).await
        }
        Step::KeepConnectorVersion { connector, version, settings, document, properties } => {
            let document = (&settings[..], &document[..], properties.as_deref());
            connector::keep_version(client, connector, version, document).await
        }
        Step::Reseal(packed) => reseal::apply(client, packed).await,
        Step::Plain(change) => plain(client, change).await,
        // These are performed as sets.
        Step::AddEvent(_) | Step::StartRun(..) | Step::AppendFacts { .. } => Ok(()),
    }
}

async fn plain(c: &Client, change: &Change) -> Done {
    match change {
        // These come as steps of their own, or are performed as sets; see `Step`.
        Change::AddEvent(..)
        | Change::StartRun(..)
        | Change::AppendFacts { .. }
        | Change::PutFlowVersion(_)
        | Change::Reseal(_)
        | Change::KeepConnectorVersion(..)
        | Change::PutConnectorDocument(..)
        | Change::ConsumeEvent(_)
        | Change::UpdateRun { .. }
        | Change::SetTimer(_)
        | Change::ClearTimer(_)
        | Change::PutTriggerState(..)
        | Change::DeleteTriggerState(_) => return Ok(()),
        Change::PutFlow(one) => return flow::put(c, one).await,
        Change::DeleteFlow(id, at) => return flow::delete(c, *id, *at).await,
        Change::PutSubscription(one) => return flow::put_subscription(c, one).await,
        Change::PutConnector(one) => return connector::put(c, one).await,
        Change::PutIcon(id, icon) => return connector::put_icon(c, *id, icon.as_ref()).await,
        Change::DropConnectorVersions(id) => return connector::drop_versions(c, *id).await,
        Change::DeleteConnector(id) => return connector::delete(c, *id).await,
        Change::PutConnection(one) => return connector::put_connection(c, one).await,
        Change::DeleteConnection(id) => run(c, "DELETE FROM connection WHERE id = $1", args![key(*id)]).await?,
        Change::PutApproval(one, people) => return approval::put(c, one, people).await,
        Change::PutNotification(one) => return inbox::put(c, one).await,
        Change::ReadNotification(id, at) => {
            let sql = "UPDATE notification SET read = $2 WHERE id = $1 AND read IS NULL";
            run(c, sql, args![key(*id), at.as_micros()]).await?
        }
        Change::ReadAllNotifications(owner, at) => {
            let sql = "UPDATE notification SET read = $2 WHERE owner = $1 AND read IS NULL";
            run(c, sql, args![key(*owner), at.as_micros()]).await?
        }
        Change::DeleteNotification(id) => {
            run(c, "DELETE FROM delivery WHERE notification = $1", args![key(*id)]).await?;
            run(c, "DELETE FROM notification WHERE id = $1", args![key(*id)]).await?
        }
        Change::PutDevice(one) => return inbox::put_device(c, one).await,
        Change::UseDevice(id, at) => {
            run(c, "UPDATE device SET delivered = $2 WHERE id = $1", args![key(*id), at.as_micros()]).await?
        }
        Change::DeleteDevice(id) => return inbox::delete_device(c, key(*id)).await,
        Change::PutDelivery(one) => return inbox::put_delivery(c, one).await,
        Change::DeleteDelivery(notification, device) => {
            let sql = "DELETE FROM delivery WHERE notification = $1 AND device = $2";
            run(c, sql, args![key(*notification), key(*device)]).await?
        }
        Change::PutUser(one) => return account::put_user(c, one).await,
        Change::DeleteUser(id) => return account::delete_user(c, *id).await,
        Change::PutSession(one) => return account::put_session(c, one).await,
        Change::ExtendSession(id, until) => {
            run(c, "UPDATE session SET expires = $2 WHERE id = $1", args![key(*id), until.as_micros()]).await?
        }
        Change::DeleteSession(id) => run(c, "DELETE FROM session WHERE id = $1", args![key(*id)]).await?,
        Change::DeleteOtherSessions(user, kept) => {
            let sql = "DELETE FROM session WHERE \"user\" = $1 AND id IS DISTINCT FROM $2";
            run(c, sql, args![key(*user), kept.map(key)]).await?
        }
        Change::PutToken(one) => return account::put_token(c, one).await,
        Change::UseToken(id, at) => {
            run(c, "UPDATE token SET used = $2 WHERE id = $1", args![key(*id), at.as_micros()]).await?
        }
        Change::DeleteToken(id) => run(c, "DELETE FROM token WHERE id = $1", args![key(*id)]).await?,
        Change::PutSetting(name, value) => {
            let sql = "INSERT INTO setting (name, value) VALUES ($1, $2)
                       ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            run(c, sql, args![crate::column::text(name), &value[..]]).await?
        }
        Change::DeleteSetting(name) => {
            run(c, "DELETE FROM setting WHERE name = $1", args![crate::column::text(name)]).await?
        }
    };
    Ok(())
}

/// Whether a unit looks at, or changes, what units of other servers look at: those are committed one after the other.
pub(crate) fn must_be_alone(unit: &Packed) -> bool {
    let changes = |step: &Step| {
        matches!(
            step,
            Step::PutFlowVersion { .. }
                | Step::PutConnectorDocument { .. }
                | Step::KeepConnectorVersion { .. }
                | Step::Plain(
                    Change::PutFlow(_)
                        | Change::DeleteFlow(..)
                        | Change::PutSubscription(_)
                        | Change::PutConnector(_)
                        | Change::PutIcon(..)
                        | Change::DropConnectorVersions(_)
                        | Change::DeleteConnector(_)
                        | Change::PutConnection(_)
                        | Change::DeleteConnection(_)
                        | Change::PutDevice(_)
                        | Change::PutUser(_)
                        | Change::DeleteUser(_)
                )
        )
    };
    unit.expects.iter().any(|expect| !is_set_expect(expect)) || unit.steps.iter().any(changes)
}
