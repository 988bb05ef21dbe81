//! Users, sessions, tokens.

use hookmill_model::{SessionId, Timestamp, TokenId, UserId};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its identifier.
    pub id: UserId,
    /// How to call the person.
    pub name: String,
    /// Unique, in any case.
    pub email: String,
    /// The password's hash, in the server's own form.
    pub password_hash: String,
    /// What the person may do.
    pub role: Role,
    /// When the user was made.
    pub created_at: Timestamp,
    /// When the user was last changed.
    pub updated_at: Timestamp,
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything, users and settings too.
    Owner,
    /// Everything but users and settings.
    Member,
}

impl Role {
    /// The text in the API and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Owner, Self::Member]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| format!("\"{text}\" is not one of owner, member"))
    }
}

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its identifier.
    pub id: SessionId,
    /// Who signed in.
    pub user: UserId,
    /// The hash of the cookie's secret. Unique.
    pub secret_hash: [u8; 32],
    /// The browser as it names itself, in short.
    pub browser: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A personal API token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its identifier.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// The hash of the token. Unique.
    pub secret_hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
}
