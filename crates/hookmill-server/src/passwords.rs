//! Which passwords are taken, and comparing one with its hash, a few at a time.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use hookmill_store::User;
use hookmill_vault as vault;

use crate::{Problem, ServerState};

/// Shorter passwords are refused.
const CHARS_MIN: usize = 10;
/// Longer ones are refused, so that nobody sends a book to be hashed.
const CHARS_MAX: usize = 256;
/// Passwords with fewer different characters are refused.
const DIFFERENT_CHARS_MIN: usize = 5;
/// What is left of a password without the words that anybody knows needs so many characters.
const OWN_CHARS_MIN: usize = 6;

/// The allocator keeps freed pages for a second.
const KEPT_BY_ALLOCATOR: Duration = Duration::from_millis(1_200);
/// So much is given pages of its own.
const PAGES_BYTES: usize = 1024 * 1024;

/// Passwords and words that are tried first, in small letters: those of ten characters and more from the list that
/// Django ships (BSD licence; made by Royce Williams), and its shorter words, which people put figures behind.
static COMMON: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../data/common_passwords.txt").lines().collect());

/// Whether a password may protect the account of this name and address.
///
/// # Errors
/// `password_short`, `password_long`, or `password_weak` with what is wrong.
pub(crate) fn check(password: &str, name: &str, email: &str, host: &str) -> Result<(), Problem> {
    let chars = password.chars().count();
    if chars < CHARS_MIN {
        return Err(Problem::bad("password_short", format!("The password needs at least {CHARS_MIN} characters.")));
    }
    if chars > CHARS_MAX {
        return Err(Problem::bad("password_long", format!("A password has at most {CHARS_MAX} characters.")));
    }
    let weak = |detail: &str| {
        Err(Problem::bad("password_weak", detail)
            .hint("Take several words that do not belong together, or let a password manager make one."))
    };
    let small = password.to_lowercase();
    if small.chars().collect::<HashSet<_>>().len() < DIFFERENT_CHARS_MIN {
        return weak("The password repeats very few characters.");
    }
    if is_row(&small) {
        return weak("The password is a row of neighbouring characters.");
    }
    let base = small.trim_matches(|letter: char| !letter.is_alphabetic());
    if COMMON.contains(small.as_str()) || (COMMON.contains(base) && chars - base.chars().count() < OWN_CHARS_MIN) {
        return weak("The password is one of those that are tried first.");
    }
    let address = email.to_lowercase();
    let (local, domain) = address.split_once('@').unwrap_or((&address, ""));
    let name = name.to_lowercase();
    let words =
        [address.as_str(), local, domain, host, "hookmill"].into_iter().chain(domain.split('.')).chain(name.split(' '));
    let mut left = small.clone();
    let mut words: Vec<&str> = words.filter(|word| word.chars().count() >= 4).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    for word in words {
        left = left.replace(word, "");
    }
    if left != small && left.chars().count() < OWN_CHARS_MIN {
        return weak("The password is made of your own name or address.");
    }
    Ok(())
}

/// Whether each character follows the one before it by the same step, as in "abcdefghijk" and "9876543210".
fn is_row(text: &str) -> bool {
    let codes: Vec<i64> = text.chars().map(|letter| i64::from(u32::from(letter))).collect();
    let steps: HashSet<i64> = codes.windows(2).map(|pair| pair[1] - pair[0]).filter(|step| *step != -9).collect();
    steps.len() == 1 && steps.iter().all(|step| step.abs() <= 2)
}

/// The hash of a new password.
pub(crate) async fn hashed(state: &ServerState, password: String) -> Result<String, Problem> {
    let made = state.hashing.run(move || vault::hash_password(&password)).await?;
    give_memory_back();
    made.map_err(|error| Problem::internal(&error))
}

/// Sees to it that the system gets the memory of a hash back. The allocator keeps pages that were freed for a second,
/// and looks for such ones when it is asked for others: a server without work would keep them for ever.
fn give_memory_back() {
    tokio::spawn(async {
        // More than once: what somebody else freed meanwhile is kept for another second.
        for _ in 0..3 {
            tokio::time::sleep(KEPT_BY_ALLOCATOR).await;
            drop(std::hint::black_box(Vec::<u8>::with_capacity(PAGES_BYTES)));
        }
    });
}

/// Whether this is the user's password. Without a user it takes as long, and says no.
///
/// # Errors
/// `overloaded` where too many wait for their turn; nothing was compared then.
pub(crate) async fn is_right(state: &ServerState, password: String, user: Option<&User>) -> Result<bool, Problem> {
    let hash = user.map(|user| user.password_hash.clone());
    let checked = state.hashing.run(move || match hash {
        Some(hash) => vault::verify_password(&password, &hash),
        None => vault::verify_no_password(&password),
    });
    let checked = checked.await?;
    give_memory_back();
    match checked {
        Ok(right) => Ok(right),
        Err(error) => Err(Problem::internal(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(password: &str) -> String {
        match check(password, "Ada Lovelace", "ada.lovelace@analytical.example", "hooks.engine.example") {
            Ok(()) => "fine".to_owned(),
            Err(problem) => problem.code().to_owned(),
        }
    }

    #[test]
    fn passwords_that_are_guessed_first_are_refused() {
        for fine in
            ["correct horse battery", "a long password", "Tr0ub4dor&3xyz", "größer als gedacht", "lovelace-7-oranges"]
        {
            assert_eq!(code(fine), "fine", "{fine}");
        }
        for weak in [
            "1234567890",
            "qwertyuiop",
            "Password12",
            "aaaaaaaaaaaa",
            "abababababab",
            "abcdefghijklm",
            "9876543210",
            "chocolate123!",
            "!!butterfly!!",
            "ada.lovelace@analytical.example",
            "lovelace1815",
            "hookmill2026",
            "analyticalada",
            "hooks.engine.example",
        ] {
            assert_eq!(code(weak), "password_weak", "{weak}");
        }
        assert_eq!(code("too short"), "password_short");
        assert_eq!(code(&"long enough ".repeat(30)), "password_long");
    }
}
