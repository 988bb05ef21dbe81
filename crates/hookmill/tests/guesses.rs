//! Many who guess passwords and tokens at once, against the real binary: what is looked at, and what others notice.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Message, SETUP_TOKEN, Server, http};

const PASSWORD: &str = "a long password";

fn server(folder: &tempfile::TempDir, flags: &[&str]) -> Server {
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", flags);
    server.set_up();
    server
}

fn sign_in(server: &Server, email: &str, password: &str, headers: &[(&str, &str)]) -> Message {
    let body = json!({"email": email, "password": password}).to_string();
    let mut all = vec![("Content-Type", "application/json")];
    all.extend(headers);
    http(&server.address, "POST", "/api/session", &all, body.as_bytes())
}

/// Calls from many threads at once; the statuses.
fn at_once(count: usize, call: impl Fn(usize) -> u16 + Sync) -> Vec<u16> {
    std::thread::scope(|scope| {
        let call = &call;
        let all: Vec<_> = (0..count).map(|number| scope.spawn(move || call(number))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|own| **own == status).count()
}

#[test]
fn sign_ins_with_many_addresses_take_no_memory_and_hold_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    // Each comes from an address of its own as well, as the proxy on this machine says.
    let server = server(&folder, &["--trusted-proxy", "127.0.0.1"]);
    let (mut waits, mut statuses) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let guesses = scope.spawn(|| {
            at_once(400, |number| {
                let caller = format!("10.{}.{}.1", number / 200, number % 200);
                let email = format!("person{number}@example.org");
                sign_in(&server, &email, "wrong wrong wrong", &[("X-Forwarded-For", &caller)]).status()
            })
        });
        while !guesses.is_finished() || waits.len() < 20 {
            let begin = Instant::now();
            assert_eq!(http(&server.address, "GET", "/health/live", &[], b"").status(), 200);
            waits.push(begin.elapsed());
            std::thread::sleep(Duration::from_millis(10));
        }
        statuses = guesses.join().unwrap();
    });
    waits.sort();
    // Half of them: what other programs of the machine do at a moment is not measured.
    let most = waits[waits.len() / 2];
    let peak = server.memory_peak_kib() / 1024;
    println!(
        "400 sign-ins at once: {peak} MiB at most, {} compared, half of the others within {most:?}",
        count(&statuses, 401)
    );
    assert!(peak <= 150, "{peak} MiB");
    assert!(most <= Duration::from_millis(100) && waits[waits.len() - 1] < Duration::from_secs(3), "{waits:?}");
    assert!(statuses.iter().all(|status| [401, 429, 503].contains(status)), "{statuses:?}");
    assert_eq!(sign_in(&server, "ada@example.org", PASSWORD, &[]).status(), 200);
}

#[test]
fn guesses_at_once_are_hardly_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, &[]);
    let owner = sign_in(&server, "ada@example.org", PASSWORD, &[]);
    assert_eq!(owner.status(), 200);
    let cookies: Vec<_> = owner.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    let value = |name: &str| {
        let line = cookies.iter().find(|(_, value)| value.starts_with(name)).unwrap();
        line.1.split(';').next().unwrap().to_owned()
    };
    let (session, device) = (value("hookmill_session"), value("hookmill_device"));
    let guesses =
        at_once(300, |number| sign_in(&server, "ada@example.org", &format!("guess number {number}"), &[]).status());
    println!("300 guesses of a password at once: {} compared", count(&guesses, 401));
    assert!(count(&guesses, 401) <= 8 && count(&guesses, 401) + count(&guesses, 429) == 300, "{guesses:?}");
    // The account is closed to strangers for a while, with a forged mark as well, and open to a browser that has signed
    // in before.
    let forged = format!("{device}0");
    let guess = |number: usize| {
        let headers: &[(&str, &str)] = if number.is_multiple_of(2) { &[("Cookie", &forged)] } else { &[] };
        sign_in(&server, "ada@example.org", &format!("further guess {number}"), headers).status()
    };
    let guesses = at_once(100, guess);
    assert!(count(&guesses, 401) <= 2 && count(&guesses, 401) + count(&guesses, 429) == 100, "{guesses:?}");
    assert_eq!(sign_in(&server, "ada@example.org", PASSWORD, &[("Cookie", &device)]).status(), 200);

    // The password that a signed-in person is asked for again.
    let csrf = owner.json()["csrf_token"].as_str().unwrap().to_owned();
    let guesses = at_once(300, |number| {
        let body =
            json!({"email": "eve@example.org", "current_password": format!("guess number {number}")}).to_string();
        let headers = [("Content-Type", "application/json"), ("Cookie", session.as_str()), ("X-CSRF-Token", &csrf)];
        http(&server.address, "PUT", "/api/account", &headers, body.as_bytes()).status()
    });
    println!("300 guesses of the current password at once: {} compared", count(&guesses, 403));
    assert!(count(&guesses, 403) <= 8 && count(&guesses, 403) + count(&guesses, 429) == 300, "{guesses:?}");
}

#[test]
fn tokens_are_not_guessed_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let bare = Server::start(&folder.path().join("bare"), "127.0.0.1:0", &[]);
    let set_up = |token: &str| {
        let form = json!({"token": token, "name": "Eve", "email": "eve@example.org", "password": PASSWORD}).to_string();
        http(&bare.address, "POST", "/api/setup", &[("Content-Type", "application/json")], form.as_bytes()).status()
    };
    let guesses = at_once(100, |number| set_up(&format!("guess {number}")));
    assert!(count(&guesses, 403) <= 8 && count(&guesses, 403) + count(&guesses, 429) == 100, "{guesses:?}");
    assert_eq!(set_up(SETUP_TOKEN), 429, "also the right token waits");

    let server = server(&folder, &[]);
    let ask = |token: &str| {
        let bearer = format!("Bearer {token}");
        http(&server.address, "GET", "/api/about", &[("Authorization", &bearer)], b"").status()
    };
    assert_eq!(ask(&server.token), 200);
    let guesses = at_once(100, |number| ask(&format!("hkm_{number:060}")));
    assert!(count(&guesses, 401) <= 20 && count(&guesses, 401) + count(&guesses, 429) == 100, "{guesses:?}");
    assert_eq!(ask(&server.token), 200, "a token that was right before is right now");
    let (status, answer) = server.call("GET", "/api/session", &Value::Null);
    assert_eq!((status, &answer["user"]["name"]), (200, &json!("Ada")));
}
