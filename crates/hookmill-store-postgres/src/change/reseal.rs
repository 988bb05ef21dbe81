//! What is stored, in another form. The database keeps the form before until it cleans its tables (`VACUUM`).

use hookmill_model::RunId;
use hookmill_store::StoreError;
use tokio_postgres::Client;

use super::{Done, exists, run};
use crate::column::{args, int, key, small};
use crate::step::{Facts, PackedSeal};

pub(super) async fn apply(c: &Client, packed: &PackedSeal) -> Done {
    match packed {
        PackedSeal::FlowVersion { version, definition } => {
            let sql = "UPDATE flow_version SET definition = $3, parameters = $4, envelope = $5
                       WHERE flow = $1 AND version = $2";
            let (of, number) = (key(version.flow), small(version.version));
            let (definition, parameters, envelope) = (&definition[..], &version.parameters[..], &version.envelope[..]);
            let rows = run(c, sql, args![of, number, definition, parameters, envelope]).await?;
            found(rows, "flow", version.flow)
        }
        PackedSeal::Facts(id, facts) => journal(c, *id, facts).await,
        PackedSeal::Event(id, payload) => {
            let sql = "UPDATE event SET payload = $2 WHERE id = $1";
            found(run(c, sql, args![key(*id), &payload[..]]).await?, "event", id)
        }
    }
}

fn found(rows: u64, what: &'static str, id: impl ToString) -> Done {
    if rows == 0 { Err(StoreError::missing(what, id).into()) } else { Ok(()) }
}

/// The rows of a journal that hold the facts become one row. What was appended since stands in rows of its own.
async fn journal(c: &Client, id: RunId, facts: &Facts) -> Done {
    let (run_key, count) = (key(id), int(facts.count));
    let known = c.query_typed_opt("SELECT facts FROM run WHERE id = $1 FOR UPDATE", args![run_key]).await?;
    let known: i64 = known.ok_or_else(|| StoreError::missing("run", id))?.try_get(0)?;
    let begins_there =
        known == count || exists(c, "SELECT 1 FROM fact WHERE run = $1 AND first = $2", args![run_key, count]).await?;
    if known < count || !begins_there {
        let detail = format!("its journal has {known} facts, and none of its rows begins with fact {count}");
        return Err(StoreError::conflict("run", id, detail).into());
    }
    if count > 0 {
        run(c, "DELETE FROM fact WHERE run = $1 AND first < $2", args![run_key, count]).await?;
        let sql = "INSERT INTO fact (run, first, facts) VALUES ($1, 0, $2)";
        run(c, sql, args![run_key, &facts.column[..]]).await?;
    }
    Ok(())
}
