//! The story.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hookmill_store::Store;
use hookmill_store::story;

use crate::{Told, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_the_contract() -> Told {
    let folder = tempfile::tempdir()?;
    let chapter = AtomicU32::new(0);
    story::tell(|| async {
        let number = chapter.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(open(&folder.path().join(number.to_string()))?) as Arc<dyn Store>)
    })
    .await
}
