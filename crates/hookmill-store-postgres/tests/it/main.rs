//! The story on PostgreSQL, and what only a database server can show: addresses, rights, restarts, lost connections.

mod doors;
mod lost;
mod many;
mod story;

use std::path::Path;

use hookmill_store::StoreError;
use hookmill_store_postgres::cluster::{Cluster, ClusterOptions};
use hookmill_store_postgres::{PostgresOptions, PostgresStore};

type Told = hookmill_store::story::Told;

/// A cluster for one test; `None` where the machine has no PostgreSQL.
fn cluster(folder: &Path) -> std::io::Result<Option<Cluster>> {
    Cluster::start(folder, &ClusterOptions::default())
}

async fn open(address: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(PostgresOptions::at(address)).await
}
