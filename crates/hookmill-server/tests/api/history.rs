//! The history of runs: filters that go together, summaries, what needs attention.

use hookmill_model::{FlowId, Id, RunId, RunKind, RunStatus, SubscriptionId, SubscriptionState, Timestamp, UserId};
use hookmill_store::{Change, Connection, Health, Lane, Notification, Run, RunError, Subscription, Unit};
use serde_json::{Value, json};

use crate::world::{Who, World, owned_world};

async fn me(world: &World, who: &Who) -> UserId {
    world.get(who, "/api/session").await.text("/user/id").parse().unwrap()
}

/// A run that is in the store without having run.
fn stored(owner: UserId, flow: FlowId, number: i64, status: RunStatus) -> Run {
    let at = Timestamp::from_millis(1_760_000_000_000 + number * 1_000);
    let mut random = [0; 10];
    random[8..].copy_from_slice(&u16::try_from(number).unwrap().to_be_bytes());
    Run {
        id: RunId::make(at, random),
        owner,
        flow,
        version: 1,
        kind: RunKind::Flow,
        status,
        epoch: 1,
        facts: 0,
        started_at: at,
        ended_at: status.is_final().then_some(at),
        trigger: "manual".to_owned(),
        summary: format!("number {number}"),
        event: None,
        subscription: None,
        resubmitted_from: None,
        parent: None,
        error: (status == RunStatus::Failed).then(|| RunError {
            code: "ActionFailed".to_owned(),
            message: "the service answered 500".to_owned(),
            hint: None,
        }),
    }
}

async fn pages(world: &World, who: &Who, query: &str) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(who, &format!("/api/runs?limit=7&{query}{cursor}")).await;
        page.expect(200);
        let items = page.json["items"].as_array().unwrap();
        assert!(items.len() <= 7);
        found.extend(items.iter().map(|run| run["trigger"]["summary"].as_str().unwrap().to_owned()));
        match page.json["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_go_together_and_pages_forget_nothing() {
    let (world, owner) = owned_world().await;
    let user = me(&world, &owner).await;
    let flow: FlowId = world.flow(&owner, "Busy").await.id().parse().unwrap();
    let statuses = [RunStatus::Succeeded, RunStatus::Failed, RunStatus::TimedOut, RunStatus::Cancelled];
    let mut unit = Unit::new();
    let mut all = Vec::new();
    for number in 0..40 {
        let run = stored(user, flow, number, statuses[usize::try_from(number).unwrap() % 4]);
        all.push((number, run.status));
        unit.push(Change::StartRun(run, Vec::new()));
    }
    world.store.commit(unit, Lane::Work).await.unwrap();
    let expected = |wanted: &dyn Fn(i64, RunStatus) -> bool| -> Vec<String> {
        let fits = all.iter().rev().filter(|(number, status)| wanted(*number, *status));
        fits.map(|(number, _)| format!("number {number}")).collect()
    };
    assert_eq!(pages(&world, &owner, "").await, expected(&|_, _| true));
    let bad = |status| matches!(status, RunStatus::Failed | RunStatus::TimedOut);
    assert_eq!(pages(&world, &owner, "status=Failed,TimedOut").await, expected(&|_, status| bad(status)));
    let query = format!("status=failed,%20timedout&flow={flow}&from=2025-10-09T08:53:25Z&to=2025-10-09T08:53:50Z");
    let between = expected(&|number, status| bad(status) && (5..30).contains(&number));
    assert_eq!(pages(&world, &owner, &query).await, between);
    assert_eq!(pages(&world, &owner, "q=answered%20500").await, expected(&|_, status| status == RunStatus::Failed));

    let first = world.get(&owner, "/api/runs?limit=5").await;
    assert_eq!(first.json["looked_at"], json!(6), "one more tells whether there is a next page");
    assert!(first.json["looked_back_to"].is_string());
    let none = world.get(&owner, "/api/runs?q=nowhere").await;
    assert_eq!((&none.json["looked_at"], &none.json["looked_back_to"]), (&json!(40), &Value::Null));
    let wrong = world.get(&owner, "/api/runs?status=Failed,Broken").await;
    wrong.expect(400);
    assert!(wrong.text("/detail").contains("Broken"), "{}", wrong.text("/detail"));
}

