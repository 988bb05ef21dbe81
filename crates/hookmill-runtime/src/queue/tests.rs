//! Shares of flows: who is next, and who must wait.

use hookmill_model::{Id as _, Timestamp};

use super::*;

fn flow(number: u128) -> FlowId {
    FlowId::from_bits(number)
}

fn event(of: u128, id: u128, body_bytes: usize) -> Event {
    Event {
        id: EventId::from_bits(id),
        flow: flow(of),
        subscription: None,
        received_at: Timestamp::default(),
        summary: String::new(),
        head: bytes::Bytes::new(),
        body: vec![0; body_bytes].into(),
    }
}

fn opened(runs: usize) -> Queue {
    let queue = Queue::new(Bounds::of(runs));
    queue.open(&Shard::all().collect());
    queue
}

/// The flows of the next pieces of work, their slots given back at once.
fn order(queue: &Queue, most: usize) -> Vec<u128> {
    let mut flows = Vec::new();
    while flows.len() < most
        && let Some((flow, work)) = queue.next()
    {
        if let Work::Event(event, _) = &work {
            queue.begun(event.flow, event.id, false);
        }
        flows.push(flow.to_bits());
    }
    flows
}

#[test]
fn a_flow_with_much_to_do_does_not_hold_up_another() {
    let queue = opened(1_000);
    for id in 0..500 {
        queue.push_event(event(1, id, 10));
    }
    for id in 1_000..1_004 {
        queue.push_event(event(2, id, 10));
    }
    let first = order(&queue, 20);
    assert_eq!(first.iter().filter(|flow| **flow == 2).count(), 4, "{first:?}");
    assert_eq!(order(&queue, 9_999).len(), 504 - 20);
}

#[test]
fn bytes_count_as_well_as_numbers() {
    let queue = opened(1_000);
    for id in 0..40 {
        queue.push_event(event(1, id, 512 * 1_024));
        queue.push_event(event(2, 1_000 + id, 10));
    }
    // A large event is worth several turns of small ones.
    let large = order(&queue, 40).iter().filter(|flow| **flow == 1).count();
    assert!((1..=8).contains(&large), "{large} large ones of 40");
}

#[test]
fn a_flow_whose_services_are_silent_gets_less() {
    let queue = opened(1_000);
    for id in 0..400 {
        queue.push_event(event(1, id, 10));
        queue.push_event(event(2, 1_000 + id, 10));
    }
    queue.set_slowed(flow(1), true);
    let slowed = order(&queue, 90).iter().filter(|flow| **flow == 1).count();
    assert!((5..=15).contains(&slowed), "{slowed} of 90");
}

#[test]
fn a_flow_alone_gets_half_of_the_window_and_a_new_one_finds_room() {
    let queue = opened(8);
    for id in 0..20 {
        queue.push_run(flow(1), RunId::from_bits(id), None);
    }
    let mut held = Vec::new();
    while let Some((_, work)) = queue.next() {
        held.push(work);
    }
    assert_eq!(held.len(), 4);
    queue.push_run(flow(2), RunId::from_bits(99), None);
    let other = queue.next();
    assert_eq!(other.as_ref().map(|(flow, _)| flow.to_bits()), Some(2));
    assert!(queue.next().is_none());
    drop(other);
    held.pop();
    assert!(matches!(queue.next(), Some((own, Work::Run(..))) if own == flow(1)), "what is given back is used");
}

#[test]
fn a_parent_lends_its_slot_to_its_children() {
    let queue = opened(2);
    let mut parent = queue.try_slot(flow(1), 10).unwrap();
    assert!(queue.try_slot(flow(1), 10).is_none());
    parent.lend();
    let child = queue.try_slot(flow(1), 10);
    assert!(child.is_some());
    parent.take_back();
    drop((parent, child));
    assert!(queue.try_slot(flow(1), 10).is_some());
}

#[test]
fn what_is_larger_than_the_window_runs_alone() {
    let queue = opened(100);
    queue.push_event(event(1, 1, 60 * 1_024 * 1_024));
    let large = queue.next();
    assert!(matches!(large, Some((_, Work::Event(..)))));
    queue.push_event(event(1, 2, 60 * 1_024 * 1_024));
    assert!(queue.next().is_none());
    drop(large);
    assert!(queue.next().is_some());
}

#[test]
fn what_finds_no_room_in_memory_is_read_from_the_store() {
    let queue = opened(10_000);
    for id in 0..5_000 {
        assert!(queue.know(EventId::from_bits(id)));
        queue.push_event(event(1, id, 0));
    }
    let in_memory = locked(&queue.0.state).events;
    assert!(in_memory <= 2_100, "a flow alone takes half: {in_memory}");
    assert!(!queue.know(EventId::from_bits(0)), "somebody looks after it");
    assert!(queue.know(EventId::from_bits(4_999)), "nobody looks after it");
    let mut read = false;
    while let Some((_, work)) = queue.next() {
        read |= matches!(work, Work::Read(None));
        if let Work::Event(event, _) = work {
            queue.begun(event.flow, event.id, false);
        }
    }
    assert!(read, "the others are looked for");
    queue.push_read(flow(1), false, vec![event(1, 4_998, 0)], Some(7));
    assert!(matches!(queue.next(), Some((_, Work::Event(..)))));
    assert!(matches!(queue.next(), Some((_, Work::Read(Some(7))))));
    queue.push_read(flow(1), false, Vec::new(), None);
    assert!(queue.next().is_none());
}

