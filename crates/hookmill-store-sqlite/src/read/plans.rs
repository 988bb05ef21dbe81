//! How SQLite carries out the statements of all reads: none walks or sorts a table that grows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hookmill_model::{Id, RunId, RunKind, RunStatus, SubscriptionState, Timestamp, UserId};
use hookmill_store::{
    Accounts, ApprovalFilter, Approvals, ConnectionFilter, ConnectorFilter, Connectors, Events, FlowFilter, Flows,
    Health, Inbox, List, NotificationFilter, RunFilter, Runs, Store, Subscriptions, TimerKey, TimerKind,
};
use rusqlite::{Connection, Result};

use crate::{SqliteOptions, SqliteStore};

/// Statement → the steps of its plan, of every statement that a test of this program ran.
static NOTED: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Remembers how a statement is carried out.
pub(super) fn note(c: &Connection, sql: &str) -> Result<()> {
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    if !noted.contains_key(sql) {
        let mut plan = c.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let steps = plan.raw_query().mapped(|row| row.get(3)).collect::<Result<_>>()?;
        noted.insert(sql.to_owned(), steps);
    }
    Ok(())
}

/// Tables with a row for each person, setting, waiting event or flow and status: walking them is what is wanted.
const MAY_BE_WALKED: &[&str] = &["user", "setting", "pending", "run_count", "connector", "connection"];

fn is_bad(sql: &str, step: &str) -> bool {
    let walked = step.strip_prefix("SCAN ").map(|rest| rest.split(' ').next().unwrap_or(rest));
    // The first row of an index is no walk, and the flows are counted along their index.
    let is_meant = sql.ends_with("ORDER BY due LIMIT 1")
        || sql.ends_with("ORDER BY next_attempt LIMIT 1")
        || sql.starts_with("SELECT count(*) FROM flow INDEXED BY flow_list");
    step.contains("TEMP B-TREE")
        || (!is_meant && walked.is_some_and(|table| !table.starts_with('(') && !MAY_BE_WALKED.contains(&table)))
}

#[tokio::test]
async fn no_list_walks_or_sorts_a_table() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path(), SqliteOptions::default())?;
    let owner = UserId::from_bits(1);
    let all = RunFilter::of(owner);
    let statuses = RunStatus::ALL.iter().map(|status| vec![*status]).chain([
        Vec::new(),
        vec![RunStatus::Failed, RunStatus::Waiting, RunStatus::TimedOut],
        RunStatus::ALL.to_vec(),
    ]);
    for statuses in statuses {
        for kind in [None, Some(RunKind::Flow), Some(RunKind::CreateWebhook), Some(RunKind::DeleteWebhook)] {
            for flow in [None, Some(Id::from_bits(2))] {
                let moment = Some(Timestamp::from_micros(7));
                let filter = RunFilter { statuses: statuses.clone(), kind, flow, ..all.clone() };
                store.runs(&filter, List::first(1)).await?;
                let filter = RunFilter { from: moment, to: moment, q: Some("text".to_owned()), ..filter };
                store.runs(&filter, List::after(1, RunId::from_bits(3))).await?;
            }
        }
    }
    for state in [None, Some(hookmill_model::FlowState::On)] {
        for q in [None, Some("text".to_owned())] {
            store.flows(&FlowFilter { state, q, ..FlowFilter::of(owner) }, List::first(1)).await?;
        }
    }
    let flow = Id::from_bits(2);
    store.flow_stats(&[flow]).await?;
    store.flow_versions(flow).await?;
    store.flow_versions_from(None, 1).await?;
    store.failing_flows(owner, 3, List::first(1)).await?;
    store.events(flow, List::first(1)).await?;
    store.pending_events(flow, None, 1).await?;
    store.open_runs(None, 1).await?;
    store.recent_runs(Timestamp::from_micros(1), 1).await?;
    store.active_runs(None, 1).await?;
    store.run_facts(RunId::from_bits(1), 0).await?;
    store.run_facts_page(RunId::from_bits(1), 0, 1).await?;
    store.due_runs(Timestamp::from_micros(1), None, 1).await?;
    store.due_flows(Timestamp::from_micros(1), 1).await?;
    store.next_timer(TimerKind::Run).await?;
    store.timer(TimerKey::Flow(flow)).await?;
    store.subscriptions_of(flow).await?;
    store.subscriptions_newest(&[flow]).await?;
    store.subscriptions_unfinished().await?;
    for state in [SubscriptionState::Failed, SubscriptionState::Deleting] {
        store.subscriptions_stuck(owner, state, List::first(1)).await?;
    }
    store.connectors(&ConnectorFilter { owner: Some(owner), q: None }, List::first(1)).await?;
    for connector in [None, Some(Id::from_bits(1))] {
        for health in [None, Some(Health::Broken)] {
            let filter = ConnectionFilter { owner: Some(owner), connector, health, q: None };
            store.connections(&filter, List::first(1)).await?;
        }
    }
    store.connector_uses(Id::from_bits(1)).await?;
    store.connection_uses(Id::from_bits(1)).await?;
    for unread in [false, true] {
        let filter = NotificationFilter { unread, ..NotificationFilter::of(owner) };
        store.notifications(&filter, List::first(1)).await?;
    }
    for on in [false, true] {
        store.approvals(ApprovalFilter::Received { user: owner, is_awaited: on }, List::first(1)).await?;
        store.approvals(ApprovalFilter::Sent { owner, is_open: on }, List::first(1)).await?;
    }
    store.approvals_awaited(owner).await?;
    store.approvals_decided(1).await?;
    store.unread_count(owner).await?;
    store.devices(owner).await?;
    store.due_deliveries(Timestamp::from_micros(1), 1).await?;
    store.next_delivery().await?;
    store.sessions(owner).await?;
    store.tokens(owner).await?;
    store.figures().await?;

    let noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(noted.len() > 40, "{} statements", noted.len());
    let names = noted.iter().find(|(sql, _)| sql.contains("INDEXED BY flow_list")).map(|(_, steps)| &steps[0]);
    assert!(names.is_some_and(|step| step.contains("COVERING INDEX flow_list")), "{names:?}");
    let bad: Vec<_> = noted.iter().filter(|(sql, steps)| steps.iter().any(|step| is_bad(sql, step))).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    Ok(())
}
