//! Users, sessions, tokens, settings.

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::UserId;
use hookmill_store::{Accounts, Session, StoreError, Token, User};
use rusqlite::{Result, Row};

use super::{all, one};
use crate::column::{bytes, id, key, moment, moment_of, word};
use crate::store::SqliteStore;

const USER_COLUMNS: &str = "id, name, email, password_hash, role, created, updated";
const SESSION_COLUMNS: &str = "id, user, secret_hash, created, expires, browser";
const TOKEN_COLUMNS: &str = "id, user, name, secret_hash, created, expires, used";

fn user(row: &Row<'_>) -> Result<User> {
    Ok(User {
        id: id(row, 0)?,
        name: row.get(1)?,
        email: row.get(2)?,
        password_hash: row.get(3)?,
        role: word(row, 4)?,
        created_at: moment(row, 5)?,
        updated_at: moment(row, 6)?,
    })
}

fn session(row: &Row<'_>) -> Result<Session> {
    Ok(Session {
        id: id(row, 0)?,
        user: id(row, 1)?,
        secret_hash: row.get(2)?,
        created_at: moment(row, 3)?,
        expires_at: moment(row, 4)?,
        browser: row.get(5)?,
    })
}

fn token(row: &Row<'_>) -> Result<Token> {
    Ok(Token {
        id: id(row, 0)?,
        user: id(row, 1)?,
        name: row.get(2)?,
        secret_hash: row.get(3)?,
        created_at: moment(row, 4)?,
        expires_at: moment_of(row, 5)?,
        used_at: moment_of(row, 6)?,
    })
}

type Answer<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Accounts for SqliteStore {
    async fn user(&self, id: UserId) -> Answer<Option<User>> {
        let sql = format!("SELECT {USER_COLUMNS} FROM user WHERE id = ?1");
        self.readers.read(move |c| one(c, &sql, [key(id)], user)).await
    }

    async fn user_by_email(&self, email: &str) -> Answer<Option<User>> {
        let folded = email.to_lowercase();
        let sql = format!("SELECT {USER_COLUMNS} FROM user WHERE email_folded = ?1");
        self.readers.read(move |c| one(c, &sql, [folded], user)).await
    }

    async fn users(&self) -> Answer<Vec<User>> {
        let sql = format!("SELECT {USER_COLUMNS} FROM user ORDER BY id");
        self.readers.read(move |c| all(c, &sql, [], user)).await
    }

    async fn session_by_hash(&self, secret_hash: &[u8; 32]) -> Answer<Option<Session>> {
        let hash = *secret_hash;
        let sql = format!("SELECT {SESSION_COLUMNS} FROM session WHERE secret_hash = ?1");
        self.readers.read(move |c| one(c, &sql, [hash], session)).await
    }

    async fn sessions(&self, user: UserId) -> Answer<Vec<Session>> {
        let sql = format!("SELECT {SESSION_COLUMNS} FROM session WHERE user = ?1 ORDER BY id DESC");
        self.readers.read(move |c| all(c, &sql, [key(user)], session)).await
    }

    async fn token_by_hash(&self, secret_hash: &[u8; 32]) -> Answer<Option<Token>> {
        let hash = *secret_hash;
        let sql = format!("SELECT {TOKEN_COLUMNS} FROM token WHERE secret_hash = ?1");
        self.readers.read(move |c| one(c, &sql, [hash], token)).await
    }

    async fn tokens(&self, user: UserId) -> Answer<Vec<Token>> {
        let sql = format!("SELECT {TOKEN_COLUMNS} FROM token WHERE user = ?1 ORDER BY id DESC");
        self.readers.read(move |c| all(c, &sql, [key(user)], token)).await
    }

    async fn setting(&self, name: &str) -> Answer<Option<Bytes>> {
        let name = name.to_owned();
        let sql = "SELECT value FROM setting WHERE name = ?1";
        self.readers.read(move |c| one(c, sql, [name], |row| bytes(row, 0))).await
    }

    async fn settings(&self, prefix: &str) -> Answer<Vec<(String, Bytes)>> {
        let prefix = prefix.to_owned();
        let sql = "SELECT name, value FROM setting WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name";
        self.readers.read(move |c| all(c, sql, [prefix], |row| Ok((row.get(0)?, bytes(row, 1)?)))).await
    }
}