#[test]
fn runs_that_are_counted_begin_one_after_the_other() {
    let queue = opened(100);
    queue.missed(flow(1));
    assert!(matches!(queue.next(), Some((_, Work::Read(None)))));
    queue.push_read(flow(1), true, vec![event(1, 1, 0), event(1, 2, 0)], Some(2));
    let Some((_, Work::Event(first, slot))) = queue.next() else { panic!("no event") };
    assert!(queue.next().is_none(), "the second waits for the first");
    drop(slot);
    // The first stays in the store: it comes again before the second.
    queue.begun(flow(1), first.id, true);
    assert!(matches!(queue.next(), Some((_, Work::Read(None)))));
    queue.push_read(flow(1), true, vec![event(1, 1, 0), event(1, 2, 0)], Some(2));
    assert!(matches!(queue.next(), Some((_, Work::Event(again, _))) if again.id == first.id));
}

/// The door of the first event is slow between the commit and the announcement, while its queue is read twice.
#[test]
fn no_event_of_a_counted_trigger_overtakes_one_that_is_not_announced_yet() {
    let queue = opened(100);
    let (first, second) = (event(1, 1, 0), event(1, 2, 0));
    let begins = |expected: &Event| match queue.next() {
        Some((_, Work::Event(next, _))) => assert_eq!(next.id, expected.id),
        _ => panic!("no event is next"),
    };
    let slow = queue.announcement(flow(1), first.id, true);
    queue.missed(flow(1));
    assert!(matches!(queue.next(), Some((_, Work::Read(None)))));
    // The first is stored by now, the second is not.
    queue.push_read(flow(1), true, vec![first.clone()], Some(1));
    begins(&first);
    let door = queue.announcement(flow(1), second.id, true);
    slow.announce(first.clone());
    door.announce(second.clone());
    assert!(queue.next().is_none(), "the first begins");
    queue.begun(flow(1), first.id, false);
    assert!(matches!(queue.next(), Some((_, Work::Read(None)))));
    queue.push_read(flow(1), true, vec![second.clone()], Some(2));
    begins(&second);
}

#[test]
fn an_event_whose_door_went_away_is_looked_for() {
    let queue = opened(100);
    let event = event(1, 1, 0);
    drop(queue.announcement(flow(1), event.id, false));
    assert!(matches!(queue.next(), Some((_, Work::Read(None)))));
    queue.push_read(flow(1), false, vec![event.clone()], Some(1));
    assert!(matches!(queue.next(), Some((_, Work::Event(next, _))) if next.id == event.id));
    queue.announcement(flow(2), EventId::from_bits(9), false).nothing_to_look_for();
    assert!(queue.know(EventId::from_bits(9)), "nobody looks after what was not stored");
}

#[test]
fn a_flow_with_many_waiting_runs_begins_no_further_ones() {
    let queue = opened(100);
    queue.set_waiting(flow(1), 1_000);
    queue.push_event(event(1, 1, 0));
    queue.push_event(event(2, 2, 0));
    queue.push_run(flow(1), RunId::from_bits(7), None);
    let mut got = order(&queue, 9);
    got.sort_unstable();
    assert_eq!(got, [1, 2], "its run goes on, its event waits");
    queue.set_waiting(flow(1), 999);
    assert_eq!(order(&queue, 9), [1]);
}

#[test]
fn nothing_is_remembered_of_a_flow_without_work() {
    let queue = Queue::new(Bounds::of(10));
    queue.push_event(event(1, 1, 5));
    assert!(queue.next().is_none(), "what an earlier process left is not known yet");
    queue.open(&Shard::all().collect());
    assert_eq!(order(&queue, 9), [1]);
    assert!(queue.next().is_none());
    let state = locked(&queue.0.state);
    assert!(state.lanes.is_empty() && state.known.is_empty() && state.turns.is_empty());
    assert_eq!((state.events, state.event_bytes, state.held.slots, state.held.run_bytes), (0, 0, 0, 0));
}

#[test]
fn what_waits_in_a_shard_of_another_node_is_forgotten_and_nothing_is_taken_in() {
    let queue = opened(10);
    let (here, there) = (FlowId::from_bits(1), FlowId::from_bits(2));
    for flow in [here, there] {
        queue.push_run(flow, RunId::from_bits(flow.to_bits()), None);
        queue.missed(flow);
    }
    let slot = queue.try_slot(there, 0);
    queue.close(&[Shard::of(there)]);
    queue.push_run(there, RunId::from_bits(9), None);
    queue.missed(there);
    while let Some((flow, _)) = queue.next() {
        assert_eq!(flow, here);
    }
    assert!(slot.is_some() && !queue.is_idle(Shard::of(there)), "a run in memory keeps the shard busy");
    drop(slot);
    assert!(queue.is_idle(Shard::of(there)));
    // It comes back: first its runs, then its events.
    let again = [Shard::of(there)].into();
    queue.expect(&again);
    queue.missed(there);
    assert!(queue.next().is_none());
    queue.open(&again);
    assert!(matches!(queue.next(), Some((flow, Work::Read(None))) if flow == there));
}
