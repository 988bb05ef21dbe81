//! What expressions see beside their run: what `workflow()` gives, and the seed of chance.

use hookmill_model::{Object, RunId, Value};
use hookmill_store::Flow;

/// A number that nobody can foresee: what `rand` and `guid` of a run begin with.
pub(crate) fn seed() -> u64 {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        return 1;
    }
    u64::from_ne_bytes(bytes)
}

/// What `workflow()` gives.
pub(crate) fn workflow(flow: &Flow, run: Option<RunId>) -> Value {
    let id = flow.id.to_string();
    let mut members = Object::new();
    members.insert("id", format!("/flows/{id}"));
    members.insert("name", id.clone());
    members.insert("type", "Hookmill/flows");
    members.insert("location", "local");
    members.insert("tags", Value::object([("flowDisplayName", flow.name.clone())]));
    if let Some(run) = run {
        members.insert(
            "run",
            Value::object([
                ("id", format!("/flows/{id}/runs/{run}")),
                ("name", run.to_string()),
                ("type", "Hookmill/flows/runs".to_owned()),
            ]),
        );
    }
    members.into()
}
