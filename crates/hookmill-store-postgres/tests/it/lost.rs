//! The database goes away and comes back: nothing that was confirmed is lost, and nothing is stored twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hookmill_model::{Id, UserId};
use hookmill_store::story::world::{event, flow, id};
use hookmill_store::{Accounts, Change, Events, Lane, Nodes, Store, StoreError, Unit};
use hookmill_store_postgres::cluster::{Cluster, ClusterOptions};

use crate::{Told, cluster, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_confirmed_outlives_crashes_of_the_database() -> Told {
    let folder = tempfile::tempdir()?;
    let options = ClusterOptions { durable: true, ..ClusterOptions::default() };
    let Some(mut cluster) = Cluster::start(folder.path(), &options)? else { return Ok(()) };
    let database = cluster.database()?;
    let store = Arc::new(open(&cluster.address(&database)).await?);
    let mine = flow(UserId::from_bits(1), "Load", 0);
    store.commit(Change::PutFlow(mine.clone()).into(), Lane::Work).await?;
    let mut confirmed = Vec::new();
    let mut unknown = 0;
    for mode in ["immediate", "fast", "immediate"] {
        let until = Instant::now() + Duration::from_millis(600);
        let senders: Vec<_> = (0..8)
            .map(|_| {
                let (store, flow) = (Arc::clone(&store), mine.id);
                tokio::spawn(async move {
                    let (mut kept, mut unknown) = (Vec::new(), 0);
                    while Instant::now() < until {
                        let one = event(flow, 1);
                        match store.commit(Change::AddEvent(one.clone(), None).into(), Lane::Intake).await {
                            Ok(_) => kept.push(one.id),
                            Err(problem) if problem.is_unknown() => unknown += 1,
                            Err(StoreError::Unavailable { .. } | StoreError::Database { .. }) => {
                                tokio::time::sleep(Duration::from_millis(10)).await;
                            }
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                    (kept, unknown)
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut stopped = cluster;
        cluster = tokio::task::spawn_blocking(move || {
            stopped.stop(mode)?;
            stopped.resume()?;
            Ok::<_, std::io::Error>(stopped)
        })
        .await??;
        for sender in senders {
            let (kept, doubtful) = sender.await?;
            confirmed.extend(kept);
            unknown += doubtful;
        }
        // It is back by itself.
        let begun = Instant::now();
        while store.ping().await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "the store does not find its database again");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert!(confirmed.len() > 100, "the load was too light to say anything: {}", confirmed.len());
    for id in &confirmed {
        assert!(store.event(*id).await?.is_some(), "{id} was confirmed and is lost");
    }
    let kept: usize = cluster.run(&database, "SELECT count(*) FROM hookmill.event")?.parse()?;
    let most = confirmed.len() + unknown;
    assert!((confirmed.len()..=most).contains(&kept), "{kept} kept, {} confirmed, {unknown} unknown", confirmed.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_are_opened_anew_and_the_lock_goes_with_them() -> Told {
    let folder = tempfile::tempdir()?;
    let Some(cluster) = cluster(folder.path())? else { return Ok(()) };
    let database = cluster.database()?;
    let address = cluster.address(&database);
    let store = open(&address).await?;
    let put = |name: &str| Unit::from(Change::PutSetting(name.to_owned(), "1".into()));
    store.commit(put("a"), Lane::Work).await?;
    store.settings("").await?;
    let end_all = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'hookmill'";
    cluster.run(&database, end_all)?;
    assert_eq!(store.settings("").await?.len(), 1);
    store.commit(put("b"), Lane::Work).await?;
    assert_eq!(store.settings("").await?.len(), 2);

    // A move of the whole store takes the lock of servers while this one has lost it: this one ends, and writes nothing
    // more.
    let taken = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory';
         SELECT pg_sleep(0.2); SELECT pg_advisory_lock({}, 0); SELECT pg_sleep(20)",
        0x686f_6f6b
    );
    let mut other = cluster.program("psql").args(["-X", "-q", "-d", &database, "-c", &taken]).spawn()?;
    let has_lock = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
                    WHERE l.locktype = 'advisory' AND l.objid = 0 AND l.granted AND a.application_name = 'psql'";
    let begun = Instant::now();
    while cluster.run(&database, has_lock)? != "1" {
        assert!(begun.elapsed() < Duration::from_secs(10), "the lock was not free");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(store.commit(put("late"), Lane::Work).await.is_err());
    let why = tokio::time::timeout(Duration::from_secs(10), store.broken()).await?;
    assert!(why.to_string().contains("is being moved"), "{why}");
    other.kill()?;
    other.wait()?;
    assert!(store.commit(put("later"), Lane::Work).await.is_err());
    assert_eq!(cluster.run(&database, "SELECT count(*) FROM hookmill.setting")?, "2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_the_database_refuses_harms_no_neighbour() -> Told {
    let folder = tempfile::tempdir()?;
    let Some(cluster) = cluster(folder.path())? else { return Ok(()) };
    let database = cluster.database()?;
    let store = Arc::new(open(&cluster.address(&database)).await?);
    let flow = id(0);
    // PostgreSQL's texts have no character 0; a line for lists shows its picture.
    let mut odd = event(flow, 1);
    odd.summary = "a\0b".to_owned();
    store.commit(Change::AddEvent(odd.clone(), None).into(), Lane::Intake).await?;
    assert_eq!(store.event(odd.id).await?.map(|found| found.summary), Some("a\u{2400}b".to_owned()));

    cluster.run(&database, "ALTER TABLE hookmill.event ADD CHECK (summary <> 'refused')")?;
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let (store, mut one) = (Arc::clone(&store), event(flow, number));
            if number % 10 == 3 {
                one.summary = "refused".to_owned();
            }
            tokio::spawn(async move { store.commit(Change::AddEvent(one, None).into(), Lane::Intake).await.is_ok() })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        stored += usize::from(task.await?);
    }
    assert_eq!(stored, 36);
    assert_eq!(store.pending_events(flow, None, 100).await?.len(), 37);
    Ok(())
}

/// The primary dies under load, and its copy goes on: with synchronous replication nothing that was confirmed is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_confirmed_is_on_the_copy_that_takes_over() -> Told {
    let folder = tempfile::tempdir()?;
    let options = ClusterOptions { durable: true, ..ClusterOptions::default() };
    let Some(mut primary) = Cluster::start(folder.path(), &options)? else { return Ok(()) };
    let database = primary.database()?;
    let Some(replica) = primary.replica(folder.path())? else { return Ok(()) };
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", primary.port(), replica.port());
    let address = format!("postgres://hookmill@{hosts}/{database}?target_session_attrs=read-write");
    let store = Arc::new(open(&address).await?);
    let mine = flow(UserId::from_bits(1), "Load", 0);
    store.commit(Change::PutFlow(mine.clone()).into(), Lane::Work).await?;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let (store, flow, stop) = (Arc::clone(&store), mine.id, Arc::clone(&stop));
            tokio::spawn(async move {
                let mut kept = Vec::new();
                while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                    let one = event(flow, 1);
                    match store.commit(Change::AddEvent(one.clone(), None).into(), Lane::Intake).await {
                        Ok(_) => kept.push(one.id),
                        Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
                kept
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    tokio::task::spawn_blocking(move || primary.stop("immediate").map(|()| primary)).await??;
    replica.promote()?;
    let begun = Instant::now();
    while store.ping().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the store does not find the new primary");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut confirmed = Vec::new();
    for sender in senders {
        confirmed.extend(sender.await?);
    }
    assert!(confirmed.len() > 20, "the load was too light to say anything: {}", confirmed.len());
    for id in &confirmed {
        assert!(store.event(*id).await?.is_some(), "{id} was confirmed and is lost");
    }
    // The flows are looked after from here as well.
    while store.leases().held().len() < hookmill_store::SHARDS {
        assert!(begun.elapsed() < Duration::from_secs(60), "the leases were not renewed at the new primary");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
