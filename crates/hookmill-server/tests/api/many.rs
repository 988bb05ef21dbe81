//! Many at once: batches of runs, failures by cause, files of several flows, tags.

use axum::body::Body;
use axum::http::{Request, header};
use hookmill_store::{Change, Lane, Unit};
use serde_json::{Value, json};

use crate::world::{Who, World, owned_world};

/// A flow that fails when the body says so, with words of its own.
async fn picky(world: &World, who: &Who, name: &str) -> String {
    let said = json!({"runStatus": "Failed", "runError": {"code": "Refused", "message": "order @{triggerBody()?['order']} is locked"}});
    let made = world
        .post(who, "/api/flows", json!({"name": name, "definition": {
            "triggers": {"manual": {"type": "Request", "inputs": {}}},
            "actions": {
                "Before": {"type": "Compose", "inputs": "@triggerBody()", "runAfter": {}},
                "Check": {"type": "If", "expression": "@equals(triggerBody()?['bad'], true)", "runAfter": {"Before": ["Succeeded"]},
                    "actions": {"Stop": {"type": "Terminate", "inputs": said}}}
            }}}))
        .await;
    made.expect(201);
    made.id()
}

async fn run(world: &World, who: &Who, flow: &str, body: Value) -> String {
    let begun = world.post(who, &format!("/api/flows/{flow}/run"), json!({"body": body})).await;
    begun.expect(202);
    let run = begun.text("/run");
    world.ended(who, &run).await;
    run
}

/// Waits until the batch has ended.
async fn done(world: &World, who: &Who, batch: &str) -> Value {
    loop {
        let found = world.get(who, &format!("/api/run-batches/{batch}")).await;
        if found.expect(200)["stage"] != "working" {
            return found.json.clone();
        }
        tokio::task::yield_now().await;
    }
}

