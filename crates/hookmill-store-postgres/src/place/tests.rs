//! Addresses, right and wrong.

use super::*;

fn refused(address: &str) -> String {
    match Place::parse(address) {
        Err(StoreError::Database { problem: DatabaseProblem::Address, detail, .. }) => detail,
        other => panic!("{address} gave {other:?}"),
    }
}

#[test]
fn encryption_is_as_asked_and_strict_where_nothing_is_asked() {
    let mode = |address: &str| Place::parse(address).unwrap().config.get_ssl_mode();
    assert_eq!(mode("postgres://me@localhost/mill"), SslMode::Prefer);
    assert_eq!(mode("postgres://me@127.0.0.1/mill"), SslMode::Prefer);
    assert_eq!(mode("postgres://me@db.example.org/mill"), SslMode::Require);
    assert_eq!(mode("postgres://me@db.example.org/mill?sslmode=disable"), SslMode::Disable);
    assert_eq!(mode("postgresql://me@db.example.org/mill?sslmode=verify-full"), SslMode::Require);
    assert_eq!(mode("postgres://me@%2Fvar%2Frun%2Fpostgresql/mill"), SslMode::Prefer);
}

#[test]
fn a_wrong_address_is_told_without_its_password() {
    assert_eq!(refused("mysql://me@host/mill"), "it does not begin with postgres://");
    assert!(refused("postgres://me@host/mill?sslmode=maybe").contains("none of disable"));
    assert!(refused("postgres://me@host/mill?sslcert=a").contains("belong together"));
    assert!(refused("postgres://host/mill").contains("no user"));
    assert!(refused("postgres://me@host/mill?sslrootcert=/no/such/file").contains("/no/such/file"));
    for address in ["postgres://me:hunter2@host:port/mill", "postgres://me:hunter2@host/mill?nothing=known"] {
        let told = refused(address);
        assert!(!told.contains("hunter2"), "{told}");
    }
    let shown = Place::parse("postgres://me:hunter2@localhost/mill").unwrap();
    assert_eq!(shown.shown, "mill on localhost");
    assert!(!format!("{shown:?}").contains("hunter2"));
}
