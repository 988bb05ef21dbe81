//! The story.

use std::sync::Arc;

use hookmill_store::{Store, story};

use crate::{Told, cluster, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_the_contract() -> Told {
    let folder = tempfile::tempdir()?;
    let Some(cluster) = cluster(folder.path())? else { return Ok(()) };
    story::tell(|| async {
        let address = cluster.address(&cluster.database()?);
        Ok(Arc::new(open(&address).await?) as Arc<dyn Store>)
    })
    .await
}
