//! Places at services that answer, that do not, and that come back.

use hookmill_model::{Id as _, Object};

use super::*;

struct World {
    places: Places,
    turns: mpsc::UnboundedReceiver<Turn>,
    now: Instant,
    next: u128,
}

fn world(all: usize, per_service: usize) -> World {
    let (places, turns) = Places::new(PlacesMax { all, per_service });
    World { places, turns, now: Instant::now(), next: 0 }
}

fn service(name: &str) -> Service {
    Service::of(&format!("https://{name}.example.com/path?x=1")).unwrap()
}

fn replied() -> Outcome {
    Outcome::Replied { status: 500, headers: Object::new(), body: None }
}

fn silence() -> Outcome {
    Outcome::NoReply { code: "GatewayTimeout".into(), message: "".into(), maybe_sent: true, retryable: true }
}

impl World {
    /// A further run of the flow asks for a place.
    fn ask(&mut self, at: &Service, flow: u128) -> Option<Place> {
        self.next += 1;
        let until = self.now + Duration::from_secs(60);
        self.places.request(at, FlowId::from_bits(flow), RunId::from_bits(self.next), until)
    }

    fn end(&mut self, place: Place, outcome: &Outcome) {
        let mut place = place;
        place.ended(outcome);
    }

    fn heard(&mut self) -> Vec<Turn> {
        std::iter::from_fn(|| self.turns.try_recv().ok()).collect()
    }

    /// Makes a service dead.
    fn kill(&mut self, at: &Service) {
        for _ in 0..SILENCES_MAX {
            let place = self.ask(at, 1).unwrap();
            self.end(place, &silence());
        }
    }
}

#[test]
fn addresses_are_services() {
    assert_eq!(service("a").to_string(), "https://a.example.com");
    assert_eq!(Service::of("http://a.example.com:8080/x").unwrap().host(), "a.example.com:8080");
    assert_eq!(Service::of("no address"), None);
    assert_eq!(Service::of("mailto:a@b.c"), None);
}

#[test]
fn whoever_waits_gets_the_next_place_flow_by_flow() {
    let mut world = world(10, 1);
    let at = service("a");
    let first = world.ask(&at, 1).unwrap();
    for flow in [1, 1, 1, 2] {
        assert!(world.ask(&at, flow).is_none());
    }
    assert_eq!((world.places.waiting(FlowId::from_bits(1)), world.places.waiting(FlowId::from_bits(2))), (3, 1));
    let waits = &world.places.waiting_for(FlowId::from_bits(2))[0];
    assert_eq!((waits.host.as_str(), waits.requests, waits.others), ("a.example.com", 1, 3));
    let mut flows = Vec::new();
    let mut place = first;
    for _ in 0..4 {
        world.end(place, &replied());
        let mut turns = world.heard();
        assert_eq!(turns.len(), 1);
        let turn = turns.remove(0);
        flows.push(turn.flow.to_bits());
        let Granted::Place(next) = turn.granted else { panic!("refused") };
        place = next;
    }
    assert_eq!(flows, [1, 2, 1, 1]);
    drop(place);
    let state = locked(&world.places.0.state);
    assert!(state.held == 0 && state.until.is_empty() && state.deadlines.is_empty() && state.waiting.is_empty());
}

#[test]
fn silent_services_hold_half_of_all_places_at_most() {
    let mut world = world(8, 4);
    let good = service("good");
    let place = world.ask(&good, 1).unwrap();
    world.end(place, &replied());
    let names = ["s1", "s2", "s3", "s4"];
    for name in names {
        let place = world.ask(&service(name), 2).unwrap();
        world.end(place, &silence());
    }
    let mut held = Vec::new();
    for name in names {
        for _ in 0..4 {
            held.extend(world.ask(&service(name), 2));
        }
    }
    assert_eq!(held.len(), 4, "those that were silent share one half");
    let own: Vec<Place> = (0..4).filter_map(|_| world.ask(&good, 1)).collect();
    assert_eq!(own.len(), 4, "the other half is for those that answer");
    let new = service("new");
    assert!(world.ask(&new, 1).is_none(), "all places are taken");
    // One of the silent ones answers: it is not silent any more, but the others still are.
    let first = held.remove(0);
    world.end(first, &replied());
    let turns = world.heard();
    assert!(!turns.is_empty() && turns.len() <= 4, "{}", turns.len());
}

