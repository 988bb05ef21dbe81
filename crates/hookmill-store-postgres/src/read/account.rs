//! Users, sessions, tokens, settings.

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::UserId;
use hookmill_store::{Accounts, Session, StoreError, Token, User};
use tokio_postgres::Row;

use super::{all, one};
use crate::column::{args, bytes, get, hash, id, key, moment, moment_of, text, word};
use crate::store::PostgresStore;

const USER_COLUMNS: &str = "id, name, email, password_hash, role, created, updated";
const SESSION_COLUMNS: &str = "id, \"user\", secret_hash, created, expires, browser";
const TOKEN_COLUMNS: &str = "id, \"user\", name, secret_hash, created, expires, used";

type Answer<T> = Result<T, StoreError>;

fn user(row: &Row) -> Answer<User> {
    Ok(User {
        id: id(row, 0)?,
        name: get(row, 1)?,
        email: get(row, 2)?,
        password_hash: get(row, 3)?,
        role: word(row, 4)?,
        created_at: moment(row, 5)?,
        updated_at: moment(row, 6)?,
    })
}

fn session(row: &Row) -> Answer<Session> {
    Ok(Session {
        id: id(row, 0)?,
        user: id(row, 1)?,
        secret_hash: hash(row, 2)?,
        created_at: moment(row, 3)?,
        expires_at: moment(row, 4)?,
        browser: get(row, 5)?,
    })
}

fn token(row: &Row) -> Answer<Token> {
    Ok(Token {
        id: id(row, 0)?,
        user: id(row, 1)?,
        name: get(row, 2)?,
        secret_hash: hash(row, 3)?,
        created_at: moment(row, 4)?,
        expires_at: moment_of(row, 5)?,
        used_at: moment_of(row, 6)?,
    })
}

#[async_trait]
impl Accounts for PostgresStore {
    async fn user(&self, id: UserId) -> Answer<Option<User>> {
        let sql = format!("SELECT {USER_COLUMNS} FROM \"user\" WHERE id = $1");
        one(&self.readers, &sql, args![key(id)], user).await
    }

    async fn user_by_email(&self, email: &str) -> Answer<Option<User>> {
        let folded = text(&email.to_lowercase());
        let sql = format!("SELECT {USER_COLUMNS} FROM \"user\" WHERE email_folded = $1");
        one(&self.readers, &sql, args![folded], user).await
    }

    async fn users(&self) -> Answer<Vec<User>> {
        let sql = format!("SELECT {USER_COLUMNS} FROM \"user\" ORDER BY id");
        all(&self.readers, &sql, args![], user).await
    }

    async fn session_by_hash(&self, secret_hash: &[u8; 32]) -> Answer<Option<Session>> {
        let sql = format!("SELECT {SESSION_COLUMNS} FROM session WHERE secret_hash = $1");
        one(&self.readers, &sql, args![&secret_hash[..]], session).await
    }

    async fn sessions(&self, user: UserId) -> Answer<Vec<Session>> {
        let sql = format!("SELECT {SESSION_COLUMNS} FROM session WHERE \"user\" = $1 ORDER BY id DESC");
        all(&self.readers, &sql, args![key(user)], session).await
    }

    async fn token_by_hash(&self, secret_hash: &[u8; 32]) -> Answer<Option<Token>> {
        let sql = format!("SELECT {TOKEN_COLUMNS} FROM token WHERE secret_hash = $1");
        one(&self.readers, &sql, args![&secret_hash[..]], token).await
    }

    async fn tokens(&self, user: UserId) -> Answer<Vec<Token>> {
        let sql = format!("SELECT {TOKEN_COLUMNS} FROM token WHERE \"user\" = $1 ORDER BY id DESC");
        all(&self.readers, &sql, args![key(user)], token).await
    }

    async fn setting(&self, name: &str) -> Answer<Option<Bytes>> {
        let name = text(name);
        let sql = "SELECT value FROM setting WHERE name = $1";
        one(&self.readers, sql, args![name], |row| bytes(row, 0)).await
    }

    async fn settings(&self, prefix: &str) -> Answer<Vec<(String, Bytes)>> {
        let prefix = text(prefix);
        let sql = "SELECT name, value FROM setting WHERE starts_with(name, $1) ORDER BY name";
        all(&self.readers, sql, args![prefix], |row| Ok((get(row, 0)?, bytes(row, 1)?))).await
    }
}
