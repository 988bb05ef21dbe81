//! What holds for every request: a changed byte is refused, and nothing makes the door panic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests may stop at once.

use hookmill_model::{Object, Pointer, Str, Timestamp, Value};
use hookmill_webhook::{Declarations, Generation, Outcome, Request, State, decide, event_body, presets, read};
use proptest::prelude::*;
use ring::hmac;

const NOW: Timestamp = Timestamp::from_millis(1_796_040_000_000);

fn outcome(
    declarations: &Declarations,
    secrets: &[Str],
    url: &str,
    headers: &[(String, Vec<u8>)],
    body: &[u8],
) -> (u16, Outcome) {
    let (empty, fetched) = (Object::new(), |_: &str| None);
    let generation = Generation {
        declarations,
        state: State::Live,
        secrets,
        parameters: &empty,
        inputs: &empty,
        connection: &empty,
        registered: None,
        kept: &empty,
        fetched: &fetched,
        asked: None,
        body_bytes_max: 100_000,
    };
    let decision = decide(&generation, NOW, Request { method: "POST", url, headers, body });
    (decision.response.status, decision.outcome)
}

/// A way of signing, written anew here: its declaration, and the header that signs a request.
type Signer = fn(secret: &str, url: &str, body: &[u8]) -> String;

fn mac(algorithm: hmac::Algorithm, secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), &parts.concat()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

const SIGNERS: &[(&str, &str, Signer)] = &[
    ("github", "X-Hub-Signature-256", |secret, _, body| {
        format!("sha256={}", hex(&mac(hmac::HMAC_SHA256, secret, &[body])))
    }),
    ("stripe", "Stripe-Signature", |secret, _, body| {
        format!("t=1796040000,v1={}", hex(&mac(hmac::HMAC_SHA256, secret, &[b"1796040000.", body])))
    }),
    ("square", "X-Square-Hmacsha256-Signature", |secret, url, body| {
        base64(&mac(hmac::HMAC_SHA256, secret, &[url.as_bytes(), body]))
    }),
    ("trello", "X-Trello-Webhook", |secret, url, body| {
        base64(&mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret, &[body, url.as_bytes()]))
    }),
    ("websub", "X-Hub-Signature", |secret, _, body| {
        format!("sha384={}", hex(&mac(hmac::HMAC_SHA384, secret, &[body])))
    }),
    ("pagerduty", "X-PagerDuty-Signature", |secret, _, body| {
        format!("v1={},v1={}", "00".repeat(32), hex(&mac(hmac::HMAC_SHA256, secret, &[body])))
    }),
];

