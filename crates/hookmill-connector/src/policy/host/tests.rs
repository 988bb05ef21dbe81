//! Tests of hosts by policy: who may name which part of an address.

use hookmill_model::{Object, Value};

use super::*;
use crate::connection::Credentials;
use crate::draft::Query;

/// The base of a template, with `i` as a query pair of the flow and `c` as a value of the connection.
fn check(template: &str, flow: &str, connection: &str) -> Result<String, String> {
    let parameters: Object = [("c", connection)].into_iter().collect();
    let credentials = Credentials { parameters, ..Credentials::default() };
    let queries = [Query::new("i", flow)];
    let body = Value::Null;
    let scope = Scope { credentials: Some(&credentials), headers: &[], queries: &queries, body: &body, item: None };
    let confirmed: Vec<Str> = vec!["https://confirmed.example.net".into()];
    let template = Template::read(template).unwrap();
    let made = base(&template, "dynamichosturl", &scope, "https://own.example.com", &confirmed);
    made.map(|base| format!("{}{}", base.origin, base.path)).map_err(|error| error.to_string())
}

#[test]
fn the_owner_of_a_connection_chooses_the_host() {
    for (template, value, wanted) in [
        ("@connectionParameters('c')", "https://acme.example.org/rest/", "https://acme.example.org/rest"),
        ("@connectionParameters('c')", "acme.example.org", "https://acme.example.org"),
        ("https://@connectionParameters('c')/api", "http://acme.example.org:8080", "http://acme.example.org:8080/api"),
        ("https://@connectionParameters('c').example.org/a/", "acme", "https://acme.example.org/a"),
        ("https://x.example.org:@{connectionParameters('c')}", "8443", "https://x.example.org:8443"),
        ("https://x.example.org/@connectionParameters('c')/v1", "a/b", "https://x.example.org/a/b/v1"),
    ] {
        assert_eq!(check(template, "", value).as_deref(), Ok(wanted), "{template}");
    }
}

#[test]
fn a_value_beside_text_stays_a_part_of_the_host() {
    for value in ["evil.example.net/", "a@evil", "evil.example.net#", "a:80", "a b", "ä"] {
        let refused = check("https://@connectionParameters('c').example.org/api", "", value).unwrap_err();
        assert!(refused.contains("connectionParameters('c')"), "{refused}");
    }
    check("https://x.example.org:@{connectionParameters('c')}", "", "80a").unwrap_err();
    for value in
        ["https://user@evil.example.net", "https://a.example.org/?x=1", "https://a.example.org/../b", "ftp://a"]
    {
        check("@connectionParameters('c')", "", value).unwrap_err();
    }
}

#[test]
fn the_flow_chooses_among_hosts_of_the_connector_and_confirmed_ones() {
    for (template, value, fits) in [
        ("https://@queryParameters('i').example.org", "acme", true),
        ("https://@queryParameters('i').shop.example.org/x", "acme", true),
        ("https://@queryParameters('i').co.uk", "evil", false),
        ("https://@queryParameters('i').github.io", "evil", false),
        ("https://@queryParameters('i').org", "evil.example", false),
        ("https://@queryParameters('i').example.org@connectionParameters('c')", "acme", false),
        ("https://x.example.org:@{queryParameters('i')}", "8080", true),
        ("@queryParameters('i')", "https://own.example.com/v2", true),
        ("@queryParameters('i')", "https://confirmed.example.net", true),
        ("@queryParameters('i')", "https://evil.example.net", false),
        ("@queryParameters('i')", "https://own.example.com:8443", false),
    ] {
        let found = check(template, value, "x");
        assert_eq!(found.is_ok(), fits, "{template} with {value}: {found:?}");
    }
    assert_eq!(
        check("https://x.example.org/@queryParameters('i')", "a/../b", "").as_deref(),
        Ok("https://x.example.org/a%2F..%2Fb"),
    );
    check("https://x.example.org/@queryParameters('i')", "..", "").unwrap_err();
    assert!(check("@queryParameters('i')", "https://evil.example.net", "").unwrap_err().contains("evil.example.net"));
}

#[test]
fn without_a_value_there_is_no_host() {
    assert!(check("https://@connectionParameters('c').example.org", "", "").unwrap_err().contains("'c'"));
    assert_eq!(
        check("https://@connectionParameters('c','eu.example.org')/v1", "", "").as_deref(),
        Ok("https://eu.example.org/v1"),
    );
}
