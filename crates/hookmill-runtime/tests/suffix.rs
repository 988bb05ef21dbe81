//! A callback of OpenAPI 3 whose service puts a path behind the address: `{$request.body#/url}/events`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use hookmill_runtime::{AcceptError, RuntimeConfig};
use world::{NOTIFY, capability, form, push, service, world_of};

const DOCUMENT: &str = r##"{"openapi":"3.0.0","info":{"title":"Forge"},"servers":[{"url":"http://HOST"}],"paths":{
  "/repos/{owner}/{repo}/hooks":{"post":{"operationId":"webhook-trigger","parameters":[
    {"name":"owner","in":"path","required":true,"schema":{"type":"string"}},{"name":"repo","in":"path","required":true,"schema":{"type":"string"}}],
    "requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{
      "config":{"type":"object","properties":{"url":{"type":"string"}}}}}}}},
    "callbacks":{"pushed":{"{$request.body#/config/url}/events":{"post":{"requestBody":{"content":{"application/json":{"schema":{"type":"object"}}}}}}}},
    "responses":{"201":{"description":"made"}}}},
  "/repos/{owner}/{repo}/hooks/{id}":{"delete":{"operationId":"delete","parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],"responses":{}}}}}"##;

#[tokio::test(flavor = "multi_thread")]
async fn the_declared_path_below_the_address_is_served_and_no_other() {
    let (address, seen) = service(false, false).await;
    let world = world_of(DOCUMENT, &address, RuntimeConfig::default()).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    assert_eq!(saved.problem, None);
    let capability = capability(&seen);
    let below = |path: &str, id: &str| {
        let mut notification = push(id);
        path.clone_into(&mut notification.path);
        notification
    };
    world.runtime.accept(&capability, below("events", "1")).await.unwrap();
    world.runtime.accept(&capability, below("", "2")).await.unwrap();
    for path in ["event", "events/more", "../events"] {
        let refused = world.runtime.accept(&capability, below(path, path)).await.unwrap_err();
        assert!(matches!(refused, AcceptError::Unknown), "{path}");
    }
}