async fn count(world: &World, who: &Who, query: &str) -> usize {
    world.get(who, &format!("/api/runs?limit=500&{query}")).await.expect(200)["items"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_grouped_by_cause_and_repeated_as_one_batch() {
    let (world, owner) = owned_world().await;
    let flow = picky(&world, &owner, "Orders").await;
    for order in 0..6 {
        run(&world, &owner, &flow, json!({"bad": true, "order": 100_300 + order})).await;
    }
    run(&world, &owner, &flow, json!({"bad": true, "order": "of nobody"})).await;
    run(&world, &owner, &flow, json!({"order": 1})).await;

    let causes = world.get(&owner, &format!("/api/runs/causes?flow={flow}")).await;
    let items = causes.expect(200)["items"].as_array().unwrap();
    assert_eq!((items.len(), &causes.json["looked_at"], &causes.json["and_more"]), (2, &json!(7), &json!(false)));
    assert_eq!((&items[0]["count"], &items[0]["flow"]["name"]), (&json!(6), &json!("Orders")));
    let cause = items[0]["cause"].as_str().unwrap().to_owned();
    assert!(cause.ends_with("order … is locked"), "{cause}");
    let encoded: String = url::form_urlencoded::byte_serialize(cause.as_bytes()).collect();
    assert_eq!(count(&world, &owner, &format!("flow={flow}&cause={encoded}")).await, 6);

    let form = json!({"action": "resubmit", "filter": {"flow": flow, "cause": cause}});
    let begun = world.post(&owner, "/api/run-batches", form.clone()).await;
    assert_eq!(begun.expect(202)["total"], 6);
    let ended = done(&world, &owner, &begun.id()).await;
    assert_eq!((&ended["stage"], &ended["done"], &ended["refused"]), (&json!("done"), &json!(6), &json!(0)));
    assert_eq!(ended["flow"], json!(flow));
    while count(&world, &owner, &format!("flow={flow}&status=Failed")).await < 13 {
        tokio::task::yield_now().await;
    }
    // What was repeated is left out: the six new ones failed as well, and only they are repeated.
    let again = world.post(&owner, "/api/run-batches", form).await;
    let ended = done(&world, &owner, &again.id()).await;
    assert_eq!((&ended["total"], &ended["repeated"], &ended["done"]), (&json!(12), &json!(6), &json!(6)));
    let listed = world.get(&owner, "/api/run-batches").await;
    assert_eq!(listed.expect(200)["items"][0]["id"], json!(again.id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_goes_on_after_a_restart_and_repeats_no_run_twice() {
    let (mut world, owner) = owned_world().await;
    let flow = picky(&world, &owner, "Orders").await;
    let mut runs = Vec::new();
    for order in 0..5 {
        runs.push(run(&world, &owner, &flow, json!({"bad": true, "order": order})).await);
    }
    let form = json!({"action": "resubmit", "runs": runs[..3]});
    let begun = world.post(&owner, "/api/run-batches", form).await;
    let id = begun.expect(202)["id"].as_str().unwrap().to_owned();
    assert_eq!(done(&world, &owner, &id).await["done"], 3);

    // As a crash leaves a batch of five after its third run.
    let name = format!("batch {id}");
    let stored = world.store.setting(&name).await.unwrap().unwrap();
    let mut stored: Value = serde_json::from_slice(&stored).unwrap();
    stored["runs"] = json!(runs);
    let view = &mut stored["view"];
    (view["stage"], view["ended_at"]) = (json!("working"), Value::Null);
    (view["total"], view["done"]) = (json!(5), json!(0));
    let put = Change::PutSetting(name, stored.to_string().into_bytes().into());
    world.store.commit(Unit::from(put), Lane::Work).await.unwrap();
    world.restart();
    assert_eq!(world.get(&owner, "/api/run-batches").await.expect(200)["items"], json!([]));
    world.listen().await;
    while world.get(&owner, &format!("/api/run-batches/{id}")).await.status == 404 {
        tokio::task::yield_now().await;
    }
    let ended = done(&world, &owner, &id).await;
    assert_eq!((&ended["stage"], &ended["done"], &ended["refused"]), (&json!("done"), &json!(5), &json!(0)));
    while count(&world, &owner, &format!("flow={flow}&status=Failed")).await < 10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(count(&world, &owner, &format!("flow={flow}")).await, 10, "five runs, each repeated once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_says_what_was_not_possible_and_belongs_to_its_owner() {
    let (world, owner) = owned_world().await;
    let other = world.user(&owner, "Grace").await;
    let flow = picky(&world, &owner, "Orders").await;
    let good = run(&world, &owner, &flow, json!({"order": 1})).await;
    let bad = run(&world, &owner, &flow, json!({"bad": true, "order": 1})).await;

    let form = json!({"action": "resume", "runs": [good, bad, bad]});
    let begun = world.post(&owner, "/api/run-batches", form.clone()).await;
    begun.expect(202);
    let ended = done(&world, &owner, &begun.id()).await;
    assert_eq!((&ended["total"], &ended["done"], &ended["refused"]), (&json!(2), &json!(1), &json!(1)));
    assert!(ended["refusals"][0]["message"].as_str().unwrap().starts_with("The run has succeeded"));
    assert_eq!(ended["refusals"][0]["run"], json!(good));

    let path = format!("/api/run-batches/{}", begun.id());
    world.get(&other, &path).await.expect(404);
    world.post(&other, &format!("{path}/stop"), json!({})).await.expect(404);
    assert_eq!(world.get(&other, "/api/run-batches").await.expect(200)["items"], json!([]));
    let theirs = world.post(&other, "/api/run-batches", form).await;
    let ended = done(&world, &other, &theirs.id()).await;
    assert_eq!((&ended["done"], &ended["refused"]), (&json!(0), &json!(2)), "runs of others are not there");
    // What has ended cannot be cancelled, so nothing fits.
    let none = world.post(&owner, "/api/run-batches", json!({"action": "cancel", "filter": {"flow": flow}})).await;
    none.expect(409);
    let stopped = world.post(&owner, &format!("{path}/stop"), json!({})).await;
    assert_eq!(stopped.expect(202)["stage"], "done", "what has ended stays as it ended");

    for (wrong, at) in [
        (json!({"action": "resubmit"}), ""),
        (json!({"action": "resubmit", "runs": [], "filter": {}}), ""),
        (json!({"action": "resubmit", "runs": ["run_1"]}), "/runs/0"),
        (json!({"action": "resubmit", "runs": vec!["run_1"; 10_001]}), "/runs"),
    ] {
        let refused = world.post(&owner, "/api/run-batches", wrong).await;
        refused.expect(400);
        assert_eq!(refused.json["pointer"].as_str().unwrap_or_default(), at);
    }
    let unknown = json!({"action": "resubmit", "filter": {"flaw": flow}});
    world.post(&owner, "/api/run-batches", unknown).await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_have_tags_and_are_found_by_words_in_any_order() {
    let (world, owner) = owned_world().await;
    let other = world.user(&owner, "Grace").await;
    let id = world.flow(&owner, "Reconcile Stripe payouts").await.id();
    let other_id = world.flow(&owner, "Stripe refunds").await.id();
    let found = async |q: &str| {
        let list = world.get(&owner, &format!("/api/flows?q={q}")).await;
        let items = list.expect(200)["items"].as_array().unwrap().clone();
        items.iter().map(|flow| flow["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("stripe%20recon").await, std::slice::from_ref(&id));
    assert_eq!(found("stripe").await.len(), 2);

    let path = format!("/api/flows/{id}/tags");
    let etag = world.get(&owner, &format!("/api/flows/{id}")).await.text("/etag");
    let put = world.put(&owner, &path, json!({"tags": ["  money ", "Stripe", "money", ""]})).await;
    assert_eq!(put.expect(200)["tags"], json!(["Stripe", "money"]));
    let shown = world.get(&owner, &format!("/api/flows/{id}")).await;
    assert_eq!(
        (&shown.expect(200)["tags"], shown.text("/etag")),
        (&json!(["Stripe", "money"]), etag),
        "no new version"
    );
    let listed = world.get(&owner, "/api/flows").await;
    let tags: Vec<&Value> = listed.json["items"].as_array().unwrap().iter().map(|flow| &flow["tags"]).collect();
    assert_eq!(tags, [&json!([]), &json!(["Stripe", "money"])]);

    world.put(&other, &path, json!({"tags": ["mine"]})).await.expect(404);
    world.put(&owner, &path, json!({"tags": ["x".repeat(41)]})).await.expect(400);
    world.put(&owner, &path, json!({"tags": (0..21).map(|n| n.to_string()).collect::<Vec<_>>()})).await.expect(400);
    world.put(&owner, &format!("/api/flows/{other_id}/tags"), json!({"tags": ["gone"]})).await.expect(200);
    world.delete(&owner, &format!("/api/flows/{other_id}")).await.expect(204);
    let kept = world.store.setting(&format!("tags {}", world.get(&owner, "/api/session").await.text("/user/id"))).await;
    assert!(!String::from_utf8(kept.unwrap().unwrap().to_vec()).unwrap().contains("gone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_flows_go_out_as_one_file_and_come_back() {
    let (world, owner) = owned_world().await;
    let (first, second) = (picky(&world, &owner, "Orders").await, picky(&world, &owner, "Orders").await);
    let request = Request::get(format!("/api/flow-packages?flows={first},{second}")).body(Body::empty()).unwrap();
    let file = world.send(&owner, request).await;
    file.expect(200);
    let head = "--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"flows.zip\"\r\n\r\n";
    let body = [head.as_bytes(), &file.bytes, b"\r\n--part--\r\n"].concat();
    let request = Request::post("/api/flows/import")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=part")
        .body(Body::from(body))
        .unwrap();
    let read = world.send(&owner, request).await;
    assert_eq!(read.expect(200)["name"], "Orders");
    let further = read.json["further"].as_array().unwrap();
    assert_eq!((further.len(), &further[0]["name"]), (1, &json!("Orders")));
    assert!(further[0]["definition"]["actions"]["Check"].is_object());
    for wrong in ["", "flw_1", &vec![first.as_str(); 501].join(",")] {
        let refused = world.get(&owner, &format!("/api/flow-packages?flows={wrong}")).await;
        assert!((400..500).contains(&refused.status.as_u16()), "{wrong:.20}: {}", refused.status);
    }
}