async fn runs_once(world: &World, who: &Who, flow: &str, body: Value) -> Value {
    let run = world.post(who, &format!("/api/flows/{flow}/run"), json!({"body": body})).await.text("/run");
    let mut live = world.runtime.live();
    loop {
        let found = world.get(who, &format!("/api/runs/{run}")).await;
        if found.expect(200)["ended_at"].is_string() {
            let listed = world.get(who, &format!("/api/runs?q={run}")).await;
            return listed.expect(200)["items"][0].clone();
        }
        live.recv().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_says_what_started_it() {
    let (world, owner) = owned_world().await;
    let form = |metadata: Value, secure: bool| {
        let configuration = if secure { json!({"secureData": {"properties": ["outputs"]}}) } else { json!({}) };
        json!({"name": "Says", "definition": {
            "triggers": {"manual": {"type": "Request", "inputs": {}, "metadata": metadata, "runtimeConfiguration": configuration}},
            "actions": {"Say": {"type": "Compose", "inputs": "@triggerBody()"}}
        }})
    };
    let push = json!({"ref": "refs/heads/main", "repository": {"full_name": "acme/rocket"}, "pusher": {"name": "ada"}, "size": 3});
    let made = world.post(&owner, "/api/flows", form(json!({}), false)).await;
    made.expect(201);
    let (id, path) = (made.id(), format!("/api/flows/{}", made.id()));
    let unasked = runs_once(&world, &owner, &id, push.clone()).await;
    assert_eq!(unasked["trigger"]["summary"], "refs/heads/main · acme/rocket · ada");

    let chosen = json!({"runSummary": [
        "@triggerBody()?['repository']?['full_name']",
        "by @{triggerBody()?['pusher']?['name']} (@{triggerBody()?['size']})",
        "@triggerBody()?['nothing']"
    ]});
    world.put(&owner, &path, form(chosen.clone(), false)).await.expect(200);
    let said = runs_once(&world, &owner, &id, push.clone()).await;
    assert_eq!(said["trigger"]["summary"], "acme/rocket · by ada (3)");
    // A value that cannot be evaluated keeps no run from starting.
    let odd = runs_once(&world, &owner, &id, json!("only a text")).await;
    assert_eq!(odd["status"], "Succeeded");

    // What the maker keeps out of the history is not in the list either, nor found there.
    world.put(&owner, &path, form(chosen, true)).await.expect(200);
    let secret = runs_once(&world, &owner, &id, push).await;
    assert_eq!(secret["trigger"]["summary"], "");
    let found = world.get(&owner, "/api/runs?q=acme/rocket").await;
    let ids: Vec<_> = found.expect(200)["items"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect();
    assert_eq!(ids, [said["id"].clone(), unasked["id"].clone()]);
    // A text that stands only in what the trigger gave is found as well.
    let deep =
        runs_once(&world, &owner, &world.flow(&owner, "Deep").await.id(), json!({"a": {"b": [{"id": "needle-7"}]}}))
            .await;
    let found = world.get(&owner, "/api/runs?q=NEEDLE-7").await;
    assert_eq!(found.expect(200)["items"][0]["id"], deep["id"]);

    let four = json!({"runSummary": ["a", "b", "c", "d"]});
    let refused = world.put(&owner, &path, form(four, false)).await;
    refused.expect(422);
    assert_eq!(refused.text("/diagnostics/0/pointer"), "/triggers/manual/metadata/runSummary");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_attention_comes_kind_by_kind_and_by_page() {
    let (world, owner) = owned_world().await;
    let user = me(&world, &owner).await;
    let connector = world.forge(&owner).await.parse().unwrap();
    let mut unit = Unit::new();
    for number in 0..12_u8 {
        let flow: FlowId = world.flow(&owner, &format!("Flow {number}")).await.id().parse().unwrap();
        for time in 0..3 + i64::from(number % 2) {
            unit.push(Change::StartRun(
                stored(user, flow, i64::from(number) * 10 + time, RunStatus::Failed),
                Vec::new(),
            ));
        }
        if number < 4 {
            let at = Timestamp::from_millis(1_760_000_000_000);
            unit.push(Change::PutSubscription(Subscription {
                id: SubscriptionId::make(at, [number; 10]),
                flow,
                owner: user,
                generation: 9,
                state: SubscriptionState::Failed,
                etag: 1,
                capability: [number; 32],
                record: "{}".into(),
                created_at: at,
                updated_at: at,
            }));
        }
        if number == 0 {
            unit.push(Change::PutConnection(Connection {
                id: Id::make(Timestamp::from_millis(1_760_000_000_000), [number; 10]),
                owner: user,
                connector,
                name: "Broken".to_owned(),
                username: None,
                sealed: "x".into(),
                health: Health::Broken,
                health_detail: Some("the token is revoked".to_owned()),
                etag: 1,
                created_at: world.runtime.now(),
                updated_at: world.runtime.now(),
            }));
        }
    }
    world.store.commit(unit, Lane::Work).await.unwrap();
    let overview = world.get(&owner, "/api/attention?limit=3").await;
    overview.expect(200);
    assert_eq!(
        overview.json["counts"],
        json!([
            {"kind": "webhook_failed", "count": 4, "and_more": false},
            {"kind": "connection_broken", "count": 1, "and_more": false},
            {"kind": "flow_failing", "count": 12, "and_more": false}
        ])
    );
    let kinds: Vec<_> =
        overview.json["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
    let expected = ["webhook_failed", "webhook_failed", "webhook_failed", "connection_broken"];
    assert_eq!(kinds, [&expected[..], &["flow_failing"; 3]].concat());
    assert_eq!(overview.json["next_cursor"], Value::Null);
    let failing = &overview.json["items"][4];
    assert_eq!((failing["title"].as_str(), failing["failures"].as_u64()), (Some("Flow 11"), Some(4)));
    assert_eq!(failing["detail"], "The last 4 runs failed. the service answered 500");

    let (mut titles, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&owner, &format!("/api/attention?kind=flow_failing&limit=5{cursor}")).await;
        let items = page.expect(200)["items"].as_array().unwrap();
        titles.extend(items.iter().map(|item| item["title"].as_str().unwrap().to_owned()));
        match page.json["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(titles, (0..12).rev().map(|number| format!("Flow {number}")).collect::<Vec<_>>());
    world.get(&owner, "/api/attention?cursor=x").await.expect(400);
    world.get(&owner, "/api/attention?kind=everything").await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn repetitions_are_found_by_place_and_by_failure() {
    let (world, owner) = owned_world().await;
    let definition = json!({
        "triggers": {"manual": {"type": "Request", "inputs": {}}},
        "actions": {"Each": {
            "type": "Foreach", "foreach": "@triggerBody()", "runAfter": {},
            "runtimeConfiguration": {"concurrency": {"repetitions": 1}},
            "actions": {"Divide": {"type": "Compose", "inputs": "@div(12, items('Each'))", "runAfter": {}}}
        }}
    });
    let made = world.post(&owner, "/api/flows", json!({"name": "Divides", "definition": definition})).await;
    made.expect(201);
    let numbers: Vec<i32> = (0..120).map(|number| i32::from(number % 40 != 7)).collect();
    let run = runs_once(&world, &owner, &made.id(), json!(numbers)).await;
    let base = format!("/api/runs/{}/actions/Divide/repetitions", run["id"].as_str().unwrap());
    let places = |answer: &crate::world::Answer| -> Vec<u64> {
        answer.expect(200)["items"].as_array().unwrap().iter().map(|item| item["place"].as_u64().unwrap()).collect()
    };
    let page = world.get(&owner, &format!("{base}?limit=3&cursor=50")).await;
    assert_eq!(places(&page), [50, 51, 52]);
    assert_eq!(page.json["items"][0]["index"], json!([50]));
    assert_eq!(page.json["next_cursor"], "53");
    let failed = world.get(&owner, &format!("{base}?failed=true")).await;
    assert_eq!((places(&failed), &failed.json["next_cursor"]), (vec![7, 47, 87], &Value::Null));
    let next = world.get(&owner, &format!("{base}?failed=true&limit=1&cursor=8")).await;
    assert_eq!((places(&next), &next.json["next_cursor"]), (vec![47], &json!("87")));
    assert_eq!(places(&world.get(&owner, &format!("{base}?cursor=500")).await), Vec::<u64>::new());
    world.get(&owner, &format!("{base}?cursor=x")).await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trigger_gave_is_there_whole() {
    let (world, owner) = owned_world().await;
    let flow = world.flow(&owner, "Large").await.id();
    let text = "x".repeat(400_000);
    let run = runs_once(&world, &owner, &flow, json!({"text": text})).await;
    let path = format!("/api/runs/{}", run["id"].as_str().unwrap());
    let shown = world.get(&owner, &path).await;
    assert_eq!(shown.expect(200)["trigger"]["outputs"]["$truncated"], true);
    let whole = world.get(&owner, &format!("{path}/trigger/outputs")).await;
    assert_eq!(whole.expect(200)["body"]["text"].as_str().map(str::len), Some(text.len()));
    let stranger = world.user(&owner, "eve").await;
    world.get(&stranger, &format!("{path}/trigger/outputs")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_searched() {
    let (world, owner) = owned_world().await;
    let user = me(&world, &owner).await;
    let mut unit = Unit::new();
    for number in 0..9_u8 {
        let at = Timestamp::from_millis(1_760_000_000_000 + i64::from(number));
        unit.push(Change::PutNotification(Notification {
            id: Id::make(at, [number; 10]),
            owner: user,
            title: if number % 3 == 0 { "Builds" } else { "Orders" }.to_owned(),
            text: format!("Number {number} is done"),
            link: None,
            run: None,
            flow: None,
            created_at: at,
            read_at: (number == 3).then_some(at),
        }));
    }
    world.store.commit(unit, Lane::Work).await.unwrap();
    let texts = async |query: &str| -> Vec<String> {
        let page = world.get(&owner, &format!("/api/notifications?{query}")).await;
        let items = page.expect(200)["items"].as_array().unwrap();
        items.iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts("q=BUILDS").await, ["Number 6 is done", "Number 3 is done", "Number 0 is done"]);
    assert_eq!(texts("q=builds&unread=true").await, ["Number 6 is done", "Number 0 is done"]);
    assert_eq!(texts("q=number%204").await, ["Number 4 is done"]);
    assert_eq!(texts("q=nowhere").await, Vec::<String>::new());
}

/// Answers each request with the same status.
async fn service(status: u16) -> String {
    let app = axum::Router::new().fallback(move || async move {
        (axum::http::StatusCode::from_u16(status).unwrap(), axum::Json(json!({"message": "no"})))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/things?token=hidden")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_action_says_why_and_what_to_do() {
    let (world, owner) = owned_world().await;
    for (status, said, hint) in [
        (404, "The service answered 404 Not Found to GET http://", "Check the address"),
        (403, "The service answered 403 Forbidden to GET http://", "may not do this"),
        (500, "The service answered 500 Internal Server Error to GET http://", "Resume the run"),
    ] {
        let uri = service(status).await;
        let definition = json!({
            "triggers": {"manual": {"type": "Request", "inputs": {}}},
            "actions": {"Ask": {"type": "Http", "runAfter": {}, "inputs": {"method": "GET", "uri": uri, "retryPolicy": {"type": "none"}}}}
        });
        let made = world.post(&owner, "/api/flows", json!({"name": "Asks", "definition": definition})).await;
        made.expect(201);
        let run = runs_once(&world, &owner, &made.id(), json!({})).await;
        let shown = world.get(&owner, &format!("/api/runs/{}", run["id"].as_str().unwrap())).await;
        let error = &shown.expect(200)["actions"][0]["error"];
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        assert!(text("message").starts_with(said) && text("message").contains("/things."), "{error}");
        assert!(text("hint").contains(hint), "{error}");
        let attempt = &shown.json["actions"][0]["attempts"][0];
        assert_eq!(attempt["response"]["body"], json!({"message": "no"}));
    }
}

/// A service that accepts connections and never answers.
async fn mute() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            held.push(socket);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_and_a_run_say_which_service_they_wait_for() {
    let places = hookmill_runtime::PlacesMax { all: 8, per_service: 1 };
    let config = hookmill_runtime::RuntimeConfig { places, ..hookmill_runtime::RuntimeConfig::default() };
    let (world, owner) = crate::world::with_owner(crate::world::world_with(config).await).await;
    let dead = mute().await;
    let call = json!({"Call": {"type": "Http", "inputs": {"method": "POST", "uri": format!("http://{dead}/x")}}});
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": call});
    let mut flows = Vec::new();
    for name in ["One", "Two"] {
        let flow = world.post(&owner, "/api/flows", json!({"name": name, "definition": definition})).await;
        flow.expect(201);
        assert!(flow.json.get("waiting_for").is_none(), "nothing waits");
        for _ in 0..3 {
            world.post(&owner, &format!("/api/flows/{}/run", flow.id()), json!({})).await.expect(202);
        }
        flows.push(flow.id());
    }
    // One of six requests is under way. The two answers are of different moments until all requests have come.
    let (mut waiting, mut both) = (Vec::new(), Vec::new());
    for _ in 0..400 {
        waiting.clear();
        for flow in &flows {
            let flow = world.get(&owner, &format!("/api/flows/{flow}")).await.json;
            waiting.extend(flow["waiting_for"].as_array().into_iter().flatten().cloned());
        }
        both = waiting.iter().map(|own| (own["requests"].as_u64(), own["others"].as_u64())).collect::<Vec<_>>();
        both.sort_unstable();
        if both == [(Some(2), Some(3)), (Some(3), Some(2))] {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert_eq!(both, [(Some(2), Some(3)), (Some(3), Some(2))], "{waiting:?}");
    assert!(waiting.iter().all(|own| own["host"] == json!(dead) && own["is_silent"] == json!(false)));
    let runs = world.get(&owner, "/api/runs").await.json;
    let mut waits = 0;
    for run in runs["items"].as_array().unwrap() {
        let run = world.get(&owner, &format!("/api/runs/{}", run["id"].as_str().unwrap())).await.json;
        let Some(own) = run["waiting_for"].as_array() else { continue };
        assert_eq!((own.len(), &own[0]["requests"], &own[0]["others"]), (1, &json!(1), &json!(4)));
        waits += 1;
    }
    assert_eq!(waits, 5);
}

#[tokio::test]
async fn damage_and_runs_that_were_set_aside_need_attention() {
    let (world, owner) = owned_world().await;
    let user = me(&world, &owner).await;
    let flow: FlowId = world.flow(&owner, "Hurt").await.id().parse().unwrap();
    let mut run = stored(user, flow, 1, RunStatus::Faulted);
    let now = world.runtime.now();
    run.id = RunId::make(now, [7; 10]);
    let message = "the journal of run_1 cannot be read: end of input".to_owned();
    run.error = Some(RunError { code: "run_faulted".to_owned(), message, hint: None });
    let unit = Unit::from(Change::StartRun(run, Vec::new()))
        .with(Change::PutSetting("server".to_owned(), b"{".to_vec().into()));
    world.store.commit(unit, Lane::Work).await.unwrap();
    let settings = world.get(&owner, "/api/settings").await;
    settings.expect(503);
    assert_eq!(settings.text("/code"), "record_damaged");
    let page = world.get(&owner, "/api/attention").await;
    let items = page.expect(200)["items"].as_array().unwrap().clone();
    let kinds: Vec<_> = items.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["record_damaged", "run_set_aside"]);
    assert!(items[0]["detail"].as_str().unwrap().starts_with("The server's settings cannot be read"), "{items:?}");
    assert_eq!(items[1]["flow"]["name"], "Hurt");
    let all = world.get(&owner, "/api/attention?kind=record_damaged").await;
    assert_eq!(all.expect(200)["items"].as_array().unwrap().len(), 1);
}
