//! Users, sessions, tokens.

use hookmill_model::UserId;
use hookmill_store::{Session, StoreError, Token, User};
use rusqlite::{Connection, params};

use super::{Done, inbox, run};
use crate::column::{key, micros};

pub(super) fn put_user(c: &Connection, one: &User) -> Done {
    let id = key(one.id);
    let folded = one.email.to_lowercase();
    let taken =
        c.prepare_cached("SELECT 1 FROM user WHERE email_folded = ?1 AND id <> ?2")?.exists(params![folded, id])?;
    if taken {
        return Err(StoreError::conflict("user", one.id, "another user has this email").into());
    }
    let sql = "INSERT INTO user (id, name, email, email_folded, password_hash, role, created, updated)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email,
                   email_folded = excluded.email_folded, password_hash = excluded.password_hash,
                   role = excluded.role, created = excluded.created, updated = excluded.updated";
    let (created, updated) = (one.created_at.as_micros(), one.updated_at.as_micros());
    run(c, sql, params![id, one.name, one.email, folded, one.password_hash, one.role.as_str(), created, updated])?;
    Ok(())
}

pub(super) fn delete_user(c: &Connection, id: UserId) -> Done {
    let user = key(id);
    run(c, "DELETE FROM session WHERE user = ?1", [user])?;
    run(c, "DELETE FROM token WHERE user = ?1", [user])?;
    run(c, "DELETE FROM approval_person WHERE person = ?1", [user])?;
    let devices: Vec<[u8; 16]> = c
        .prepare_cached("SELECT id FROM device WHERE owner = ?1")?
        .query_map([user], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for device in devices {
        inbox::delete_device(c, &device)?;
    }
    run(c, "DELETE FROM user WHERE id = ?1", [user])?;
    Ok(())
}

fn known(c: &Connection, id: UserId) -> Done {
    if c.prepare_cached("SELECT 1 FROM user WHERE id = ?1")?.exists([key(id)])? {
        return Ok(());
    }
    Err(StoreError::missing("user", id).into())
}

pub(super) fn put_session(c: &Connection, one: &Session) -> Done {
    known(c, one.user)?;
    let sql = "INSERT INTO session (id, user, secret_hash, created, expires, browser) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT (id) DO UPDATE SET user = excluded.user, secret_hash = excluded.secret_hash,
                   created = excluded.created, expires = excluded.expires, browser = excluded.browser";
    let (created, expires) = (one.created_at.as_micros(), one.expires_at.as_micros());
    run(c, sql, params![key(one.id), key(one.user), one.secret_hash, created, expires, one.browser])?;
    Ok(())
}

pub(super) fn put_token(c: &Connection, one: &Token) -> Done {
    known(c, one.user)?;
    let sql = "INSERT INTO token (id, user, name, secret_hash, created, expires, used)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
               ON CONFLICT (id) DO UPDATE SET user = excluded.user, name = excluded.name,
                   secret_hash = excluded.secret_hash, created = excluded.created, expires = excluded.expires,
                   used = excluded.used";
    let created = one.created_at.as_micros();
    let (expires, used) = (micros(one.expires_at), micros(one.used_at));
    run(c, sql, params![key(one.id), key(one.user), one.name, one.secret_hash, created, expires, used])?;
    Ok(())
}
