//! What is asked of any bytes that come to the door, or claim to declare a webhook: nothing panics, nothing runs on, bodies
//! stay within their bound, the same request is decided alike, and nobody proves to be a sender without the secret. Run with
//! every test by `tests/fuzz.rs`, and for long by `cargo fuzz`.

use hookmill_model::{Object, Pointer, Str, Timestamp, Value};
use hookmill_webhook::{
    Decision, Declarations, Generation, Outcome, Proof, Request, State, decide, event_body, kind_of_secret, presets,
    read,
};

const NOW: Timestamp = Timestamp::from_millis(1_777_887_000_000);
/// What a body may have, before and after its codings are undone.
const BODY_BYTES_MAX: usize = 256 * 1_024;
/// The secret of the corpus, and one that nothing there was signed with.
const SECRETS: [&str; 2] = ["quiet-lamp-93", "c2VjcmV0LXRoYXQtbm9ib2R5LWtub3dzLTAwMDE="];

/// Bytes as a request: the number of a preset, the method and the address on the first line, header lines, an empty line,
/// the body.
pub fn door(data: &[u8]) {
    let Some((&number, data)) = data.split_first() else { return };
    let all = presets();
    let preset = &all[usize::from(number) % all.len()];
    let members: Object = [("x-hookmill-preset", Value::from(preset.name.clone()))].into_iter().collect();
    let declarations = read(&[(&members, Pointer::root())], &mut Vec::new());
    asked(&declarations, data);
}

/// Bytes as the declarations of a webhook, and a request that is decided by them.
pub fn declarations(data: &[u8]) {
    let Ok(value) = Value::from_json_within(data, 1 << 22) else { return };
    let Some(members) = value.as_object() else { return };
    let mut findings = Vec::new();
    let declarations = read(&[(members, Pointer::root())], &mut findings);
    for secret in SECRETS {
        let _ = kind_of_secret(&declarations.verification, secret);
    }
    asked(
        &declarations,
        b"POST https://me.example.org/callback/x?token=quiet-lamp-93\nContent-Type: application/json\n\n{\"a\":[1]}",
    );
}

fn asked(declarations: &Declarations, data: &[u8]) {
    let (head, body) = parts(data);
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let (method, url) = lines.next().unwrap_or_default().split_once(' ').unwrap_or(("POST", ""));
    let headers: Vec<(String, Vec<u8>)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().as_bytes().to_vec()))
        .collect();
    let request = Request { method, url, headers: &headers, body };
    for state in [State::Live, State::Creating] {
        let known = decided(declarations, state, &[SECRETS[0].into()], request);
        let again = decided(declarations, state, &[SECRETS[0].into()], request);
        assert_eq!(known.response, again.response, "the same request is decided alike");
        assert!((100..600).contains(&known.response.status), "{}", known.response.status);
        let other = decided(declarations, state, &[SECRETS[1].into()], request);
        if let Outcome::Event { proof: Proof::Sender { .. }, .. } = other.outcome {
            let is_secret_shown = head.contains(SECRETS[1]) || String::from_utf8_lossy(body).contains(SECRETS[1]);
            assert!(is_secret_shown || !declarations.needs_secret(), "nobody knows this secret");
        }
    }
    let read = event_body(declarations, request, BODY_BYTES_MAX);
    if let Some(value) = read.value {
        assert!(value.json_bytes() <= 8 * BODY_BYTES_MAX, "{} bytes", value.json_bytes());
    }
}

fn parts(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, b""),
    }
}

fn decided(declarations: &Declarations, state: State, secrets: &[Str], request: Request<'_>) -> Decision {
    let (empty, fetched) = (Object::new(), |_: &str| None);
    let generation = Generation {
        declarations,
        state,
        secrets,
        parameters: &empty,
        inputs: &empty,
        connection: &empty,
        registered: None,
        kept: &empty,
        fetched: &fetched,
        asked: None,
        body_bytes_max: BODY_BYTES_MAX,
    };
    decide(&generation, NOW, request)
}
