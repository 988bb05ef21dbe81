//! Connectors and connections.

use bytes::Bytes;
use hookmill_model::UserId;

use super::Told;
use super::world::{at, connection, connector, flow, id};
use crate::{
    Binding, Change, ConnectionFilter, ConnectorDocument, ConnectorFilter, ConnectorVersion, Expect, Health, Icon,
    Lane, List, Store, StoreError, Unit,
};

pub(super) async fn a_connector_with_document_and_icon(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let mut github = connector(owner, "GitHub");
    let gitlab = connector(id(0), "GitLab");
    let document = ConnectorDocument {
        document: Bytes::from("{\"swagger\":\"2.0\"}".repeat(1_000)),
        properties: Some(Bytes::from_static(b"{}")),
    };
    let icon = Icon { content_type: "image/png".to_owned(), bytes: Bytes::from_static(b"\x89PNG") };
    let orphan = store.commit(Change::PutConnectorDocument(github.id, document.clone()).into(), Lane::Work).await;
    assert_eq!(orphan, Err(StoreError::missing("connector", github.id)));
    let make = Unit::new()
        .with(Change::PutConnector(github.clone()))
        .with(Change::PutConnectorDocument(github.id, document.clone()))
        .with(Change::PutIcon(github.id, Some(icon.clone())))
        .with(Change::PutConnector(gitlab.clone()));
    store.commit(make, Lane::Work).await?;
    assert_eq!(store.connector(github.id).await?, Some(github.clone()));
    assert_eq!(store.connector_document(github.id).await?, Some(document.clone()));
    assert_eq!(store.connector_document(gitlab.id).await?, None);
    assert_eq!(store.icon(github.id).await?, Some(icon));
    store.commit(Change::PutIcon(github.id, None).into(), Lane::Work).await?;
    assert_eq!(store.icon(github.id).await?, None);

    let bare = ConnectorDocument { properties: None, ..document };
    (github.etag, github.updated_at, github.icon_type) = (2, at(3), Some("image/png".to_owned()));
    github.sealed = Some(Bytes::from_static(b"\x01sealed"));
    let change = Unit::new()
        .expect(Expect::ConnectorEtag(github.id, 1))
        .with(Change::PutConnector(github.clone()))
        .with(Change::PutConnectorDocument(github.id, bare.clone()));
    store.commit(change.clone(), Lane::Work).await?;
    assert!(matches!(store.commit(change, Lane::Work).await, Err(StoreError::Conflict { what: "connector", .. })));
    assert_eq!(store.connector(github.id).await?, Some(github.clone()));
    assert_eq!(store.connector_document(github.id).await?, Some(bare));

    let list = |owner, q: Option<&str>| ConnectorFilter { owner, q: q.map(str::to_owned) };
    assert_eq!(store.connectors(&list(Some(owner), None), List::first(9)).await?.items, [github.clone()]);
    assert_eq!(store.connectors(&list(None, Some("git")), List::first(9)).await?.items.len(), 2);
    assert_eq!(store.connectors(&list(None, Some("LAB")), List::first(9)).await?.items, [gitlab]);

    store.commit(Change::DeleteConnector(github.id).into(), Lane::Work).await?;
    assert_eq!(store.connector(github.id).await?, None);
    assert_eq!(store.connector_document(github.id).await?, None);
    Ok(())
}

pub(super) async fn a_version_stays_as_long_as_a_flow_refers_to_it(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let (github, gitlab) = (connector(owner, "GitHub"), connector(owner, "GitLab"));
    let version = |text: &str| ConnectorVersion {
        settings: Bytes::from_static(b"{\"host\":\"old.example.org\"}"),
        document: ConnectorDocument { document: Bytes::from(text.repeat(1_000)), properties: None },
    };
    let bound = |connector, version: &str| Binding {
        key: "k".to_owned(),
        connector: Some(connector),
        connection: None,
        api: None,
        version: Some(version.to_owned()),
    };
    let keep = |id, name: &str| Change::KeepConnectorVersion(id, name.to_owned(), version(name));
    let orphan = store.commit(keep(github.id, "a").into(), Lane::Work).await;
    assert_eq!(orphan, Err(StoreError::missing("connector", github.id)));
    let mut pushes = flow(owner, "Pushes", 0);
    pushes.bindings = vec![bound(github.id, "a")];
    // Another flow refers to a version of the same name, of another connector.
    let mut merges = flow(owner, "Merges", 0);
    merges.bindings = vec![bound(gitlab.id, "b")];
    let make = Unit::new()
        .with(Change::PutConnector(github.clone()))
        .with(Change::PutConnector(gitlab.clone()))
        .with(Change::PutFlow(pushes.clone()))
        .with(Change::PutFlow(merges.clone()))
        .with(keep(github.id, "a"))
        .with(keep(github.id, "b"))
        .with(keep(gitlab.id, "b"))
        .with(keep(gitlab.id, "a"));
    store.commit(make, Lane::Work).await?;
    assert_eq!(store.connector_version(github.id, "b").await?, Some(version("b")));
    store.commit(Change::DropConnectorVersions(github.id).into(), Lane::Work).await?;
    assert_eq!(store.connector_version(github.id, "a").await?, Some(version("a")));
    assert_eq!(store.connector_version(github.id, "b").await?, None);
    assert_eq!(store.connector_version(gitlab.id, "a").await?, Some(version("a")), "of another connector");
    // What is kept already stays as it is.
    store.commit(keep(github.id, "a").into(), Lane::Work).await?;
    let saved = crate::Flow { etag: 2, bindings: vec![bound(github.id, "c")], ..pushes.clone() };
    let save = Unit::new().with(Change::PutFlow(saved)).with(Change::DropConnectorVersions(github.id));
    store.commit(save, Lane::Work).await?;
    assert_eq!(store.connector_version(github.id, "a").await?, None);
    store.commit(Change::DeleteFlow(merges.id, at(1)).into(), Lane::Work).await?;
    store.commit(Change::DropConnectorVersions(gitlab.id).into(), Lane::Work).await?;
    assert_eq!(store.connector_version(gitlab.id, "b").await?, None);
    store.commit(keep(gitlab.id, "b").into(), Lane::Work).await?;
    store.commit(Change::DeleteConnector(gitlab.id).into(), Lane::Work).await?;
    assert_eq!(store.connector_version(gitlab.id, "b").await?, None);
    Ok(())
}

