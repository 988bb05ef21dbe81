//! What owners and their accounts look after: copies of the data, the public address, browsers, devices.

use axum::http::header;
use serde_json::{Value, json};

use crate::world::{PASSWORD, Who, owned_world, with_owner, world_on_disk};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_data_is_made_fetched_and_sound() {
    let (world, owner) = with_owner(world_on_disk().await).await;
    world.flow(&owner, "Kept").await;
    let nothing = world.get(&owner, "/api/backups").await;
    assert_eq!((&nothing.expect(200)["current"], &nothing.json["last"]), (&Value::Null, &Value::Null));
    let begun = world.post(&owner, "/api/backups", json!({})).await;
    begun.expect(202);
    let id = begun.id();
    let ready = loop {
        let now = world.get(&owner, "/api/backups").await;
        match now.text("/current/stage").as_str() {
            "making" => tokio::task::yield_now().await,
            "ready" => break now,
            other => panic!("{other}: {}", now.json),
        }
    };
    let file = world.get(&owner, &format!("/api/backups/{id}/file")).await;
    assert_eq!(file.status.as_u16(), 200);
    assert!(file.header(header::CONTENT_DISPOSITION).starts_with("attachment; filename=\"hookmill-20"));
    assert_eq!(Some(file.bytes.len() as u64), ready.json["current"]["bytes"].as_u64());
    assert_eq!(file.header(header::CONTENT_LENGTH), file.bytes.len().to_string());
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(hookmill_store_sqlite::database(elsewhere.path()), &file.bytes).unwrap();
    assert_eq!(hookmill_store_sqlite::examine(elsewhere.path()).unwrap(), Vec::<String>::new());
    let key = std::fs::read(world.folder().join("master.key")).unwrap();
    assert!(!file.bytes.windows(key.len()).any(|part| part == key), "the master key is not in the copy");

    let after = world.get(&owner, "/api/backups").await;
    assert_eq!(after.json["last"]["bytes"], ready.json["current"]["bytes"]);
    assert_eq!(after.json["last"]["at"], ready.json["current"]["made_at"]);
    world.get(&owner, "/api/backups/unknown/file").await.expect(404);
    // The next one takes the place of the one before.
    let second = world.post(&owner, "/api/backups", json!({})).await;
    second.expect(202);
    assert_ne!(second.id(), id);
    world.get(&owner, &format!("/api/backups/{id}/file")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_sees_how_the_server_does() {
    let (world, owner) = with_owner(world_on_disk().await).await;
    let before = world.get(&owner, "/api/overview").await;
    let before = before.expect(200);
    assert_eq!((&before["recent"]["runs"], &before["slowest"], &before["nodes"]), (&json!(0), &json!([]), &json!([])));
    assert_eq!(
        (&before["backup"], &before["makes_backups"], &before["node"]),
        (&Value::Null, &json!(true), &Value::Null)
    );
    let flow = world.flow(&owner, "Kept").await.id();
    let begun = world.post(&owner, &format!("/api/flows/{flow}/run"), json!({})).await;
    world.ended(&owner, &begun.text("/run")).await;
    let after = world.get(&owner, "/api/overview").await;
    let after = after.expect(200);
    assert_eq!(
        (&after["recent"]["runs"], &after["recent"]["failed"], &after["recent"]["open"]),
        (&json!(1), &json!(0), &json!(0))
    );
    let minutes = after["recent"]["minutes"].as_array().unwrap();
    assert_eq!(minutes.iter().map(|minute| minute["runs"].as_u64().unwrap()).sum::<u64>(), 1);
    let slow = &after["slowest"][0];
    assert_eq!(
        (&slow["id"], &slow["name"], &slow["is_own"], &slow["runs"]),
        (&json!(flow), &json!("Kept"), &json!(true), &json!(1))
    );
    assert!(after["store"]["disk_free"].as_u64() > Some(0) && after["store"]["log_bytes"].is_u64(), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_copied_says_so() {
    let (world, owner) = owned_world().await;
    world.post(&owner, "/api/backups", json!({})).await.expect(202);
    let failed = loop {
        let now = world.get(&owner, "/api/backups").await;
        if now.text("/current/stage") != "making" {
            break now;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(failed.text("/current/stage"), "failed");
    assert!(failed.text("/current/detail").contains("memory"));
    assert_eq!(failed.json["last"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_calls_itself_through_its_public_address() {
    let (world, owner) = owned_world().await;
    let path = "/api/settings/public-url-check";
    let findings = |answer: &crate::world::Answer| -> Vec<(String, String)> {
        let checks = answer.expect(200)["checks"].as_array().unwrap();
        let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
        checks.iter().map(|check| (text(check, "finding"), text(check, "detail"))).collect()
    };

    // Nobody knows the name of this world.
    let unknown = world.post(&owner, path, json!({})).await;
    assert_eq!(unknown.text("/verdict"), "unreachable");
    assert_eq!(unknown.text("/url"), "https://me.test");
    let found = findings(&unknown);
    assert_eq!(found[1].0, "bad");
    assert!(found[1].1.contains("me.test has no address"), "{found:?}");

    // It arrives, through an address that only this machine has.
    let here = world.listen().await;
    let local = world.post(&owner, path, json!({"url": format!("{here}/")})).await;
    let found = findings(&local);
    assert_eq!(local.text("/verdict"), "local", "{found:?}");
    assert_eq!(found.iter().map(|(finding, _)| finding.as_str()).collect::<Vec<_>>(), ["notice", "notice", "good"]);
    assert!(found[1].1.contains("only programs on it"), "{found:?}");
    assert!(local.text("/unknown").contains("elsewhere"));

    // Another server of the same kind answers there: the call did not arrive here.
    let (other, _) = owned_world().await;
    let elsewhere = world.post(&owner, path, json!({"url": other.listen().await})).await;
    assert_eq!(elsewhere.text("/verdict"), "unreachable");
    assert!(findings(&elsewhere)[2].1.contains("did not arrive here"), "{:?}", findings(&elsewhere));

    // Nobody listens; no certificate.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let nobody = world.post(&owner, path, json!({"url": format!("http://{free}")})).await;
    assert!(findings(&nobody)[2].1.contains("no answer"), "{:?}", findings(&nobody));
    let plain = here.replace("http://", "https://");
    let untrusted = world.post(&owner, path, json!({"url": plain})).await;
    assert_eq!(untrusted.text("/verdict"), "unreachable");
    assert_eq!(findings(&untrusted)[0].0, "good", "the address itself is encrypted");

    world.post(&owner, path, json!({"url": "ftp://me.test"})).await.expect(400);
    // The door of probes is shut for strangers.
    let stranger = world.post(&Who::Nobody, "/callback/probe.0123456789abcdef", json!({})).await;
    assert!(stranger.status.is_client_error(), "{}", stranger.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_in_browsers_are_listed_and_ended() {
    let (world, _) = owned_world().await;
    let (here, there) = (world.session("ada@example.org").await, world.session("ada@example.org").await);
    let list = world.get(&here, "/api/sessions").await;
    let items = list.expect(200)["items"].as_array().unwrap();
    // The set-up signed in as well.
    assert_eq!(items.len(), 3);
    let current: Vec<_> = items.iter().filter(|item| item["current"] == true).collect();
    assert_eq!(current.len(), 1);
    let other = world.get(&there, "/api/sessions").await;
    let mine =
        other.json["items"].as_array().unwrap().iter().find(|item| item["current"] == true).unwrap()["id"].clone();
    world.delete(&here, &format!("/api/sessions/{}", mine.as_str().unwrap())).await.expect(204);
    world.get(&there, "/api/session").await.expect(401);
    world.get(&here, "/api/session").await.expect(200);
    world.post(&here, "/api/sessions/end-others", json!({})).await.expect(204);
    assert_eq!(world.get(&here, "/api/sessions").await.json["items"].as_array().unwrap().len(), 1);
    world.delete(&here, "/api/sessions/ses_00000000000000000000000000").await.expect(404);
    let bob = json!({"name": "Bob", "email": "bob@example.org", "password": PASSWORD});
    world.post(&here, "/api/users", bob).await.expect(201);
    let stranger = world.session("bob@example.org").await;
    let mine = world.get(&here, "/api/sessions").await.text("/items/0/id");
    world.delete(&stranger, &format!("/api/sessions/{mine}")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_renamed_by_their_owner() {
    let (world, owner) = owned_world().await;
    let form = |endpoint: &str| {
        // The keys of the example in RFC 8291.
        let p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let keys = json!({"p256dh": p256dh, "auth": "BTBZMqHH6r4Tts7J_aSIgg"});
        json!({"name": "Firefox · Linux", "endpoint": endpoint, "expirationTime": null, "keys": keys})
    };
    let id = world.post(&owner, "/api/devices", form("https://push.example.org/1")).await.id();
    let renamed = world.put(&owner, &format!("/api/devices/{id}"), json!({"name": "  My phone "})).await;
    assert_eq!(renamed.expect(200)["name"], "My phone");
    assert_eq!(world.get(&owner, "/api/devices").await.text("/items/0/name"), "My phone");
    world.put(&owner, &format!("/api/devices/{id}"), json!({"name": " "})).await.expect(400);
    let stranger = world.user(&owner, "eve").await;
    world.put(&stranger, &format!("/api/devices/{id}"), json!({"name": "Mine"})).await.expect(404);
    // Messages go nowhere that flows may not call, and nobody has devices without end.
    for closed in ["https://10.0.0.1/1", "https://[::ffff:0:7f00:1]/1", "http://push.example.org/1", "phone"] {
        let refused = world.post(&owner, "/api/devices", form(closed)).await;
        refused.expect(400);
        assert_eq!(refused.text("/code"), "device_invalid", "{closed}");
    }
    for number in 2..=20 {
        let own = form(&format!("https://push.example.org/{number}"));
        world.post(&owner, "/api/devices", own).await.expect(201);
    }
    let further = world.post(&owner, "/api/devices", form("https://push.example.org/21")).await;
    further.expect(409);
    assert_eq!(further.text("/code"), "devices_full");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_says_what_it_is_and_holds() {
    let (world, owner) = with_owner(world_on_disk().await).await;
    world.flow(&owner, "One").await;
    let about = world.get(&owner, "/api/about").await;
    assert_eq!(about.expect(200)["flows"], 1);
    assert_eq!(about.json["users"], 1);
    assert!(about.json["data_bytes"].as_u64().is_some_and(|bytes| bytes > 10_000), "{}", about.json);
    assert_eq!(about.text("/license"), "MIT OR Apache-2.0");
}