fn declared(preset: &str) -> &'static Declarations {
    &hookmill_webhook::preset(preset).unwrap().declarations
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_signed_request_passes_and_one_with_a_changed_byte_does_not(
        signer in 0..SIGNERS.len(),
        secret in "[!-~]{1,70}",
        body in prop::collection::vec(any::<u8>(), 0..200),
        query in "[a-z=&%20]{0,20}",
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let (preset, header, sign) = SIGNERS[signer];
        let url = format!("https://hooks.example.net/callback/x?{query}");
        let secrets: [Str; 2] = ["another".into(), secret.as_str().into()];
        let signature = sign(&secret, &url, &body);
        let headers = vec![(header.to_owned(), signature.clone().into_bytes())];
        let passes = |headers: &[(String, Vec<u8>)], url: &str, body: &[u8]| {
            matches!(outcome(declared(preset), &secrets, url, headers, body).1, Outcome::Event { .. } | Outcome::Ping { .. })
        };
        prop_assert!(passes(&headers, &url, &body));
        if !body.is_empty() {
            let mut changed = body.clone();
            changed[at.index(body.len())] ^= flip;
            prop_assert!(!passes(&headers, &url, &changed));
        }
        if matches!(preset, "square" | "trello") {
            let other = format!("{url}x");
            prop_assert!(!passes(&headers, &other, &body));
        }
        let place = at.index(signature.len());
        let mut changed = signature.clone().into_bytes();
        changed[place] ^= flip;
        // Hexadecimal digits mean the same in capitals, spaces around an entry nothing, and a second entry may be wrong.
        let decoded = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_ascii_lowercase().replace(' ', "");
        let same = decoded(&changed) == signature.to_ascii_lowercase();
        let first_of_two = preset == "pagerduty" && place < 68;
        if !same && !first_of_two {
            let status = outcome(declared(preset), &secrets, &url, &[(header.to_owned(), changed.clone())], &body).0;
            prop_assert_eq!(status, 401, "{} {}", signature, String::from_utf8_lossy(&changed));
        }
    }

    #[test]
    fn no_declaration_makes_the_reader_panic(text in "[a-z:/{}*|.0-9-]{0,40}", place in 0..10_usize) {
        let text = Value::from(text).to_json();
        let json = [
            format!(r#"{{"x-hookmill-verification":{{"scheme":"hmac","hash":"sha256","content":{text},"signature":{{"from":"header:X","encoding":"hex"}}}}}}"#),
            format!(r#"{{"x-hookmill-verification":{{"scheme":{text},"signature":{{"from":{text}}}}}}}"#),
            format!(r#"{{"x-hookmill-handshake":{{"when":{{{text}:{text}}},"reply":{{"json":{text}}}}}}}"#),
            format!(r#"{{"x-hookmill-dedupe":{{"key":{text},"items":{text},"window":{text}}}}}"#),
            format!(r#"{{"x-hookmill-registration":{{"secret":{{"generate":{{}},"into":{text}}}}}}}"#),
            format!(r#"{{"x-hookmill-registration":{{"secret":{{"from":{text}}}}}}}"#),
            format!(r#"{{"x-hookmill-renewal":{{"expires":{text},"before":{text},"by":{text}}}}}"#),
            format!(r#"{{"x-hookmill-preset":{text},"x-hookmill-reply":{text}}}"#),
            format!(r#"{{"x-hookmill-ping":[{text}],"x-hookmill-recovery":{{"list":{text},"redeliver":{text}}}}}"#),
            format!(r#"{{"x-hookmill-verification":{{"preset":{text}}},"x-hookmill-handshake":[{{"preset":{text}}}]}}"#),
        ];
        let value = Value::from_json(json[place].as_bytes()).unwrap();
        let declarations = read(&[(value.as_object().unwrap(), Pointer::root())], &mut Vec::new());
        let headers = [("X".to_owned(), b"00".to_vec())];
        outcome(&declarations, &["s".into()], "https://h/x?a=b", &headers, br#"{"a":[{"b":1}]}"#);
    }
}

/// Random numbers that are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.roll(from.len())]
    }
}

/// Requests that are put together from what services send and from what breaks readers. `HOOKMILL_FUZZ` is how many.
#[test]
#[allow(clippy::disallowed_methods)] // The number of inputs may come from outside.
fn nothing_makes_the_door_panic() {
    let inputs: usize = std::env::var("HOOKMILL_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let types = [
        "application/json",
        "text/plain; charset=utf-16",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "multipart/x; boundary=",
        "application/xml",
        "text/xml;charset=shift_jis",
        "",
        "application/json; charset=\"",
        "a/b;;=",
    ];
    let parts = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\\u",
        "\\ud83d",
        "\\ude00",
        "1e999",
        "-",
        "0",
        "12345678901234567890",
        "null",
        "\"value\"",
        "\"id\"",
        "\"Type\":\"Notification\"",
        "\"Signature\"",
        "\"SigningCertURL\"",
        "payload=",
        "%7B%22",
        "&",
        "=",
        "--b\r\n",
        "--b--",
        "\r\n\r\n",
        "Content-Type: application/json",
        "<a>",
        "</a>",
        "<Notification><Id>1</Id>",
        "\u{feff}",
        "ü",
        "\0",
        "t=1796040000",
        "v1=",
        "v1,",
        "sha256=",
        "00",
        "eyJhbGciOiJIUzI1NiJ9",
        ".",
        " ",
        "https://sns.x.amazonaws.com/S.pem",
    ];
    let names = [
        "X-Hub-Signature-256",
        "X-Hub-Signature",
        "Stripe-Signature",
        "X-Slack-Signature",
        "X-Slack-Request-Timestamp",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "Authorization",
        "X-Signature-Ed25519",
        "X-Signature-Timestamp",
        "X-Webhook-Signature",
        "Content-Encoding",
        "X-Twilio-Signature",
        "X-Twilio-Webhooks-Signature-Settings",
        "PAYPAL-CERT-URL",
        "X-Hook-Secret",
        "WebHook-Request-Origin",
        "aeg-event-type",
        "X-GitHub-Event",
    ];
    let values = [
        "gzip",
        "deflate",
        "br",
        "gzip, br",
        "Basic YTpi",
        "HMAC 00",
        "SubscriptionValidation",
        "ping",
        "\u{e9}\u{1}",
        "v1,AAAA",
        "v0=00",
    ];
    let methods = ["POST", "POST", "POST", "GET", "HEAD", "OPTIONS", "PUT"];
    let (mut dice, presets) = (Dice(0x9E37_79B9_7F4A_7C15), presets());
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for _ in 0..inputs {
        let preset = &presets[dice.roll(presets.len())];
        let body: Vec<u8> = match dice.roll(8) {
            0 => (0..dice.roll(60)).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect(),
            _ => (0..dice.roll(25)).map(|_| dice.pick(&parts)).collect::<String>().into_bytes(),
        };
        let mut headers = vec![("Content-Type".to_owned(), dice.pick(&types).as_bytes().to_vec())];
        for _ in 0..dice.roll(5) {
            let value = if dice.roll(2) == 0 { dice.pick(&values) } else { dice.pick(&parts) };
            headers.push((dice.pick(&names).to_owned(), value.as_bytes().to_vec()));
        }
        let url = format!(
            "https://h.example/callback/x?{}",
            dice.pick(&[
                "",
                "challenge=x",
                "hub.mode=subscribe&hub.challenge=1",
                "validationToken=%F0",
                "bodySHA256=",
                "crc_token=a",
                "%"
            ])
        );
        let (empty, fetched) = (Object::new(), |_: &str| {
            Some(Str::from("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
        });
        let secrets: [Str; 2] = ["whsec_AAAA".into(), "a:b".into()];
        let generation = Generation {
            declarations: &preset.declarations,
            state: [State::Live, State::Live, State::Creating, State::Deleting][dice.roll(4)],
            secrets: &secrets[..dice.roll(3)],
            parameters: &empty,
            inputs: &empty,
            connection: &empty,
            registered: None,
            kept: &empty,
            fetched: &fetched,
            asked: None,
            body_bytes_max: 10_000,
        };
        let request = Request { method: dice.pick(&methods), url: &url, headers: &headers, body: &body };
        let decision = decide(&generation, NOW, request);
        *statuses.entry(decision.response.status).or_default() += 1;
        assert!(decision.response.body.len() <= 5_000);
        // Whatever passes was signed with a secret, and nothing here is.
        let proven =
            matches!(decision.outcome, Outcome::Event { proof: hookmill_webhook::Proof::Sender { body: true }, .. });
        assert!(!proven, "{} {headers:?} {:?}", preset.name, String::from_utf8_lossy(&body));
        let _ = event_body(&preset.declarations, request, 10_000);
        let _ = hookmill_webhook::recognised(request, 10_000);
    }
    assert!(statuses.len() > 6, "the inputs reach most answers: {statuses:?}");
}