pub(super) async fn what_is_used_stays(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let github = connector(owner, "GitHub");
    let mut mine = connection(owner, github.id, "Mine");
    let spare = connection(owner, github.id, "Spare");
    let mut pushes = flow(owner, "Pushes", 0);
    pushes.bindings = vec![Binding {
        key: "shared_github".to_owned(),
        connector: Some(github.id),
        connection: Some(mine.id),
        api: None,
        version: None,
    }];
    let make = Unit::new()
        .with(Change::PutConnector(github.clone()))
        .with(Change::PutConnection(mine.clone()))
        .with(Change::PutConnection(spare.clone()))
        .with(Change::PutFlow(pushes.clone()));
    store.commit(make, Lane::Work).await?;
    assert_eq!(store.connection(mine.id).await?, Some(mine.clone()));
    let uses = store.connector_uses(github.id).await?;
    assert_eq!(uses.flows, [(pushes.id, "Pushes".to_owned())]);
    assert_eq!(uses.connections, [(mine.id, "Mine".to_owned()), (spare.id, "Spare".to_owned())]);
    assert_eq!(store.connection_uses(mine.id).await?.flows, [(pushes.id, "Pushes".to_owned())]);
    assert!(store.connection_uses(spare.id).await?.is_empty());

    (mine.health, mine.health_detail, mine.etag) = (Health::Broken, Some("401".to_owned()), 2);
    let change = Unit::new().expect(Expect::ConnectionEtag(mine.id, 1)).with(Change::PutConnection(mine.clone()));
    store.commit(change.clone(), Lane::Work).await?;
    assert!(matches!(store.commit(change, Lane::Work).await, Err(StoreError::Conflict { what: "connection", .. })));
    let all = ConnectionFilter { owner: Some(owner), connector: None, health: None, q: None };
    let broken = ConnectionFilter { health: Some(Health::Broken), ..all.clone() };
    let named = ConnectionFilter { q: Some("spare".to_owned()), ..all.clone() };
    let of_connector = ConnectionFilter { connector: Some(github.id), owner: None, ..all.clone() };
    let of_other = ConnectionFilter { connector: Some(github.id), owner: Some(id(0)), ..all.clone() };
    assert_eq!(store.connections(&all, List::first(9)).await?.items, [spare.clone(), mine.clone()]);
    assert_eq!(store.connections(&broken, List::first(9)).await?.items, [mine.clone()]);
    assert_eq!(store.connections(&named, List::first(9)).await?.items, std::slice::from_ref(&spare));
    assert_eq!(store.connections(&of_connector, List::first(9)).await?.items.len(), 2);
    assert_eq!(store.connections(&of_other, List::first(9)).await?.items, []);

    let drop_connection = |id| Unit::new().expect(Expect::ConnectionUnused(id)).with(Change::DeleteConnection(id));
    let drop_connector =
        Unit::new().expect(Expect::ConnectorUnused(github.id)).with(Change::DeleteConnector(github.id));
    let refused = store.commit(drop_connection(mine.id), Lane::Work).await;
    assert!(matches!(refused, Err(StoreError::Conflict { what: "connection", .. })), "{refused:?}");
    store.commit(drop_connection(spare.id), Lane::Work).await?;
    assert!(store.commit(drop_connector.clone(), Lane::Work).await.is_err());
    store.commit(Change::DeleteFlow(pushes.id, at(1)).into(), Lane::Work).await?;
    store.commit(drop_connection(mine.id), Lane::Work).await?;
    store.commit(drop_connector, Lane::Work).await?;
    assert_eq!(store.connector(github.id).await?, None);
    Ok(())
}
