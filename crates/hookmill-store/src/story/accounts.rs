//! Users, sessions, tokens, settings.

use bytes::Bytes;

use super::Told;
use super::world::{at, id, user};
use crate::{Change, Expect, Lane, Session, Store, StoreError, Token, Unit};

pub(super) async fn users_sessions_tokens(store: &dyn Store) -> Told {
    let mut ada = user("Ada@example.com");
    let setup = Unit::new().expect(Expect::NoUser).with(Change::PutUser(ada.clone()));
    store.commit(setup.clone(), Lane::Work).await?;
    let again = store.commit(setup, Lane::Work).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    let twin = store.commit(Change::PutUser(user("aDA@EXAMPLE.com")).into(), Lane::Work).await;
    assert!(matches!(twin, Err(StoreError::Conflict { what: "user", .. })), "{twin:?}");
    ada.name = "Ada L.".to_owned();
    let bob = user("bob@example.com");
    store.commit(Unit::new().with(Change::PutUser(ada.clone())).with(Change::PutUser(bob.clone())), Lane::Work).await?;
    assert_eq!(store.user(ada.id).await?, Some(ada.clone()));
    assert_eq!(store.user_by_email("ADA@example.COM").await?, Some(ada.clone()));
    assert_eq!(store.user_by_email("eve@example.com").await?, None);
    assert_eq!(store.users().await?, [ada.clone(), bob.clone()]);

    let session = |number: u8| Session {
        id: id(i64::from(number)),
        user: ada.id,
        secret_hash: [number; 32],
        browser: format!("Browser {number}"),
        created_at: at(0),
        expires_at: at(100),
    };
    let (first, second) = (session(1), session(2));
    for one in [&first, &second] {
        store.commit(Change::PutSession(one.clone()).into(), Lane::Work).await?;
    }
    assert_eq!(store.session_by_hash(&[1; 32]).await?, Some(first.clone()));
    assert_eq!(store.session_by_hash(&[9; 32]).await?, None);
    assert_eq!(store.sessions(ada.id).await?, [second.clone(), first.clone()]);
    assert_eq!(store.sessions(bob.id).await?, []);
    store.commit(Change::DeleteOtherSessions(ada.id, Some(second.id)).into(), Lane::Work).await?;
    assert_eq!(store.session_by_hash(&[1; 32]).await?, None);
    store.commit(Change::PutSession(first.clone()).into(), Lane::Work).await?;
    store.commit(Change::DeleteSession(second.id).into(), Lane::Work).await?;
    store.commit(Change::ExtendSession(first.id, at(200)).into(), Lane::Work).await?;
    store.commit(Change::ExtendSession(second.id, at(200)).into(), Lane::Work).await?;
    assert_eq!(store.sessions(ada.id).await?, [Session { expires_at: at(200), ..first.clone() }]);
    assert_eq!(store.session_by_hash(&[2; 32]).await?, None);

    let mut token = Token {
        id: id(0),
        user: ada.id,
        name: "command line".to_owned(),
        secret_hash: [7; 32],
        created_at: at(0),
        expires_at: None,
        used_at: None,
    };
    store.commit(Change::PutToken(token.clone()).into(), Lane::Work).await?;
    token.used_at = Some(at(50));
    store.commit(Change::UseToken(token.id, at(50)).into(), Lane::Work).await?;
    store.commit(Change::UseToken(id(99), at(50)).into(), Lane::Work).await?;
    assert_eq!(store.token_by_hash(&[7; 32]).await?, Some(token.clone()));
    assert_eq!(store.tokens(ada.id).await?, [token.clone()]);
    let foreign = Token { id: id(0), user: id(0), secret_hash: [8; 32], ..token.clone() };
    assert!(matches!(
        store.commit(Change::PutToken(foreign).into(), Lane::Work).await,
        Err(StoreError::Missing { what: "user", .. })
    ));
    store.commit(Change::DeleteUser(ada.id).into(), Lane::Work).await?;
    assert_eq!(store.users().await?, [bob]);
    assert_eq!(store.token_by_hash(&[7; 32]).await?, None);
    assert_eq!(store.session_by_hash(&[1; 32]).await?, None);
    Ok(())
}

pub(super) async fn settings_by_name(store: &dyn Store) -> Told {
    let put = |name: &str, value: &'static [u8]| Change::PutSetting(name.to_owned(), Bytes::from_static(value));
    let unit = Unit::new().with(put("mail.host", b"one")).with(put("mail.port", b"25")).with(put("mailbox", b"x"));
    store.commit(unit.with(put("mail.host", b"two")), Lane::Work).await?;
    assert_eq!(store.setting("mail.host").await?.as_deref(), Some(&b"two"[..]));
    assert_eq!(store.setting("mail").await?, None);
    let found: Vec<String> = store.settings("mail.").await?.into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, ["mail.host", "mail.port"]);
    assert_eq!(store.settings("").await?.len(), 3);
    store.commit(Change::DeleteSetting("mailbox".to_owned()).into(), Lane::Work).await?;
    assert_eq!(store.setting("mailbox").await?, None);
    Ok(())
}
