//! Handing over what units made: one statement for each table, all under way at once.

use hookmill_store::number::{kind_number, status_number};
use tokio_postgres::{Client, Error};

use super::{Found, Made};
use crate::column::{Arg, Key, args, int, key, key_of, micros, small, text, text_of};
use crate::error::all;

/// Runs a statement, unless there is nothing to do for it.
async fn run(client: &Client, wanted: bool, sql: &str, values: &[Arg<'_>]) -> Result<(), Error> {
    if wanted {
        client.execute_typed(sql, values).await?;
    }
    Ok(())
}

pub(super) async fn write(client: &Client, found: &Found, made: Made<'_>) -> Result<(), Error> {
    let Made { runs, facts, events, pending, timers, deliveries, triggers, ended: _ } = made;
    let (changed, started): (Vec<_>, Vec<_>) = runs.into_iter().partition(|(id, _)| found.runs.contains_key(id));
    let mut queue = Queue::default();
    for (event, place) in pending {
        match (place, found.pending.get(&event)) {
            (Some((flow, seq)), None) => {
                queue.flows.push(flow);
                queue.seqs.push(seq);
            }
            (None, Some((flow, seq))) => {
                queue.flows_gone.push(*flow);
                queue.seqs_gone.push(*seq);
            }
            // Added and taken within this batch, or as it was.
            _ => {}
        }
    }
    let (set, cleared): (Vec<_>, Vec<_>) = timers.into_iter().partition(|(_, due)| due.is_some());
    let (kept, forgotten): (Vec<_>, Vec<_>) = triggers.into_iter().partition(|(_, state)| state.is_some());
    all(tokio::join!(
        biased;
        add_events(client, events.into_values().collect()),
        change_queue(client, &queue),
        add_deliveries(client, deliveries.into_iter().collect()),
        start_runs(client, &started),
        change_runs(client, &changed),
        add_facts(client, &facts),
        set_timers(client, &set),
        clear_timers(client, &cleared),
        keep_triggers(client, &kept),
        forget_triggers(client, &forgotten),
    )
    .into())?;
    Ok(())
}

async fn add_events(client: &Client, events: Vec<(i64, &crate::step::PackedEvent)>) -> Result<(), Error> {
    let column =
        |of: fn(&hookmill_store::Event) -> Key| events.iter().map(|(_, one)| of(&one.event)).collect::<Vec<_>>();
    let seqs: Vec<i64> = events.iter().map(|(seq, _)| *seq).collect();
    let ids = column(|event| key(event.id));
    let flows = column(|event| key(event.flow));
    let subscriptions: Vec<Option<Key>> = events.iter().map(|(_, one)| key_of(one.event.subscription)).collect();
    let received: Vec<i64> = events.iter().map(|(_, one)| one.event.received_at.as_micros()).collect();
    let summaries: Vec<String> = events.iter().map(|(_, one)| text(&one.event.summary)).collect();
    let payloads: Vec<&[u8]> = events.iter().map(|(_, one)| &one.payload[..]).collect();
    let sql = "INSERT INTO event (seq, id, flow, subscription, received, summary, payload)
               SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)";
    let values: &[Arg<'_>] = args![seqs, ids, flows, subscriptions, received, summaries, payloads];
    run(client, !events.is_empty(), sql, values).await
}

#[derive(Default)]
struct Queue {
    flows: Vec<Key>,
    seqs: Vec<i64>,
    flows_gone: Vec<Key>,
    seqs_gone: Vec<i64>,
}

async fn change_queue(client: &Client, queue: &Queue) -> Result<(), Error> {
    let add = "INSERT INTO pending (flow, seq) SELECT * FROM unnest($1, $2)";
    let take = "DELETE FROM pending p USING unnest($1, $2) AS n (flow, seq) WHERE p.flow = n.flow AND p.seq = n.seq";
    let (added, taken) = (!queue.flows.is_empty(), !queue.flows_gone.is_empty());
    let new: &[Arg<'_>] = args![queue.flows, queue.seqs];
    let gone: &[Arg<'_>] = args![queue.flows_gone, queue.seqs_gone];
    all(tokio::join!(biased; run(client, added, add, new), run(client, taken, take, gone)).into())?;
    Ok(())
}

async fn add_deliveries(client: &Client, deliveries: Vec<(super::Delivery, (i64, Key))>) -> Result<(), Error> {
    let buckets: Vec<i64> = deliveries.iter().map(|(_, (bucket, _))| *bucket).collect();
    let scopes: Vec<Key> = deliveries.iter().map(|((scope, _), _)| *scope).collect();
    let keys: Vec<&[u8]> = deliveries.iter().map(|((_, key), _)| &key[..]).collect();
    let events: Vec<Key> = deliveries.iter().map(|(_, (_, event))| *event).collect();
    let sql = "INSERT INTO dedupe (bucket, scope, key, event) SELECT * FROM unnest($1, $2, $3, $4)";
    run(client, !deliveries.is_empty(), sql, args![buckets, scopes, keys, events]).await
}

/// The columns of a run that change.
struct Summaries {
    ids: Vec<Key>,
    statuses: Vec<i64>,
    epochs: Vec<i64>,
    facts: Vec<i64>,
    started: Vec<i64>,
    ended: Vec<Option<i64>>,
    codes: Vec<Option<String>>,
    messages: Vec<Option<String>>,
    hints: Vec<Option<String>>,
}

impl Summaries {
    fn of(runs: &[(Key, hookmill_store::Run)]) -> Self {
        let error = |run: &hookmill_store::Run, of: fn(&hookmill_store::RunError) -> Option<&str>| {
            text_of(run.error.as_ref().and_then(of))
        };
        let mut all = Self {
            ids: Vec::with_capacity(runs.len()),
            statuses: Vec::with_capacity(runs.len()),
            epochs: Vec::with_capacity(runs.len()),
            facts: Vec::with_capacity(runs.len()),
            started: Vec::with_capacity(runs.len()),
            ended: Vec::with_capacity(runs.len()),
            codes: Vec::with_capacity(runs.len()),
            messages: Vec::with_capacity(runs.len()),
            hints: Vec::with_capacity(runs.len()),
        };
        for (id, run) in runs {
            all.ids.push(*id);
            all.statuses.push(status_number(run.status));
            all.epochs.push(int(run.epoch));
            all.facts.push(int(run.facts));
            all.started.push(run.started_at.as_micros());
            all.ended.push(micros(run.ended_at));
            all.codes.push(error(run, |error| Some(&error.code)));
            all.messages.push(error(run, |error| Some(&error.message)));
            all.hints.push(error(run, |error| error.hint.as_deref()));
        }
        all
    }
}

async fn start_runs(client: &Client, runs: &[(Key, hookmill_store::Run)]) -> Result<(), Error> {
    let all = Summaries::of(runs);
    let keys = |of: fn(&hookmill_store::Run) -> Option<Key>| runs.iter().map(|(_, run)| of(run)).collect::<Vec<_>>();
    let owners = keys(|run| Some(key(run.owner)));
    let flows = keys(|run| Some(key(run.flow)));
    let versions: Vec<i64> = runs.iter().map(|(_, run)| small(run.version)).collect();
    let kinds: Vec<i64> = runs.iter().map(|(_, run)| kind_number(run.kind)).collect();
    let triggers: Vec<String> = runs.iter().map(|(_, run)| text(&run.trigger)).collect();
    let summaries: Vec<String> = runs.iter().map(|(_, run)| text(&run.summary)).collect();
    let events = keys(|run| key_of(run.event));
    let subscriptions = keys(|run| key_of(run.subscription));
    let resubmitted = keys(|run| key_of(run.resubmitted_from));
    let parents = keys(|run| key_of(run.parent));
    let sql = "INSERT INTO run (id, status, epoch, facts, started, ended, error_code, error_message, error_hint,
                   owner, flow, version, kind, trigger_name, summary, event, subscription, resubmitted_from, parent)
               SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                                    $19)";
    let values: &[Arg<'_>] = args![
        all.ids,
        all.statuses,
        all.epochs,
        all.facts,
        all.started,
        all.ended,
        all.codes,
        all.messages,
        all.hints,
        owners,
        flows,
        versions,
        kinds,
        triggers,
        summaries,
        events,
        subscriptions,
        resubmitted,
        parents,
    ];
    run(client, !runs.is_empty(), sql, values).await
}

async fn change_runs(client: &Client, runs: &[(Key, hookmill_store::Run)]) -> Result<(), Error> {
    let all = Summaries::of(runs);
    let sql = "UPDATE run r SET status = n.status, epoch = n.epoch, facts = n.facts, started = n.started,
                   ended = n.ended, error_code = n.code, error_message = n.message, error_hint = n.hint
               FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
                   AS n (id, status, epoch, facts, started, ended, code, message, hint)
               WHERE r.id = n.id";
    let values: &[Arg<'_>] = args![
        all.ids,
        all.statuses,
        all.epochs,
        all.facts,
        all.started,
        all.ended,
        all.codes,
        all.messages,
        all.hints,
    ];
    run(client, !runs.is_empty(), sql, values).await
}

async fn add_facts(client: &Client, facts: &[(Key, i64, &[u8])]) -> Result<(), Error> {
    let runs: Vec<Key> = facts.iter().map(|(run, ..)| *run).collect();
    let firsts: Vec<i64> = facts.iter().map(|(_, first, _)| *first).collect();
    let columns: Vec<&[u8]> = facts.iter().map(|(.., column)| *column).collect();
    let sql = "INSERT INTO fact (run, first, facts) SELECT * FROM unnest($1, $2, $3)";
    run(client, !facts.is_empty(), sql, args![runs, firsts, columns]).await
}

type Timers = [((i64, Key), Option<i64>)];

async fn set_timers(client: &Client, timers: &Timers) -> Result<(), Error> {
    let (kinds, ids): (Vec<i64>, Vec<Key>) = timers.iter().map(|(timer, _)| *timer).unzip();
    let due: Vec<Option<i64>> = timers.iter().map(|(_, due)| *due).collect();
    let sql = "INSERT INTO timer (kind, id, due) SELECT * FROM unnest($1, $2, $3)
               ON CONFLICT (kind, id) DO UPDATE SET due = excluded.due";
    run(client, !timers.is_empty(), sql, args![kinds, ids, due]).await
}

async fn clear_timers(client: &Client, timers: &Timers) -> Result<(), Error> {
    let (kinds, ids): (Vec<i64>, Vec<Key>) = timers.iter().map(|(timer, _)| *timer).unzip();
    let sql = "DELETE FROM timer t USING unnest($1, $2) AS n (kind, id) WHERE t.kind = n.kind AND t.id = n.id";
    run(client, !timers.is_empty(), sql, args![kinds, ids]).await
}

type Triggers<'a> = [(Key, Option<&'a [u8]>)];

async fn keep_triggers(client: &Client, triggers: &Triggers<'_>) -> Result<(), Error> {
    let flows: Vec<Key> = triggers.iter().map(|(flow, _)| *flow).collect();
    let states: Vec<Option<&[u8]>> = triggers.iter().map(|(_, state)| *state).collect();
    let sql = "INSERT INTO trigger_state (flow, state) SELECT * FROM unnest($1, $2)
               ON CONFLICT (flow) DO UPDATE SET state = excluded.state";
    run(client, !triggers.is_empty(), sql, args![flows, states]).await
}

async fn forget_triggers(client: &Client, triggers: &Triggers<'_>) -> Result<(), Error> {
    let flows: Vec<Key> = triggers.iter().map(|(flow, _)| *flow).collect();
    run(client, !triggers.is_empty(), "DELETE FROM trigger_state WHERE flow = ANY ($1)", args![flows]).await
}
