//! What the budget gives, and what it takes back.

use super::*;

fn share(budget: &Arc<Budget>, door: Door, address: &str) -> Share {
    Share { budget: Arc::clone(budget), door, address: address.into(), address_bytes_max: ADDRESS_BYTES_MAX, taken: 0 }
}

#[test]
fn each_budget_holds_and_is_given_back() {
    const MIB: usize = 1024 * 1024;
    let budget = Arc::<Budget>::default();
    let mut first = share(&budget, Door::Services, "/callback/a");
    assert!(first.take(24 * MIB));
    assert!(!first.take(1), "one address has its share");
    let mut second = share(&budget, Door::Services, "/callback/b");
    assert!(second.take(16 * MIB));
    assert!(!second.take(1), "services have their share");
    let mut api = share(&budget, Door::Api, "/api/connectors");
    assert!(api.take(24 * MIB));
    let mut more = share(&budget, Door::Api, "/api/flows");
    assert!(!more.take(1), "all have what there is");
    drop(second);
    assert!(more.take(16 * MIB));
    drop((first, api, more));
    let counts = budget.counts();
    assert_eq!((counts.all, counts.services, counts.api, counts.addresses.len()), (0, 0, 0, 0));
}

#[test]
fn every_route_has_a_bound() {
    assert_eq!(bound("/callback/abc", 7), (Door::Services, 7));
    assert_eq!(bound("/workflows/flw_1/triggers/manual/paths/invoke", 7), (Door::Services, 7));
    assert_eq!(bound("/api/session", 7), (Door::Api, SMALL_FORM_BYTES_MAX));
    assert_eq!(bound("/api/connectors", 7), (Door::Api, CONNECTOR_BYTES_MAX));
    assert_eq!(bound("/api/connectors/con_1/icon", 7), (Door::Api, 2 * FORM_BYTES_MAX));
    assert_eq!(bound("/api/flows/check", 7), (Door::Api, DEFINITION_BYTES_MAX));
    assert_eq!(bound("/anything", 7), (Door::Api, FORM_BYTES_MAX));
    assert_eq!(&*address("/workflows/flw_1/triggers/manual"), "/workflows/flw_1");
    assert_eq!(&*address("/callback/abc"), "/callback/abc");
}
