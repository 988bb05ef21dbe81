//! What the reader accepts, and where it finds what is wrong.

use super::*;
use crate::declaration::Secret;

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
        (r#"{"x-hookmill-verification":{"scheme":"remote","remote":{}}}"#.to_owned(), "/x-hookmill-verification/remote", "webhook_declaration"),
        (r#"{"x-hookmill-verification":{"scheme":"remote"}}"#.to_owned(), "/x-hookmill-verification", "webhook_declaration"),
        (r#"{"x-hookmill-verification":{"scheme":"remote","remote":{"operationId":"V"}}}"#.to_owned(), "/x-hookmill-verification/remote/expect", "webhook_declaration"),
        (format!(r#"{{"x-hookmill-verification":{{{hmac},"remote":{{}}}}}}"#), "/x-hookmill-verification/remote", "webhook_contradiction"),
        (r#"{"x-hookmill-registration":{"secrets":{}}}"#.to_owned(), "/x-hookmill-registration/secrets", "unknown_member"),
        (r#"{"x-hookmill-registration":{"exclusive":"bot"}}"#.to_owned(), "/x-hookmill-registration/exclusive", "webhook_contradiction"),
        (r#"{"x-hookmill-registration":{"exclusive":"two"}}"#.to_owned(), "/x-hookmill-registration/exclusive", "webhook_declaration"),
        (r#"{"x-hookmill-registration":{"callback":{"port":1}}}"#.to_owned(), "/x-hookmill-registration/callback/port", "unknown_member"),
        (r#"{"x-hookmill-registration":{"find":{"operationId":"L"}}}"#.to_owned(), "/x-hookmill-registration/find/match", "webhook_declaration"),
        (r#"{"x-hookmill-registration":{"update":{}}}"#.to_owned(), "/x-hookmill-registration/update", "webhook_declaration"),
        (r#"{"x-hookmill-registration":{"secret":{"operationId":"S"}}}"#.to_owned(), "/x-hookmill-registration/secret", "webhook_declaration"),
        (r#"{"x-hookmill-registration":{"secret":{"from":"registration:/s","into":"body:/s"}}}"#.to_owned(), "/x-hookmill-registration/secret/into", "webhook_contradiction"),
        (r#"{"x-hookmill-registration":{"secret":[]}}"#.to_owned(), "/x-hookmill-registration/secret", "webhook_declaration"),
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
fn members_of_a_registration_are_taken_one_by_one() {
    let object = |json: &str| Value::from_json(json.as_bytes()).unwrap().as_object().unwrap().clone();
    let made = |near: &str, root: &str| {
        let (near, root) = (object(near), object(root));
        let levels = [(&near, Pointer::parse("/paths/x/post")), (&root, Pointer::root())];
        let members = registration_members(&levels);
        let names =
            members.iter().map(|(name, _, at)| format!("{name} {}", at.as_str())).collect::<Vec<_>>().join(", ");
        let secret = read(&levels, &mut Vec::new()).registration.and_then(|own| own.secret);
        (names, secret.map(|secret| matches!(secret, Secret::Generated(_))))
    };
    let github = r#"{"x-hookmill-preset":"github"}"#;
    let deleted = r#"{"x-hookmill-registration":{"unsubscribe":{"location":true}}}"#;
    let both = r#"{"x-hookmill-preset":"github","x-hookmill-registration":{"unsubscribe":{"location":true}}}"#;
    let (near, far) = ("/paths/x/post/x-hookmill-registration", "/x-hookmill-registration");
    let by_preset = "secret /x-hookmill-preset";
    assert_eq!(made(deleted, github), (format!("unsubscribe {near}/unsubscribe, {by_preset}"), Some(true)));
    assert_eq!(made("{}", both), (format!("unsubscribe {far}/unsubscribe, {by_preset}"), Some(true)));
    let elsewhere = r#"{"x-hookmill-registration":{"secret":{"from":"registration:/s"}}}"#;
    assert_eq!(made(elsewhere, both), (format!("secret {near}/secret, unsubscribe {far}/unsubscribe"), Some(false)));
    let none = r#"{"x-hookmill-registration":{"secret":null}}"#;
    assert_eq!(made(none, both), (format!("unsubscribe {far}/unsubscribe"), None));
    let named = r#"{"x-hookmill-registration":{"preset":"gitlab","handle":"registration:/id"}}"#;
    let (names, secret) = made(named, github);
    assert_eq!(names, format!("handle {near}/handle, secret {near}/preset"));
    assert_eq!(secret, Some(true));
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
