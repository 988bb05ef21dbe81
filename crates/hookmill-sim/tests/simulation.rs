//! Random flows in a random world. `HOOKMILL_SIM_FLOWS` says how many, `HOOKMILL_SIM_FROM` with which number they
//! begin, `HOOKMILL_SIM_SEED` runs one alone.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests read their settings and stop at once.

use hookmill_engine::{Fact, RunState, pending};
use hookmill_sim::drive::{Disturbance, check, drive};
use hookmill_sim::mutation::Mutation;
use hookmill_sim::{Random, flow};

/// Flows per run of the tests, unless something else is said.
const FLOWS: u64 = 2_000;
/// A planted fault must be found in so many.
const FLOWS_TO_FIND: u64 = 500;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not '{text}'")))
}

#[test]
fn random_flows_keep_their_promises() {
    if let Some(seed) = setting("HOOKMILL_SIM_SEED") {
        println!("{}", flow::make(&mut Random::new(seed)));
        check(seed, Mutation::None).unwrap();
        return;
    }
    let from = setting("HOOKMILL_SIM_FROM").unwrap_or(0);
    let count = setting("HOOKMILL_SIM_FLOWS").unwrap_or(FLOWS);
    let mut facts = 0;
    for seed in from..from + count {
        match check(seed, Mutation::None) {
            Ok(made) => facts += made,
            Err(failure) => panic!("{failure}\nHOOKMILL_SIM_SEED={seed} cargo test -p hookmill-sim -- --nocapture"),
        }
    }
    println!("{count} flows, {facts} facts");
}

#[test]
fn planted_faults_are_found() {
    for mutation in Mutation::ALL {
        let found = (0..FLOWS_TO_FIND).find_map(|seed| check(seed, *mutation).err().map(|failure| (seed, failure)));
        let (seed, failure) = found.unwrap_or_else(|| panic!("{mutation:?} was not found in {FLOWS_TO_FIND} flows"));
        println!("{mutation:?}: found with the flow {seed}: {failure}");
    }
}

/// A damaged journal is refused with the place, or is one that a run could have; nothing panics.
#[test]
fn damaged_journals_are_refused() {
    let mut refused = 0;
    for seed in 0..200 {
        let plan = Mutation::None.plan(&flow::make(&mut Random::new(seed)));
        let ended = drive(&plan, &plan, seed, Disturbance::CALM, Mutation::None).unwrap();
        let mut random = Random::new(seed);
        let place = |random: &mut Random| usize::try_from(random.below(ended.journal.len() as u64)).unwrap();
        for kind in 0..4 {
            let mut journal = ended.journal.clone();
            let at = place(&mut random);
            match kind {
                0 => drop(journal.remove(at)),
                1 => journal.insert(at, journal[at].clone()),
                2 => journal.swap(at, place(&mut random)),
                _ => {
                    let half = journal[at].len() / 2;
                    journal[at].truncate(half);
                }
            }
            let facts: Result<Vec<Fact>, _> = journal.iter().map(|bytes| Fact::decode(bytes)).collect();
            match facts.map(|facts| RunState::fold(&facts)) {
                Ok(Ok(state)) => drop(pending(&plan, &state)),
                Ok(Err(_)) | Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 400, "only {refused} of 800 damaged journals were refused");
}
