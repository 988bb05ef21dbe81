//! Random flows in a random world. `HOOKMILL_SIM_FLOWS` says how many, `HOOKMILL_SIM_SEED` runs one alone.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests read their settings and stop at once.

use hookmill_definition::{Limits, Plan, Profile, compile};
use hookmill_model::{RunStatus, Value};
use hookmill_sim::drive::{Disturbance, Mutation, compare, drive, run_id};
use hookmill_sim::{Random, flow, naive};

fn plan(definition: &Value) -> Plan {
    let limits = Limits { actions_max: 5_000, ..Limits::default() };
    let made = compile(definition, &Value::Null, Profile::LogicApps, &limits);
    made.plan.unwrap_or_else(|| panic!("a random definition has errors: {:?}\n{definition}", made.diagnostics))
}

/// The plan of an engine that does not look at statuses.
fn careless(definition: &Value) -> Plan {
    let mut plan = plan(definition);
    for action in &mut plan.actions {
        for (_, accepted) in &mut action.run_after {
            *accepted = vec![
                hookmill_model::ActionStatus::Succeeded,
                hookmill_model::ActionStatus::Failed,
                hookmill_model::ActionStatus::Skipped,
                hookmill_model::ActionStatus::TimedOut,
            ];
        }
    }
    plan
}

fn check(seed: u64, mutation: Mutation) -> Result<usize, String> {
    let definition = flow::make(&mut Random::new(seed));
    let checked = plan(&definition);
    let used = if mutation == Mutation::AnyStatusGoes { careless(&definition) } else { plan(&definition) };
    let calm = drive(&used, &checked, seed, Disturbance { crashes: false, cancels: false, mutation })?;
    if naive::applies(&checked) {
        compare(&calm, &naive::statuses(&checked, seed, run_id()))?;
    }
    let stormy = drive(&used, &checked, seed, Disturbance { crashes: true, cancels: false, mutation })?;
    if naive::applies(&checked) && (stormy.status != calm.status || stormy.statuses != calm.statuses) {
        return Err(format!("(b) with crashes the run ended {} instead of {}", stormy.status, calm.status));
    }
    let cancelled = drive(&used, &checked, seed, Disturbance { crashes: true, cancels: true, mutation })?;
    if cancelled.status == RunStatus::Cancelled
        && cancelled.statuses.len() > calm.statuses.len() + checked.actions.len()
    {
        return Err("a cancelled run has more records than an undisturbed one".to_owned());
    }
    Ok(calm.facts + stormy.facts + cancelled.facts)
}

#[test]
fn random_flows_keep_their_promises() {
    if let Ok(seed) = std::env::var("HOOKMILL_SIM_SEED") {
        let seed = seed.parse().unwrap();
        println!("{}", flow::make(&mut Random::new(seed)));
        check(seed, Mutation::None).unwrap();
        return;
    }
    let count: u64 = std::env::var("HOOKMILL_SIM_FLOWS").ok().and_then(|count| count.parse().ok()).unwrap_or(2_000);
    let mut facts = 0;
    for seed in 0..count {
        match check(seed, Mutation::None) {
            Ok(made) => facts += made,
            Err(failure) => panic!("{failure}\nHOOKMILL_SIM_SEED={seed} cargo test -p hookmill-sim -- --nocapture"),
        }
    }
    println!("{count} flows, {facts} facts");
}

#[test]
fn planted_faults_are_found() {
    for mutation in [Mutation::NewKeyAfterCrash, Mutation::AnyStatusGoes, Mutation::LosesFacts] {
        let found = (0..500).find_map(|seed| check(seed, mutation).err().map(|failure| (seed, failure)));
        let (seed, failure) = found.unwrap_or_else(|| panic!("{mutation:?} was not found in 500 flows"));
        println!("{mutation:?}: found with the flow {seed}: {failure}");
    }
}