#[test]
fn a_service_that_falls_silent_with_all_places_leaves_half_to_the_others() {
    let mut world = world(8, 8);
    let (mute, good) = (service("mute"), service("good"));
    let place = world.ask(&mute, 1).unwrap();
    world.end(place, &replied());
    let held: Vec<Place> = (0..8).filter_map(|_| world.ask(&mute, 1)).collect();
    assert_eq!(held.len(), 8);
    assert!(world.ask(&good, 2).is_none());
    world.places.look(world.now + SILENT_AFTER + Duration::from_secs(1));
    let own = world.heard();
    assert!(own.iter().all(|turn| turn.flow == FlowId::from_bits(2)) && own.len() == 1);
    drop(held);
}

#[test]
fn a_dead_service_is_tried_with_one_place_and_the_others_fail_fast() {
    let mut world = world(100, 32);
    let at = service("a");
    world.kill(&at);
    let trial = world.ask(&at, 1).unwrap();
    for _ in 0..25 {
        assert!(world.ask(&at, 1).is_none());
    }
    assert!(world.places.waiting_for(FlowId::from_bits(1))[0].is_silent);
    world.places.look(world.now);
    let refused = world.heard();
    assert_eq!(refused.len(), FAIL_FAST, "a few at a time");
    assert!(refused.iter().all(
        |turn| matches!(&turn.granted, Granted::Refused(_, Refused::Dead { silences }) if *silences == SILENCES_MAX)
    ));
    // It answers: the others get places, twice as many with each answer.
    world.end(trial, &replied());
    let mut granted: Vec<Place> = Vec::new();
    let mut most = 0;
    loop {
        let turns = world.heard();
        granted.extend(turns.into_iter().filter_map(|turn| match turn.granted {
            Granted::Place(place) => Some(place),
            Granted::Refused(..) => None,
        }));
        most = most.max(granted.len());
        let Some(place) = granted.pop() else { break };
        world.end(place, &replied());
    }
    assert!(most > 4, "{most}");
    assert!(world.ask(&at, 1).is_some());
}

#[test]
fn a_wait_ends_with_the_time_of_the_request_or_with_the_run() {
    let mut world = world(10, 1);
    let at = service("a");
    let _held = world.ask(&at, 1).unwrap();
    assert!(world.ask(&at, 1).is_none() && world.ask(&at, 2).is_none());
    let (second, third) = (RunId::from_bits(2), RunId::from_bits(3));
    assert!(world.places.is_waiting(&at, second));
    assert_eq!(world.places.run_waits_for(second)[0].others, 1);
    world.places.forget(second);
    world.places.look(world.now + Duration::from_secs(61));
    let turns = world.heard();
    assert_eq!(turns.iter().map(|turn| turn.run).collect::<Vec<_>>(), [third]);
    assert!(matches!(turns[0].granted, Granted::Refused(_, Refused::TimedOut)));
}

#[test]
fn a_place_that_nobody_used_says_nothing_of_the_service() {
    let mut world = world(10, 1);
    let at = service("a");
    for _ in 0..2 * SILENCES_MAX {
        let place = world.ask(&at, 1).unwrap();
        drop(place);
    }
    assert!(world.ask(&at, 1).is_some());
    assert!(locked(&world.places.0.state).services[&at].trial.is_none());
}

/// However many services take requests and never answer: half of all places stay with those that do.
#[test]
fn no_set_of_failing_services_holds_more_than_half() {
    let mut world = world(64, 8);
    let good = service("good");
    let place = world.ask(&good, 1).unwrap();
    world.end(place, &replied());
    let mut held = Vec::new();
    for number in 0..100 {
        let mute = service(&format!("mute{number}"));
        held.extend((0..8).filter_map(|_| world.ask(&mute, 2)));
    }
    assert!(held.len() <= 32, "{} of 64 places are held by services that never answered", held.len());
    let own: Vec<Place> = (0..8).filter_map(|_| world.ask(&good, 1)).collect();
    assert_eq!(own.len(), 8, "the one that answers has what it may have");
}
