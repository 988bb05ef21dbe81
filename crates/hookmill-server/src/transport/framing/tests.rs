//! Heads that are taken, heads that are refused, and that the way the bytes are cut changes nothing.

use super::*;

/// Feeds the bytes in pieces of a size; gives the number of heads and the refusal.
fn followed(bytes: &str, piece: usize) -> (u64, Option<(u64, &'static str)>) {
    let mut framing = Framing::default();
    for part in bytes.as_bytes().chunks(piece) {
        framing.follow(part);
    }
    (framing.heads(), framing.refused)
}

#[track_caller]
fn check(bytes: &str, heads: u64, refused: Option<(u64, &str)>) {
    for piece in [1, 2, 3, 7, 64, 100_000] {
        assert_eq!(followed(bytes, piece), (heads, refused), "in pieces of {piece}: {bytes:?}");
    }
}

const HOST: &str = "Host: me.test\r\n";

#[test]
fn requests_are_counted_over_their_bodies() {
    check(&format!("GET / HTTP/1.1\r\n{HOST}\r\n"), 1, None);
    check(&format!("\r\n\r\nGET / HTTP/1.1\r\n{HOST}\r\nGET / HTTP/1.1\r\n{HOST}\r\n"), 2, None);
    let body = "GET / HTTP/1.1\r\n\r\n";
    let post = format!("POST / HTTP/1.1\r\n{HOST}content-length: {}\r\n\r\n{body}", body.len());
    check(&format!("{post}{post}GET / HTTP/1.1\r\n{HOST}\r\n"), 3, None);
    check("GET / HTTP/1.0\r\n\r\n", 1, None);
}

#[test]
fn nothing_is_read_behind_a_chunked_body() {
    let chunked = format!("POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: Chunked\r\n\r\n");
    check(&format!("{chunked}0\r\n\r\nGET / HTTP/1.1\r\n\r\n"), 1, None);
}

#[test]
fn the_connection_ends_where_the_reader_stops() {
    let plain = format!("GET / HTTP/1.1\r\n{HOST}\r\n");
    let last = |bytes: &str| {
        let mut framing = Framing::default();
        framing.follow(bytes.as_bytes());
        (1..=4).find(|number| framing.is_last(*number))
    };
    assert_eq!(last(&plain.repeat(3)), None);
    let upgrade = format!("GET / HTTP/1.1\r\n{HOST}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    assert_eq!(last(&format!("{plain}{upgrade}{plain}")), Some(2));
    let chunked = format!("POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(last(&format!("{chunked}{plain}")), Some(1));
    assert_eq!(last(&format!("{plain}GET / HTTP/1.1\r\n\r\n")), Some(2));
    assert_eq!(last(&format!("{plain}GET / HTTP/1.1\r\nX: {}", "x".repeat(HEAD_BYTES_MAX))), Some(2));
}

#[test]
fn heads_with_two_readings_are_refused() {
    let one_host = Some((1, "A request has exactly one Host header."));
    check("GET / HTTP/1.1\r\n\r\n", 1, one_host);
    check(&format!("GET / HTTP/1.1\r\n{HOST}X: y\r\nHOST: other\r\n\r\n"), 1, one_host);
    check(&format!("GET / HTTP/1.0\r\n{HOST}{HOST}\r\n"), 1, one_host);
    let host = Some((1, "The Host header is not a name with an optional port."));
    check("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 1, host);
    check("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 1, host);
    check("GET / HTTP/1.1\r\nHost:\r\n\r\n", 1, host);
    let both = Some((1, "A request has either a Content-Length or a Transfer-Encoding header."));
    check(&format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), 1, both);
    check(&format!("POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"), 1, both);
    let twice = Some((1, "A request has at most one Content-Length header."));
    check(&format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"), 1, twice);
    let number = Some((1, "The Content-Length header is not a number."));
    check(&format!("POST / HTTP/1.1\r\n{HOST}Content-Length: +3\r\n\r\nabc"), 1, number);
    check(&format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 3, 3\r\n\r\nabc"), 1, number);
    let encoding = Some((1, "The only Transfer-Encoding that is understood is chunked."));
    check(&format!("POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip, chunked\r\n\r\n"), 1, encoding);
    check(&format!("POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: xchunked\r\n\r\n"), 1, encoding);
    let line = Some((1, "A line of the head ends without CR."));
    check("GET / HTTP/1.1\nHost: me.test\n\n", 1, line);
    check(&format!("GET / HTTP/1.1\r\n{HOST}X: y\nZ: w\r\n\r\n"), 1, line);
    check(&format!("GET / HTTP/1.1\r\n{HOST}X: y\r\n z\r\n\r\n"), 1, Some((1, "A header is folded over two lines.")));
}

#[test]
fn the_refusal_names_the_request() {
    let first = format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nbody");
    check(&format!("{first}GET / HTTP/1.1\r\n\r\n"), 2, Some((2, "A request has exactly one Host header.")));
}

#[test]
fn a_head_that_never_ends_is_not_kept() {
    let mut framing = Framing::default();
    for _ in 0..100 {
        framing.follow(&[b'x'; 1024]);
    }
    assert!(matches!(framing.place, Place::Last), "{:?}", framing.heads());
}
