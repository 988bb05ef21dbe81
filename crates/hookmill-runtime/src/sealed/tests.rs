//! What goes into the store below, and what comes out again.

use hookmill_store::MemoryStore;

use super::*;

const DEFINITION: &str = r#"{
    "parameters":{"key":{"type":"SecureString","defaultValue":"default-key"},"plain":{"type":"string"}},
    "triggers":{"t":{"type":"Request"}},
    "actions":{"A":{"type":"Http","inputs":{"method":"GET","uri":"https://x/","headers":{"Accept":"text/plain"},
        "authentication":{"type":"Basic","username":"octo","password":"inline-word"}}}}}"#;

struct World {
    store: SealedStore,
    folder: tempfile::TempDir,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path(), None).unwrap();
    World { store: SealedStore::new(Arc::new(MemoryStore::new()), Arc::new(vault)), folder }
}

fn version(definition: &str, parameters: &str, envelope: &str) -> FlowVersion {
    let text = |text: &str| Bytes::from(Value::from_json(text.as_bytes()).unwrap().to_json());
    FlowVersion {
        definition: text(definition),
        parameters: text(parameters),
        envelope: text(envelope),
        ..hookmill_store::story::world::version(hookmill_store::story::world::id(0), 1)
    }
}

async fn kept(world: &World, version: FlowVersion) -> (FlowVersion, FlowVersion) {
    world.store.commit(Change::PutFlowVersion(version.clone()).into(), Lane::Work).await.unwrap();
    let below = world.store.below().flow_version(version.flow, version.version).await.unwrap().unwrap();
    let above = world.store.flow_version(version.flow, version.version).await.unwrap().unwrap();
    (below, above)
}

fn text(version: &FlowVersion) -> String {
    [&version.definition, &version.parameters, &version.envelope].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

#[tokio::test]
async fn secrets_of_a_version_are_sealed_where_they_stand() {
    let world = world();
    let saved = version(DEFINITION, r#"{"KEY":{"a":["given-key"]},"plain":"seen"}"#, r#"{"name":"x"}"#);
    let (below, above) = kept(&world, saved.clone()).await;
    for secret in ["default-key", "inline-word", "given-key"] {
        assert!(!text(&below).contains(secret), "{}", text(&below));
    }
    for plain in ["octo", "text/plain", "seen", "https://x/"] {
        assert!(text(&below).contains(plain), "{plain}: {}", text(&below));
    }
    assert_eq!(above, saved);
}

#[tokio::test]
async fn what_holds_a_secret_once_more_is_sealed_as_a_whole() {
    let world = world();
    let again = DEFINITION.replace("text/plain", "aW5saW5lLXdvcmQ=");
    let saved = version(&again, "{}", r#"{"template":{"password":"inline-word"}}"#);
    let (below, above) = kept(&world, saved.clone()).await;
    assert!(!text(&below).contains("octo") && !text(&below).contains("inline-word"), "{}", text(&below));
    assert_eq!(above, saved);
}

#[tokio::test]
async fn without_secrets_nothing_changes() {
    let world = world();
    let saved =
        version(r#"{"triggers":{},"actions":{"A":{"type":"Compose","inputs":{"$sealed":"mine"}}}}"#, "{}", "null");
    assert_eq!(kept(&world, saved.clone()).await, (saved.clone(), saved));
}

#[tokio::test]
async fn a_seal_of_another_flow_does_not_open() {
    let world = world();
    let (below, _) = kept(&world, version(DEFINITION, "{}", "null")).await;
    // Somebody who can write to the database moves it to a flow whose history they can read.
    let moved = FlowVersion { flow: hookmill_store::story::world::id(1), ..below };
    world.store.inner.commit(Change::PutFlowVersion(moved.clone()).into(), Lane::Work).await.unwrap();
    let opened = world.store.flow_version(moved.flow, 1).await.unwrap().unwrap();
    assert!(!text(&opened).contains("inline-word"), "{}", text(&opened));
}

#[tokio::test]
async fn what_somebody_wrote_like_a_seal_stays_theirs() {
    let world = world();
    let seal = world.store.sealed_value("flow/other", &"x".into()).unwrap().to_json();
    let definition = format!(r#"{{"triggers":{{}},"actions":{{"A":{{"type":"Compose","inputs":{seal}}}}}}}"#);
    let saved = version(&definition, "{}", "null");
    let (below, above) = kept(&world, saved.clone()).await;
    assert_ne!(below, saved);
    assert_eq!(above, saved);
}

#[tokio::test]
async fn with_another_master_key_secrets_are_lost_and_nothing_else() {
    let world = world();
    let saved = version(DEFINITION, r#"{"key":"given-key"}"#, "null");
    let (below, _) = kept(&world, saved).await;
    std::fs::remove_file(world.folder.path().join("master.key")).unwrap();
    std::fs::remove_file(world.folder.path().join("master.check")).unwrap();
    let vault = Arc::new(Vault::open(world.folder.path(), None).unwrap());
    let store = SealedStore::new(Arc::clone(&world.store.inner), vault);
    let opened = store.flow_version(below.flow, 1).await.unwrap().unwrap();
    let mut findings = Vec::new();
    let definition = Value::from_json(&opened.definition).unwrap();
    let shown = lost_secrets(&definition, &Pointer::root(), &mut findings);
    assert_eq!(shown, secret::without_secrets(&definition));
    let at: Vec<String> = findings.iter().map(|finding| finding.pointer.to_string()).collect();
    assert_eq!(at, ["/parameters/key/defaultValue", "/actions/A/inputs/authentication/password"]);
}

#[tokio::test]
async fn facts_and_events_are_sealed_where_their_unit_is_secret() {
    use hookmill_store::story::world::{event, flow, id, run};
    let world = world();
    let (own, one) = (flow(id(0), "One", 0), event(id(0), 1));
    let begun = hookmill_store::Run { facts: 1, ..run(own.owner, own.id, 2) };
    let append = Change::AppendFacts {
        run: begun.id,
        epoch: begun.epoch,
        from: 1,
        facts: vec![b"{second}".to_vec()],
        update: hookmill_store::RunUpdate::default(),
    };
    let unit = Unit::new()
        .with(Change::AddEvent(one.clone(), None))
        .with(Change::StartRun(begun.clone(), vec![b"{first}".to_vec()]))
        .secret(true);
    world.store.commit(unit, Lane::Work).await.unwrap();
    world.store.commit(Unit::from(append).secret(true), Lane::Work).await.unwrap();
    let below = world.store.below().run_facts(begun.id, 0).await.unwrap();
    assert!(below.iter().all(|fact| is_sealed(fact)));
    let opened = world.store.run_facts(begun.id, 1).await.unwrap();
    assert_eq!(opened, [Bytes::from_static(b"{second}")]);
    let kept = world.store.below().event(one.id).await.unwrap().unwrap();
    assert!(is_sealed(&kept.head) && is_sealed(&kept.body));
    assert_eq!(world.store.event(one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(world.store.pending_events(one.flow, None, 9).await.unwrap()[0].event, one);
    let other = Unit::from(Change::AddEvent(event(id(0), 3), None));
    let Change::AddEvent(plain, _) = other.changes[0].clone() else { panic!() };
    world.store.commit(other, Lane::Work).await.unwrap();
    assert_eq!(world.store.below().event(plain.id).await.unwrap(), Some(plain));
}
