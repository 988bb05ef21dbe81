//! Users, sessions, tokens.

use hookmill_model::UserId;
use hookmill_store::{Session, StoreError, Token, User};
use tokio_postgres::Client;

use super::{Done, exists, run};
use crate::column::{args, key, micros, text};

pub(super) async fn put_user(c: &Client, one: &User) -> Done {
    let id = key(one.id);
    let folded = text(&one.email.to_lowercase());
    let taken = "SELECT FROM \"user\" WHERE email_folded = $1 AND id <> $2";
    let taken = exists(c, taken, args![folded, id]).await?;
    if taken {
        return Err(StoreError::conflict("user", one.id, "another user has this email").into());
    }
    let sql = "INSERT INTO \"user\" (id, name, email, email_folded, password_hash, role, created, updated)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email,
                   email_folded = excluded.email_folded, password_hash = excluded.password_hash,
                   role = excluded.role, created = excluded.created, updated = excluded.updated";
    let (created, updated) = (one.created_at.as_micros(), one.updated_at.as_micros());
    let (name, email) = (text(&one.name), text(&one.email));
    run(c, sql, args![id, name, email, folded, one.password_hash, one.role.as_str(), created, updated]).await?;
    Ok(())
}

pub(super) async fn delete_user(c: &Client, id: UserId) -> Done {
    let user = key(id);
    run(c, "DELETE FROM session WHERE \"user\" = $1", args![user]).await?;
    run(c, "DELETE FROM token WHERE \"user\" = $1", args![user]).await?;
    run(c, "DELETE FROM approval_person WHERE person = $1", args![user]).await?;
    let deliveries = "DELETE FROM delivery WHERE device IN (SELECT id FROM device WHERE owner = $1)";
    run(c, deliveries, args![user]).await?;
    run(c, "DELETE FROM device WHERE owner = $1", args![user]).await?;
    run(c, "DELETE FROM \"user\" WHERE id = $1", args![user]).await?;
    Ok(())
}

async fn known(c: &Client, id: UserId) -> Done {
    if exists(c, "SELECT FROM \"user\" WHERE id = $1", args![key(id)]).await? {
        return Ok(());
    }
    Err(StoreError::missing("user", id).into())
}

pub(super) async fn put_session(c: &Client, one: &Session) -> Done {
    known(c, one.user).await?;
    let sql =
        "INSERT INTO session (id, \"user\", secret_hash, created, expires, browser) VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (id) DO UPDATE SET \"user\" = excluded.\"user\", secret_hash = excluded.secret_hash,
                   created = excluded.created, expires = excluded.expires, browser = excluded.browser";
    let (created, expires) = (one.created_at.as_micros(), one.expires_at.as_micros());
    run(c, sql, args![key(one.id), key(one.user), &one.secret_hash[..], created, expires, text(&one.browser)]).await?;
    Ok(())
}

pub(super) async fn put_token(c: &Client, one: &Token) -> Done {
    known(c, one.user).await?;
    let sql = "INSERT INTO token (id, \"user\", name, secret_hash, created, expires, used)
               VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (id) DO UPDATE SET \"user\" = excluded.\"user\", name = excluded.name,
                   secret_hash = excluded.secret_hash, created = excluded.created, expires = excluded.expires,
                   used = excluded.used";
    let created = one.created_at.as_micros();
    let (expires, used) = (micros(one.expires_at), micros(one.used_at));
    run(c, sql, args![key(one.id), key(one.user), text(&one.name), &one.secret_hash[..], created, expires, used])
        .await?;
    Ok(())
}
