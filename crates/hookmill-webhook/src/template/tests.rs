//! Selectors, templates and conditions against one request.

use super::*;
use crate::request::Request;
use hookmill_model::Timestamp;

fn check(headers: &[(&str, &str)], url: &str, body: &str, test: impl Fn(&Scope<'_>)) {
    let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect();
    let request = Request { method: "POST", url, headers: &headers, body: body.as_bytes() };
    let reading = Reading::new(request, 1_000_000);
    let empty = Object::new();
    let fetched = |_: &str| None;
    let known = Known {
        now: Timestamp::from_millis(1_796_040_000_000),
        secrets: &[],
        parameters: &empty,
        inputs: &empty,
        connection: &empty,
        registered: None,
        kept: &empty,
        fetched: &fetched,
        asked: None,
    };
    test(&Scope::new(&reading, &known));
}

fn made(template: &str, scope: &Scope<'_>) -> Option<String> {
    let bytes = Template::parse(template).unwrap().bytes(scope)?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn templates_name_every_part_of_a_request() {
    let headers = [("X-Id", "7"), ("x-two", "a"), ("X-Two", "b")];
    let body = r#"{"id":1.50,"big":12345678901234567890,"a/b":"slash","list":[{"k":"v"},{"k":"w"}],"no":null}"#;
    check(&headers, "https://hooks.example/callback/x?q=1&r=%C3%BC+z", body, |scope| {
        for (template, expected) in [
            ("{header:x-ID}", Some("7")),
            ("{header:x-two}", None),
            ("{query:r}", Some("ü z")),
            ("{query:R}", None),
            ("{body:/id}", Some("1.50")),
            ("{body:/big}", Some("12345678901234567890")),
            ("{body:/a~1b}", Some("slash")),
            ("{body:/list/1/k}", Some("w")),
            ("{body:/list/*/k}", None),
            ("{body:/list}", None),
            ("{body:/no}", None),
            ("{path}", Some("/callback/x")),
            ("{method}:{url}", Some("POST:https://hooks.example/callback/x?q=1&r=%C3%BC+z")),
            ("{{{header:X-Id}}}", Some("{7}")),
            ("{now+PT1H}", Some("2026-11-30T13:00:00.0000000Z")),
            ("", Some("")),
        ] {
            assert_eq!(made(template, scope).as_deref(), expected, "{template}");
        }
        assert_eq!(made("{body}", scope).as_deref(), Some(body));
    });
}

#[test]
fn what_a_template_makes_is_bounded() {
    let body = "x".repeat(300_000);
    check(&[], "https://hooks.example/callback/x", &body, |scope| {
        assert_eq!(made("{url}{body}{body}", scope).map(|made| made.len()), Some(600_032));
        assert_eq!(made(&"{body}".repeat(60), scope), None);
        assert_eq!(made(&"{body.decoded}".repeat(60), scope), None);
    });
    let lines = format!("{{lines:{}}}", vec!["a"; 65].join(","));
    for long in ["{body}".repeat(65), "{sha256hex:body}".repeat(65), lines] {
        assert!(Template::parse(&long).unwrap_err().contains("more than 64 parts"));
    }
}

#[test]
fn broken_templates_say_what_is_wrong() {
    for template in ["{", "}", "a{body", "{nonsense}", "{now+1H}", "{header:}", "{body:id}"] {
        assert!(Template::parse(template).is_err(), "{template}");
    }
}

#[test]
fn conditions_hold_for_every_value() {
    let holds = |body: &str, selector: &str, wanted: Option<&str>| {
        let wanted = wanted.map_or(Wanted::Absent, |text| Wanted::parse(text).unwrap());
        let conditions = Conditions(vec![(Selector::parse(selector).unwrap(), wanted)]);
        let holds = std::cell::Cell::new(false);
        check(&[], "/", body, |scope| holds.set(conditions.hold(scope)));
        holds.get()
    };
    let two = r#"{"v":[{"e":"a"},{"e":"b"}]}"#;
    assert!(holds(two, "body:/v/*/e", Some("*")) && holds(two, "body:/v/*/e", Some("a|b")));
    assert!(!holds(two, "body:/v/*/e", Some("a")), "each must fit");
    assert!(!holds(r#"{"v":[{"e":"a"},{}]}"#, "body:/v/*/e", Some("*")), "one has none");
    assert!(!holds(r#"{"v":[]}"#, "body:/v/*/e", Some("*")), "none fits nothing");
    assert!(holds(r#"{"v":[{},{"e":null}]}"#, "body:/v/*/e", None) && holds("text", "body:/v", None));
    assert!(
        holds(r#"{"events":[ ]}"#, "body:/events", Some("[]"))
            && !holds(r#"{"events":[1]}"#, "body:/events", Some("[]"))
    );
    assert!(holds(r#"{"t":1}"#, "body:/t", Some("1")) && !holds(r#"{"t":10}"#, "body:/t", Some("1")));
}

#[test]
fn patterns_have_stars() {
    for (pattern, text, fits) in [
        ("*", "", true),
        ("a*c", "abbc", true),
        ("a*c", "abcd", false),
        ("*.pem", "x.pem", true),
        ("a", "A", false),
        ("*a*b*", "xxaxxbxx", true),
    ] {
        assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
    }
}

#[test]
fn forms_are_sorted_and_each_pair_counts_once() {
    let form = [("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")];
    check(&form, "/", "b=2&a=%C3%BC&b=1&b=2&empty=", |scope| {
        assert_eq!(made("{form.sorted}", scope).as_deref(), Some("aüb1b2empty"));
    });
    check(&[], "/", "b=2&a=1", |scope| assert_eq!(made("{form.sorted}", scope).as_deref(), Some("")));
}

#[test]
fn elements_are_found_by_the_end_of_their_path() {
    let body = "<e:Envelope xmlns:e='x'><n><Notification><Id>1</Id><o><Id>9</Id></o></Notification>\
                <Notification><Id> 2 </Id></Notification></n></e:Envelope>";
    let path = ["Notification".to_owned(), "Id".to_owned()];
    assert_eq!(xml_texts(body.as_bytes(), &path), ["1", "2"]);
    assert!(xml_texts(b"<a><Notification><Id>1</Id>", &path).len() < 2);
    assert!(xml_texts(b"{}", &path).is_empty());
}
