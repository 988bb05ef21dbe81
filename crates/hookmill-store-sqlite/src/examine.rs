//! Proof that what is stored does not contradict itself.

use hookmill_model::{EventId, RunId};
use rusqlite::{Connection, Result};

use crate::column::{id, number};
use crate::payload::{split, unpack};

/// More findings of one kind say nothing new.
const FINDINGS_MAX: usize = 100;

/// Looks for contradictions.
pub(crate) fn examine(connection: &Connection) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    pages(connection, &mut findings)?;
    if findings.is_empty() {
        // One moment for all that follows, while the server goes on.
        let moment = connection.unchecked_transaction()?;
        journals(&moment, &mut findings)?;
        events(&moment, &mut findings)?;
        rules(&moment, &mut findings)?;
    }
    Ok(findings)
}

fn pages(c: &Connection, findings: &mut Vec<String>) -> Result<()> {
    let mut check = c.prepare("PRAGMA integrity_check(100)")?;
    let found = check.query_map([], |row| row.get::<_, String>(0))?;
    for finding in found {
        let finding = finding?;
        if finding != "ok" {
            findings.push(format!("the file is damaged: {finding}"));
        }
    }
    Ok(())
}

/// The facts of each run are readable and without gaps, and as many as the run says.
fn journals(c: &Connection, findings: &mut Vec<String>) -> Result<()> {
    let mut rows = c.prepare(
        "SELECT r.id, r.facts, f.first, f.facts FROM run r LEFT JOIN fact f ON f.run = r.id ORDER BY r.id, f.first",
    )?;
    let mut rows = rows.query([])?;
    let mut before: Option<(RunId, u64, u64)> = None;
    let mut bad = 0;
    let mut note = |finding: Option<String>| {
        if let Some(finding) = finding
            && bad < FINDINGS_MAX
        {
            bad += 1;
            findings.push(finding);
        }
    };
    let short = |(run, facts, read): (RunId, u64, u64)| {
        (facts != read).then(|| format!("{run} says that it has {facts} facts, its journal has {read}"))
    };
    while let Some(row) = rows.next()? {
        let run: RunId = id(row, 0)?;
        let facts = number(row, 1)?;
        let read = match before {
            Some((last, _, read)) if last == run => read,
            Some(last) => {
                note(short(last));
                0
            }
            None => 0,
        };
        let Some(first) = row.get::<_, Option<i64>>(2)? else {
            before = Some((run, facts, 0));
            continue;
        };
        if u64::try_from(first).ok() != Some(read) {
            note(Some(format!("the journal of {run} has a gap at fact {read}")));
        }
        let parts = unpack(row.get_ref(3)?.as_blob()?).and_then(|joined| split(&joined));
        let count = match parts {
            Ok(parts) => parts.len() as u64,
            Err(problem) => {
                note(Some(format!("the journal of {run} cannot be read from fact {read} on: {problem}")));
                0
            }
        };
        before = Some((run, facts, read + count));
    }
    note(before.and_then(short));
    Ok(())
}

/// The bytes of each event are readable.
fn events(c: &Connection, findings: &mut Vec<String>) -> Result<()> {
    let mut rows = c.prepare("SELECT id, payload FROM event ORDER BY seq")?;
    let mut rows = rows.query([])?;
    let mut bad = 0;
    while let Some(row) = rows.next()? {
        let event: EventId = id(row, 0)?;
        let parts = unpack(row.get_ref(1)?.as_blob()?).and_then(|joined| split(&joined));
        let problem = match parts {
            Ok(parts) if parts.len() == 2 => continue,
            Ok(parts) => format!("it has {} parts", parts.len()),
            Err(problem) => problem,
        };
        bad += 1;
        if bad <= FINDINGS_MAX {
            findings.push(format!("the event {event} cannot be read: {problem}"));
        }
    }
    Ok(())
}

/// What one query can count.
fn rules(c: &Connection, findings: &mut Vec<String>) -> Result<()> {
    let rules = [
        ("SELECT count(*) FROM pending WHERE seq NOT IN (SELECT seq FROM event)", "pending events that do not exist"),
        ("SELECT count(*) FROM fact WHERE run NOT IN (SELECT id FROM run)", "rows of facts whose run does not exist"),
        ("SELECT count(*) FROM run WHERE (status < 2) <> (ended IS NULL)", "runs whose end contradicts their status"),
        (
            "SELECT count(*) FROM (SELECT flow FROM subscription WHERE state = 'live' GROUP BY flow HAVING count(*) > 1)",
            "flows with more than one live webhook",
        ),
        (
            "SELECT count(*) FROM flow WHERE deleted IS NULL AND version > 0 AND NOT EXISTS (
                 SELECT 1 FROM flow_version v WHERE v.flow = flow.id AND v.version = flow.version)",
            "flows without their definition",
        ),
        (
            "SELECT count(*) FROM timer WHERE kind = 0 AND id NOT IN (SELECT id FROM run)",
            "timers of runs that do not exist",
        ),
        (
            "SELECT count(*) FROM connection WHERE connector NOT IN (SELECT id FROM connector)",
            "connections without their connector",
        ),
    ];
    for (sql, what) in rules {
        let count: u64 = c.query_row(sql, [], |row| number(row, 0))?;
        if count > 0 {
            findings.push(format!("there are {count} {what}"));
        }
    }
    Ok(())
}
