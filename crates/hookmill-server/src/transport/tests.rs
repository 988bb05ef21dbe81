//! Who gets a place when all are taken, and who takes an answer too slowly.

use std::io::{Read, Write};

use tokio::sync::mpsc;

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

const ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Says when the answer is given up or has left.
struct Ended(mpsc::UnboundedSender<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// A server whose answers are long, and what tells that one of them has ended.
fn long_answers(stalled_wait: Duration) -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let (sender, ended) = mpsc::unbounded_channel();
    let page = move || {
        let guard = Ended(sender.clone());
        let part = bytes::Bytes::from(vec![b'x'; 64 * 1024]);
        let parts = futures_util::stream::iter((0..ANSWER_BYTES / part.len()).map(move |_| {
            let _ = &guard;
            Ok::<_, Infallible>(part.clone())
        }));
        std::future::ready(Body::from_stream(parts))
    };
    let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let limits = ConnectionLimits { stalled_wait, ..ConnectionLimits::default() };
    let router = Router::new().fallback(page);
    let (running, stop) = watch::channel(Stop::No);
    tokio::spawn(async move {
        let _running = running;
        serve(listener, router, limits, TrustedProxies::default(), stop).await
    });
    (address, ended)
}

fn asked(address: SocketAddr) -> std::net::TcpStream {
    let mut caller = std::net::TcpStream::connect(address).unwrap();
    caller.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    caller
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_an_answer_too_slowly_is_cut_off() {
    let (address, mut ended) = long_answers(Duration::from_millis(500));
    let (over, is_over) = std::sync::mpsc::channel::<()>();
    let slow = std::thread::spawn(move || {
        let (mut caller, mut bytes) = (asked(address), [0; 128]);
        // Never still, and never fast enough.
        while is_over.recv_timeout(Duration::from_millis(100)).is_err_and(|error| error == TIMED_OUT) {
            let _ = caller.read(&mut bytes);
        }
    });
    let cut_off = tokio::time::timeout(Duration::from_secs(60), ended.recv()).await;
    drop(over);
    slow.join().unwrap();
    assert_eq!(cut_off, Ok(Some(())), "the server keeps the answer for a caller that does not take it");
}

const TIMED_OUT: std::sync::mpsc::RecvTimeoutError = std::sync::mpsc::RecvTimeoutError::Timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_an_answer_gets_all_of_it() {
    let (address, _ended) = long_answers(Duration::from_secs(60));
    let taken = tokio::task::spawn_blocking(move || {
        let (mut caller, mut all) = (asked(address), Vec::new());
        caller.read_to_end(&mut all).unwrap();
        all.len()
    });
    assert!(taken.await.unwrap() > ANSWER_BYTES);
}
