//! What is read of a document as a whole.

use super::*;

fn import(members: &str) -> Import {
    let document = format!(r#"{{"swagger":"2.0","info":{{"title":"t","version":"1"}},{members},"paths":{{}}}}"#);
    Connector::import(document.as_bytes(), None, &Settings::default())
}

fn codes(import: &Import) -> Vec<&str> {
    let errors = import.diagnostics.iter().filter(|one| one.severity == hookmill_model::Severity::Error);
    errors.map(|one| &*one.code).collect()
}

#[test]
fn a_host_holds_no_other_part_of_an_address() {
    for host in
        ["../forge.example.org", "a.example.org?x", "u@a.example.org", "a.example.org#", "a%2e", "a b", "..", "a\\\\b"]
    {
        assert_eq!(codes(&import(&format!(r#""host":"{host}""#))), ["host_invalid"], "{host}");
    }
    for host in
        ["a.example.org", "a.example.org:8443", "[::1]:80", "{region}.example.org", "{{your_domain}}", "10.0.0.1"]
    {
        assert_eq!(codes(&import(&format!(r#""host":"{host}""#))), [""; 0], "{host}");
    }
}

#[test]
fn a_path_in_the_host_field_becomes_the_base_path() {
    for host in ["https://a.example.org/v1/x", "a.example.org/v1/x"] {
        let connector = import(&format!(r#""host":"{host}""#)).connector.unwrap();
        assert_eq!((&*connector.host, &*connector.base_path), ("a.example.org", "/v1/x"), "{host}");
    }
}

#[test]
fn a_base_path_does_not_climb() {
    for path in ["/v1/../admin", "/%2e%2e/x", "/./x"] {
        assert_eq!(
            codes(&import(&format!(r#""host":"a.example.org","basePath":"{path}""#))),
            ["path_climbs"],
            "{path}"
        );
    }
}
