//! How PostgreSQL carries out the statements of all reads: none walks or sorts a table that grows.
//!
//! The tables are empty here, so the planner is told not to walk a table where an index will do: what it walks or sorts
//! all the same has no index that fits.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hookmill_model::{Id, RunId, RunKind, RunStatus, SubscriptionState, Timestamp, UserId};
use hookmill_store::{
    Accounts, ApprovalFilter, Approvals, ConnectionFilter, ConnectorFilter, Connectors, Events, FlowFilter, Flows,
    Health, Inbox, List, NotificationFilter, RunFilter, Runs, Store, StoreError, Subscriptions, TimerKey, TimerKind,
};
use tokio_postgres::Client;

use crate::cluster::{Cluster, ClusterOptions};
use crate::column::{Arg, get};
use crate::{PostgresOptions, PostgresStore};

/// Statement → the lines of its plan, of every read that a test of this program made.
static NOTED: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Remembers how a statement is carried out.
pub(crate) async fn note(client: &Client, sql: &str, values: &[Arg<'_>]) -> Result<(), StoreError> {
    let told = |error: tokio_postgres::Error| crate::error::store_error(&error, "here");
    client.batch_execute("SET enable_seqscan = off; SET enable_bitmapscan = off").await.map_err(told)?;
    let plan = client.query_typed(&format!("EXPLAIN (COSTS OFF) {sql}"), values).await.map_err(told)?;
    let lines = plan.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    NOTED.lock().unwrap_or_else(PoisonError::into_inner).insert(sql.to_owned(), lines);
    Ok(())
}

/// Tables with a row for each person, setting, waiting event or flow and status: walking them is what is wanted.
const MAY_BE_WALKED: &[&str] = &["user", "setting", "pending", "run_count", "connector", "connection", "flow"];

fn is_bad(line: &str) -> bool {
    let walked = line.split("Seq Scan on ").nth(1).map(|rest| rest.split(' ').next().unwrap_or(rest));
    walked.is_some_and(|table| !MAY_BE_WALKED.contains(&table.trim_matches('"')))
}

/// Whether a plan sorts more than a bounded number of rows.
fn sorts(sql: &str, plan: &[String]) -> bool {
    // Some rows by their identifiers, or the bindings and uses of a few things: as many as were asked for.
    let is_bounded = sql.contains("= ANY ($1)") || sql.contains("WITH waiting AS") || sql.contains("WITH ORDINALITY");
    let is_few = sql.contains("FROM binding") || sql.contains("FROM pending GROUP BY");
    !is_bounded && !is_few && plan.iter().any(|line| line.trim_start_matches([' ', '-', '>']).starts_with("Sort"))
}

#[tokio::test]
async fn no_list_walks_or_sorts_a_table() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let Some(cluster) = Cluster::start(folder.path(), &ClusterOptions::default())? else { return Ok(()) };
    let store = PostgresStore::open(PostgresOptions::at(cluster.address(&cluster.database()?))).await?;
    let owner = UserId::from_bits(1);
    let all = RunFilter::of(owner);
    let statuses = [
        Vec::new(),
        vec![RunStatus::Succeeded],
        vec![RunStatus::Failed],
        vec![RunStatus::Waiting],
        vec![RunStatus::Failed, RunStatus::Waiting, RunStatus::TimedOut],
    ];
    for statuses in statuses {
        for kind in [None, Some(RunKind::Flow), Some(RunKind::CreateWebhook)] {
            for flow in [None, Some(Id::from_bits(2))] {
                let filter = RunFilter { statuses: statuses.clone(), kind, flow, ..all.clone() };
                store.runs(&filter, List::first(1)).await?;
            }
        }
    }
    for owner in [Some(owner), None] {
        store.flows(&FlowFilter { owner, state: None, q: Some("text".to_owned()) }, List::first(1)).await?;
    }
    let flow = Id::from_bits(2);
    store.flow_stats(&[flow]).await?;
    store.flow_version(flow, 1).await?;
    store.flow_versions(flow).await?;
    store.flow_versions_from(None, 1).await?;
    store.failing_flows(owner, 3, List::first(1)).await?;
    store.events(flow, List::first(1)).await?;
    store.event(Id::from_bits(1)).await?;
    store.pending_events(flow, None, 1).await?;
    store.pending_counts().await?;
    store.open_runs(None, 1).await?;
    store.recent_runs(Timestamp::from_micros(1), 1).await?;
    store.active_runs(None, 1).await?;
    store.run_facts(RunId::from_bits(1), 0).await?;
    store.run_facts_page(RunId::from_bits(1), 0, 1).await?;
    store.due_runs(Timestamp::from_micros(1), None, 1).await?;
    store.due_flows(Timestamp::from_micros(1), 1).await?;
    store.next_timer(TimerKind::Run).await?;
    store.timer(TimerKey::Flow(flow)).await?;
    store.subscription_by_capability(&[0; 32]).await?;
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
    store.session_by_hash(&[0; 32]).await?;
    store.token_by_hash(&[0; 32]).await?;
    store.sessions(owner).await?;
    store.tokens(owner).await?;
    store.figures().await?;

    let noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(noted.len() > 40, "{} statements", noted.len());
    let bad: Vec<_> =
        noted.iter().filter(|(sql, plan)| sorts(sql, plan) || plan.iter().any(|line| is_bad(line))).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    Ok(())
}
