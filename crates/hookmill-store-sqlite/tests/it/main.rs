//! The story on SQLite, and what only a store on a disk can show: crashes, locks, damage, speed.

mod cut;
mod damage;
mod folder;
mod kill;
mod lists;
mod load;
mod story;

use std::path::Path;

use hookmill_store_sqlite::{SqliteOptions, SqliteStore};

type Told = hookmill_store::story::Told;

fn open(folder: &Path) -> Result<SqliteStore, hookmill_store::StoreError> {
    SqliteStore::open(folder, SqliteOptions::default())
}
