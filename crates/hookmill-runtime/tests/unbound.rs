//! Connections of older releases are bound to where their connector leads when this one starts.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use hookmill_model::Value;
use hookmill_store::{Accounts as _, Change, Connectors as _, Lane, Store as _};
use world::{eventually, service, start, world};

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_destination_get_the_present_one() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let context = world.connection.to_string();
    let read = async || {
        let connection = world.store.connection(world.connection).await.unwrap().unwrap();
        let plain = world.vault.unseal(&context, &connection.sealed).unwrap();
        (connection, Value::from_json(&plain).unwrap().as_object().cloned().unwrap())
    };
    let is_done = async || world.store.setting("connections_bound").await.unwrap().is_some();
    eventually(is_done).await;
    // As an older release stored it.
    let (mut connection, mut secrets) = read().await;
    secrets.remove("destination");
    connection.sealed = world.vault.seal(&context, Value::from(secrets.clone()).to_json().as_bytes()).unwrap().into();
    for change in [Change::PutConnection(connection.clone()), Change::DeleteSetting("connections_bound".to_owned())] {
        world.store.commit(change.into(), Lane::Work).await.unwrap();
    }
    let again = start(&world.store, &world.vault).await;
    eventually(is_done).await;
    let mut bound = read().await.1;
    let destination = again.destination(connection.connector).await.unwrap();
    assert_eq!(bound.remove("destination"), Some(Value::from(destination)));
    assert_eq!(Value::from(bound), Value::from(secrets), "nothing else changes");
}
