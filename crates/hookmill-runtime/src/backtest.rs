//! Recorded runs of a flow against a changed definition. Nothing is sent anywhere, and nothing is stored.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use hookmill_definition::{Plan, Profile, compile_while};
use hookmill_engine::backtest::Replay;
use hookmill_engine::{Fact, fact};
use hookmill_model::{FlowId, Object, RunId, RunKind, Str, Timestamp, UserId, Value};
use hookmill_store::{Flow, List, Run, RunFilter};

use crate::guard::replayed;
use crate::visible::Visible;
use crate::wanted::wanted;
use crate::{Error, Runtime, cores};

/// A run with a longer journal is not replayed: it is held as a whole, and so is what it would have done.
const JOURNAL_BYTES_MAX: usize = 8 * 1_024 * 1_024;

/// At most so many recorded runs are replayed.
pub const BACKTEST_MAX: usize = 1_000;

/// One recorded run with the changed definition.
#[derive(Clone, Debug)]
pub struct Backtested {
    /// Which run.
    pub run: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// What triggered it, in one line.
    pub summary: String,
    /// How it would have gone; or why that cannot be said.
    pub replay: Result<Replay, String>,
}

/// The definition that recorded runs are replayed with.
struct Changed<'a> {
    definition: &'a Value,
    parameters: &'a Value,
    profile: Profile,
    seen: Visible,
}

/// A version with recorded runs: the plan that they are replayed with, and what may be seen of them.
struct Recorded {
    plan: Arc<Plan>,
    seen: Visible,
}

/// Adds what hides inputs and outputs in `recorded` to the triggers and actions of the same name: a changed definition
/// must not show what was hidden when it was recorded.
fn hidden_as(changed: &Value, recorded: &Value) -> Value {
    let mut hiding = HashMap::new();
    each_step(recorded, &mut |name, step| {
        if let Some(own) = step.pointer("/runtimeConfiguration/secureData") {
            hiding.insert(name.clone(), own.clone());
        }
    });
    let trigger = recorded.get("triggers").and_then(Value::as_object).and_then(|triggers| triggers.at(0));
    let trigger = trigger.and_then(|(_, trigger)| trigger.pointer("/runtimeConfiguration/secureData")).cloned();
    let Some(members) = changed.as_object() else { return changed.clone() };
    let mut changed = members.clone();
    if let Some(triggers) = changed.get_mut("triggers").and_then(Value::as_object_mut) {
        for (_, step) in triggers.iter_mut() {
            if let Some(own) = &trigger {
                hide(step, own);
            }
        }
    }
    if let Some(actions) = changed.get_mut("actions") {
        *actions = with_hiding(actions, &hiding);
    }
    changed.into()
}

/// Visits every member that is an object with a type: triggers and actions, however deep.
fn each_step(value: &Value, visit: &mut dyn FnMut(&Str, &Value)) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| each_step(element, visit)),
        Value::Object(members) => {
            for (name, member) in members.iter() {
                if member.get("type").is_some() {
                    visit(name, member);
                }
                each_step(member, visit);
            }
        }
        _ => {}
    }
}

fn with_hiding(value: &Value, hiding: &HashMap<Str, Value>) -> Value {
    match value {
        Value::Array(elements) => Value::array(elements.iter().map(|one| with_hiding(one, hiding)).collect()),
        Value::Object(members) => {
            let each = members.iter().map(|(name, member)| {
                let mut member = with_hiding(member, hiding);
                if let Some(own) = hiding.get(name).filter(|_| member.get("type").is_some()) {
                    hide(&mut member, own);
                }
                (name.clone(), member)
            });
            each.collect::<Object>().into()
        }
        other => other.clone(),
    }
}

fn hide(step: &mut Value, hiding: &Value) {
    let Some(members) = step.as_object_mut() else { return };
    let mut own = members.get("runtimeConfiguration").and_then(Value::as_object).cloned().unwrap_or_default();
    own.insert("secureData", hiding.clone());
    members.insert("runtimeConfiguration", own);
}

impl Runtime {
    async fn recorded(&self, flow: &Flow, version: u32, changed: &Changed<'_>) -> Result<Recorded, Error> {
        let (seen, recorded) = self.visible(flow.id, version).await?;
        let definition = hidden_as(changed.definition, &recorded);
        let limits = &self.0.config.limits;
        let compiled = compile_while(&definition, changed.parameters, changed.profile, limits, &*wanted());
        match compiled.plan {
            Some(plan) => Ok(Recorded { plan: Arc::new(plan), seen }),
            None => Err(Error::DefinitionInvalid(compiled.diagnostics)),
        }
    }

    /// Replays the last runs of a flow that have ended, newest first, with another definition.
    ///
    /// # Errors
    /// There is no such flow, or the definition has faults.
    pub async fn backtest(
        &self,
        owner: UserId,
        flow: FlowId,
        definition: &Value,
        last: usize,
    ) -> Result<Vec<Backtested>, Error> {
        let flow = self.own_flow(owner, flow).await?;
        let stored = self.0.store.flow_version(flow.id, flow.version).await?;
        let stored = stored.ok_or_else(|| Error::not_found("version of the flow", flow.id))?;
        let parameters = crate::stored::read_part(&stored, "parameters", &stored.parameters)?;
        let changed = Changed {
            definition,
            profile: Profile::parse(&stored.profile),
            seen: Visible::new(definition, &parameters),
            parameters: &parameters,
        };
        let filter = RunFilter { flow: Some(flow.id), kind: Some(RunKind::Flow), ..RunFilter::of(owner) };
        let wanted = wanted();
        let (mut tested, mut after) = (Vec::new(), None);
        let mut recorded = HashMap::new();
        // A definition with faults is refused although nothing was recorded.
        recorded.insert(flow.version, self.recorded(&flow, flow.version, &changed).await?);
        while tested.len() < last.min(BACKTEST_MAX) {
            let page = self.0.store.runs(&filter, List { after, limit: 100 }).await?;
            for listed in page.items.into_iter().filter(|listed| listed.run.status.is_final() && listed.run.facts > 0) {
                if tested.len() == last.min(BACKTEST_MAX) {
                    break;
                }
                let Run { id, version, started_at, summary, .. } = listed.run;
                let Recorded { plan, seen } = match recorded.entry(version) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => place.insert(self.recorded(&flow, version, &changed).await?),
                };
                let Some(facts) = self.facts_within(id, JOURNAL_BYTES_MAX).await? else {
                    let why = format!(
                        "The journal of the run has more than {} MiB: it is not replayed.",
                        JOURNAL_BYTES_MAX / 1_024 / 1_024
                    );
                    tested.push(Backtested { run: id, started_at, summary, replay: Err(why) });
                    continue;
                };
                let seen = match facts.first() {
                    Some(Fact::RunStarted(fact::RunStarted { trigger, .. })) => seen.of_run(trigger),
                    _ => seen.of_run(&Value::Null),
                };
                let made = cores::aside(false, || {
                    let made = replayed(plan, &parameters, &facts, &*wanted)?;
                    Ok(changed.seen.replay(seen.replay(made)))
                });
                if !wanted() {
                    return Err(Error::NotPossible("It was stopped, since nobody waits for it.".to_owned()));
                }
                tested.push(Backtested { run: id, started_at, summary, replay: made });
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(tested)
    }
}
