//! What the reader accepts, and where it finds what is wrong.

use super::*;

fn findings(json: &str) -> Vec<(String, String)> {
    let value = Value::from_json(json.as_bytes()).unwrap();
    let mut findings = Vec::new();
    read(&[(value.as_object().unwrap(), Pointer::root())], &mut findings);
    findings.into_iter().map(|finding| (finding.pointer.as_str().to_owned(), finding.code)).collect()
}

#[test]
fn everything_that_is_wrong_has_its_place() {
    let hmac = r#""scheme":"hmac","hash":"sha256","signature":{"from":"header:X","encoding":"hex"}"#;
    for (json, pointer, code) in [
        (r#"{"x-hookmill-preset":"githab"}"#.to_owned(), "/x-hookmill-preset", "webhook_preset_unknown"),
        (r#"{"x-hookmill-verifcation":{}}"#.to_owned(), "/x-hookmill-verifcation", "unknown_member"),
        (format!(r#"{{"x-hookmill-verification":{{{hmac},"contents":"x"}}}}"#), "/x-hookmill-verification/contents", "unknown_member"),
        (format!(r#"{{"x-hookmill-verification":[{{{hmac}}},{{{hmac},"jwks":"https://x"}}]}}"#), "/x-hookmill-verification/1/jwks", "webhook_contradiction"),
        (format!(r#"{{"x-hookmill-verification":{{{hmac},"content":"{{sig:t}}{{body}}"}}}}"#), "/x-hookmill-verification", "webhook_contradiction"),
        (format!(r#"{{"x-hookmill-verification":{{{hmac},"content":"{{head:X}}"}}}}"#), "/x-hookmill-verification/content", "webhook_declaration"),
        (r#"{"x-hookmill-verification":{"scheme":"hmac","signature":{"from":"header:X","encoding":"hex"}}}"#.to_owned(), "/x-hookmill-verification/hash", "webhook_declaration"),
        (r#"{"x-hookmill-verification":{"scheme":"hmac","hash":"sha256"}}"#.to_owned(), "/x-hookmill-verification", "webhook_declaration"),
        (r#"{"x-hookmill-verification":{"scheme":"jwt","algorithms":["HS256","RS256"],"signature":{"from":"header:X"}}}"#.to_owned(), "/x-hookmill-verification/algorithms", "webhook_contradiction"),
        (r#"{"x-hookmill-verification":{"scheme":"jwt","algorithms":["none"],"signature":{"from":"header:X"}}}"#.to_owned(), "/x-hookmill-verification/algorithms/0", "webhook_declaration"),
        (r#"{"x-hookmill-verification":{"scheme":"remote","remote":{}}}"#.to_owned(), "/x-hookmill-verification/scheme", "webhook_declaration"),
        (r#"{"x-hookmill-handshake":[{"when":{"method":"GET"},"verified":true,"reply":{"status":200}}]}"#.to_owned(), "/x-hookmill-handshake", "webhook_contradiction"),
        (r#"{"x-hookmill-handshake":[{"when":{"method":"GET"},"reply":{"body":"{compute:x}"}}]}"#.to_owned(), "/x-hookmill-handshake/0/reply", "webhook_contradiction"),
        (r#"{"x-hookmill-handshake":[{"when":{"method":"GET"},"reply":{"contentType":"text/html","body":"{query:x}"}}]}"#.to_owned(), "/x-hookmill-handshake/0/reply/contentType", "webhook_declaration"),
        (r#"{"x-hookmill-handshake":[{"when":{},"reply":{}}]}"#.to_owned(), "/x-hookmill-handshake/0/when", "webhook_declaration"),
        (r#"{"x-hookmill-dedupe":{"key":"always"}}"#.to_owned(), "/x-hookmill-dedupe/key", "webhook_contradiction"),
        (r#"{"x-hookmill-dedupe":{"key":"{item:/id}"}}"#.to_owned(), "/x-hookmill-dedupe", "webhook_contradiction"),
        (r#"{"x-hookmill-reply":{"status":500}}"#.to_owned(), "/x-hookmill-reply/status", "webhook_declaration"),
        (r#"{"x-hookmill-reply":{"status":204,"body":"x"}}"#.to_owned(), "/x-hookmill-reply/body", "webhook_contradiction"),
        (r#"{"x-hookmill-registration":{"secret":{"generate":{},"from":"registration:/s"}}}"#.to_owned(), "/x-hookmill-registration/secret", "webhook_contradiction"),
        (r#"{"x-hookmill-registration":{"secret":{"generate":{"bytes":4},"into":"body:/s"}}}"#.to_owned(), "/x-hookmill-registration/secret/generate/bytes", "webhook_declaration"),
        (r#"{"x-hookmill-renewal":{"expires":"header:X"}}"#.to_owned(), "/x-hookmill-renewal/expires", "webhook_declaration"),
        (r#"{"x-hookmill-recovery":{"list":{}}}"#.to_owned(), "/x-hookmill-recovery", "webhook_declaration"),
    ] {
        let found = findings(&json);
        assert!(found.contains(&(pointer.to_owned(), code.to_owned())), "{json}\n{found:?}");
    }
}

#[test]
fn the_nearest_level_wins_and_a_preset_lies_under_what_is_given() {
    let object = |json: &str| Value::from_json(json.as_bytes()).unwrap().as_object().unwrap().clone();
    let root = object(r#"{"x-hookmill-preset":"github","x-hookmill-reply":{"status":204}}"#);
    let near = object(r#"{"x-hookmill-verification":{"preset":"github","hash":"sha512"},"x-hookmill-ping":[]}"#);
    let mut findings = Vec::new();
    let made = read(&[(&near, Pointer::parse("/paths/x/post")), (&root, Pointer::root())], &mut findings);
    assert_eq!(findings, []);
    assert_eq!(made.preset.as_deref(), Some("github"));
    assert_eq!(made.verification[0].hash, crate::verification::HashChoice::One(Hash::Sha512));
    assert!(made.verification[0].signature.is_some() && made.ping.is_empty());
    assert_eq!(made.reply.unwrap().status, 204);
    assert_eq!(made.dedupe.unwrap().window, Duration::from_secs(4 * 86_400));
}
