//! Who gets a place when all are taken.

use super::*;

fn limits(all: usize, per_source: usize) -> ConnectionLimits {
    ConnectionLimits { connections_max: all, connections_per_source_max: per_source, ..ConnectionLimits::default() }
}

fn source(last: u8) -> Option<Source> {
    Some(Source::of(std::net::IpAddr::from([192, 0, 2, last])))
}

fn begin_request(progress: &Progress) {
    progress.follow(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn one_source_has_its_share() {
    let connections = Arc::<Connections>::default();
    let limits = limits(100, 2);
    let first = connections.enter(source(1), &limits).unwrap();
    let _second = connections.enter(source(1), &limits).unwrap();
    assert_eq!(connections.enter(source(1), &limits).err(), Some(Full::Source));
    let _other = connections.enter(source(2), &limits).unwrap();
    let _local: Vec<_> = (0..5).map(|_| connections.enter(None, &limits).unwrap()).collect();
    drop(first);
    assert!(connections.enter(source(1), &limits).is_ok());
}

#[test]
fn the_oldest_idle_connection_makes_room() {
    let connections = Arc::<Connections>::default();
    let limits = limits(2, 2);
    let (_busy_place, busy, _) = connections.enter(source(1), &limits).unwrap();
    let (_idle_place, idle, _) = connections.enter(source(1), &limits).unwrap();
    begin_request(&busy);
    let (_third_place, third, _) = connections.enter(source(2), &limits).unwrap();
    assert_eq!(connections.count(), 2);
    begin_request(&third);
    begin_request(&idle);
    assert_eq!(connections.enter(source(3), &limits).err(), Some(Full::All));
    // The refused one has left no trace in the counts.
    assert!(!connections.table().per_source.contains_key(&source(3).unwrap()));
    busy.answered();
    assert!(connections.enter(source(3), &limits).is_ok());
}
