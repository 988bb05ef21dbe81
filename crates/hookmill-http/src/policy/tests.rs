//! Spellings of forbidden targets, and what exceptions open.

use super::*;

fn check(policy: &AddressPolicy, url: &str) -> Result<(), SendErrorKind> {
    let url = Url::parse(url).map_err(|_| SendErrorKind::InvalidUrl)?;
    policy.check_url(&url).map_err(|error| error.kind)
}

fn allowing(allow: &[&str]) -> AddressPolicy {
    AddressPolicy::new(allow, &[], false).unwrap()
}

#[test]
fn every_spelling_of_a_closed_address_is_refused() {
    let policy = AddressPolicy::default();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "017700000001",
        "0177.0.0.1",
        "127.255.255.254",
        "[::1]",
        "[::]",
        "0.0.0.0",
        "0",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::7f00:1]",
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
        "[100::1]",
        "[2001::1]",
        "[::ffff:0:127.0.0.1]",
        "[::ffff:0:7f00:1]",
        "[::ffff:0:808:808]",
        "[2001:db8::1]",
        "[2002:7f00:1::]",
        "[3fff::1]",
        "[5f00::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "1２7.0.0.1",
        "①②⑦.0.0.1",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}/");
            assert_eq!(check(&policy, &url), Err(SendErrorKind::AddressNotAllowed), "{url}");
        }
    }
    for host in ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "[2606:4700::1111]", "168.63.129.17"] {
        assert_eq!(check(&policy, &format!("https://{host}/")), Ok(()), "{host}");
    }
}

#[test]
fn what_can_never_be_called_is_an_invalid_url() {
    let policy = allowing(&["127.0.0.1", "localhost"]);
    for url in ["ftp://example.com/", "file:///etc/passwd", "gopher://x/", "https://user:word@example.com/", "data:,x"]
    {
        assert_eq!(check(&policy, url), Err(SendErrorKind::InvalidUrl), "{url}");
    }
}

#[test]
fn ports_of_other_protocols_are_closed() {
    let policy = AddressPolicy::default();
    for port in [1, 22, 25, 53, 445, 1023, 2049, 6000, 6667, 10080] {
        let url = format!("http://example.com:{port}/");
        assert_eq!(check(&policy, &url), Err(SendErrorKind::AddressNotAllowed), "{port}");
    }
    for port in [80, 443, 1024, 3000, 8080, 8443, 65535] {
        assert_eq!(check(&policy, &format!("http://example.com:{port}/")), Ok(()), "{port}");
    }
    let opened = allowing(&["example.com:25"]);
    assert_eq!(check(&opened, "http://example.com:25/"), Ok(()));
    assert!(opened.allows_address("example.com", "93.184.216.34".parse().unwrap(), 25));
    assert!(!opened.allows_address("other.example", "93.184.216.34".parse().unwrap(), 25));
}

#[test]
fn exceptions_open_what_they_name_and_no_more() {
    let policy = allowing(&["10.1.0.0/16:443", "gitlab.internal:8443", "*.lan", "[fd00::/8]:8080", "127.0.0.1"]);
    let allows = |host: &str, address: &str, port| policy.allows_address(host, address.parse().unwrap(), port);
    assert!(allows("any.example", "10.1.200.3", 443));
    assert!(!allows("any.example", "10.1.200.3", 8443));
    assert!(!allows("any.example", "10.2.0.1", 443));
    assert!(allows("gitlab.internal", "192.168.7.7", 8443));
    assert!(allows("GitLab.internal.", "192.168.7.7", 8443));
    assert!(!allows("gitlab.internal", "192.168.7.7", 443));
    assert!(!allows("evil-gitlab.internal", "192.168.7.7", 8443));
    assert!(allows("printer.lan", "192.168.0.9", 80));
    assert!(!allows("lan", "192.168.0.9", 80));
    assert!(!allows("evillan", "192.168.0.9", 80));
    assert!(allows("x", "fd12::1", 8080));
    assert!(!allows("x", "fd12::1", 8081));
    assert!(allows("x", "::ffff:127.0.0.1", 9000));
    assert!(!allows("x", "127.0.0.2", 9000));
}

#[test]
fn an_exception_by_name_never_opens_the_metadata_of_a_cloud() {
    let policy = allowing(&["*.internal"]);
    let allows = |address: &str| policy.allows_address("a.internal", address.parse().unwrap(), 80);
    assert!(allows("10.0.0.1"));
    assert!(!allows("169.254.169.254"));
    assert!(!allows("168.63.129.16"));
    assert!(!allows("fd00:ec2::254"));
    assert!(!allows("0.0.0.0"));
    assert!(allowing(&["169.254.169.254"]).allows_address("x", "169.254.169.254".parse().unwrap(), 80));
}

#[test]
fn deny_wins_and_a_closed_network_reaches_the_list_only() {
    let policy = AddressPolicy::new(&["10.0.0.0/8", "api.example"], &["10.0.0.5", "bad.example"], true).unwrap();
    let allows = |host: &str, address: &str| policy.allows_address(host, address.parse().unwrap(), 443);
    assert!(allows("x", "10.0.0.4"));
    assert!(!allows("x", "10.0.0.5"));
    assert!(allows("api.example", "93.184.216.34"));
    assert!(!allows("other.example", "93.184.216.34"));
    assert_eq!(check(&policy, "https://bad.example/"), Err(SendErrorKind::AddressNotAllowed));
}

#[test]
fn entries_that_are_nothing_are_named() {
    for entry in ["", "10.0.0.0/33", "10.0.0.0/x", "host:0", "host:99999", "a b", "[::1", "[::1]x", "*.", "*.1.2.3.4"] {
        let error = AddressPolicy::new(&[entry], &[], false).unwrap_err();
        assert_eq!(error.entry, entry);
    }
    for entry in ["::1", "[::1]", "fe80::/10", "0.0.0.0/0", "bücher.example:443", "2130706433"] {
        assert!(AddressPolicy::new(&[entry], &[], false).is_ok(), "{entry}");
    }
}

#[tokio::test]
async fn mail_servers_go_through_the_policy() {
    let asked = |policy: AddressPolicy, host: &'static str, port| async move {
        policy.mail_addresses(host, port).await.map(|found| found.len()).map_err(|error| error.kind)
    };
    let refused = Err(SendErrorKind::AddressNotAllowed);
    for host in ["127.0.0.1", "[::1]", "169.254.169.254", "localhost", "10.0.0.7", "[::ffff:0:7f00:1]"] {
        assert_eq!(asked(AddressPolicy::default(), host, 587).await, refused, "{host}");
    }
    assert_eq!(asked(AddressPolicy::default(), "93.184.216.34", 25).await, Ok(1));
    assert_eq!(asked(AddressPolicy::default(), "93.184.216.34", 22).await, refused);
    assert_eq!(asked(allowing(&["10.0.0.0/8"]), "10.0.0.7", 465).await, Ok(1));
    assert_eq!(asked(allowing(&["10.0.0.7:26"]), "10.0.0.7", 26).await, Ok(1));
    assert_eq!(asked(AddressPolicy::default(), "no-such-host.invalid", 25).await, Err(SendErrorKind::HostNotFound));
}
