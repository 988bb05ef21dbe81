//! What stands between the store and its database: each has one message with the way out, and nothing is half made.

use std::path::Path;

use hookmill_model::Explain;
use hookmill_store::{Accounts, Change, DatabaseProblem, Lane, Store, StoreError};
use hookmill_store_postgres::PostgresTables;
use hookmill_store_postgres::cluster::{Cluster, ClusterOptions};

use crate::{Told, cluster, open};

/// The problem that stands in the way of opening, and what is told.
async fn refused(address: &str) -> (DatabaseProblem, String) {
    let error = open(address).await.expect_err("the store must not open");
    let hint = error.hint().expect("a way out");
    match &error {
        StoreError::Database { problem, .. } => (*problem, format!("{error}. {hint}")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_obstacle_has_its_own_message() -> Told {
    let folder = tempfile::tempdir()?;
    let Some(mut cluster) = cluster(folder.path())? else { return Ok(()) };
    let database = cluster.database()?;
    let address = cluster.address(&database);

    let (problem, told) = refused(&cluster.address("nothing_here")).await;
    assert_eq!(problem, DatabaseProblem::Address);
    assert!(told.contains("nothing_here") && told.contains("createdb"), "{told}");

    cluster.run(&database, "CREATE USER guest")?;
    let (problem, told) = refused(&address.replace("hookmill@", "guest@")).await;
    assert_eq!(problem, DatabaseProblem::Rights);
    assert!(told.contains("GRANT CREATE"), "{told}");
    let left = cluster.run(&database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'hookmill'")?;
    assert_eq!(left, "0", "a refused start left something behind");

    for (setting, problem) in [
        ("synchronous_commit = off", DatabaseProblem::Unsafe),
        ("default_transaction_read_only = on", DatabaseProblem::Standby),
    ] {
        cluster.run(&database, &format!("ALTER DATABASE {database} SET {setting}"))?;
        let found = refused(&address).await;
        assert_eq!(found.0, problem, "{}", found.1);
        cluster.run("postgres", &format!("ALTER DATABASE {database} RESET ALL"))?;
    }
    // A setting of less than the disk's own word counts only where nobody said that the data may be lost.
    let (problem, told) = refused(address.split('?').next().unwrap_or_default()).await;
    assert!(problem == DatabaseProblem::Unsafe && told.contains("fsync"), "{told}");

    cluster.run("postgres", "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")?;
    assert_eq!(refused(&cluster.address("latin")).await.0, DatabaseProblem::Version);

    cluster.run(&database, "CREATE SCHEMA hookmill; CREATE TABLE hookmill.flow (a int)")?;
    assert_eq!(refused(&address).await.0, DatabaseProblem::Foreign);
    cluster.run(&database, "DROP SCHEMA hookmill CASCADE")?;

    let store = open(&address).await?;
    // Another server shares it; only a move of everything needs it for itself.
    let other = open(&address).await?;
    other.close().await;
    let moving = PostgresTables::open(&address).await.err().map(|refused| refused.to_string());
    assert!(moving.is_some_and(|told| told.contains("a server works with it")));
    store.close().await;
    drop(store);

    // Tables of the next release that say that this one may go on beside it.
    cluster.run(&database, "UPDATE hookmill.schema_version SET version = 99, works_with = 3")?;
    let beside = open(&address).await?;
    beside.close().await;
    drop(beside);
    cluster.run(&database, "UPDATE hookmill.schema_version SET works_with = 99")?;
    assert!(matches!(open(&address).await, Err(StoreError::TooNew { found: 99, .. })));
    cluster.run(&database, "UPDATE hookmill.schema_version SET version = 3, works_with = 3")?;

    cluster.stop("fast")?;
    let gone = open(&address).await.expect_err("nobody listens");
    assert!(matches!(gone, StoreError::Unavailable { unknown: false, .. }), "{gone:?}");
    let signal = cluster.data().join("standby.signal");
    std::fs::write(&signal, "")?;
    cluster.resume()?;
    let (problem, told) = refused(&address).await;
    assert!(problem == DatabaseProblem::Standby && told.contains("target_session_attrs"), "{told}");
    Ok(())
}

/// A pooler that hands the sessions of the database round takes settings and locks away. It is refused by name, whether it
/// says so itself or drops the settings in silence, and nothing is made.
#[tokio::test]
async fn a_pooler_is_refused_by_name() -> Told {
    let folder = tempfile::tempdir()?;
    let Some(cluster) = cluster(folder.path())? else { return Ok(()) };
    let database = cluster.database()?;
    for settings in [&[][..], &["ignore_startup_parameters = options"]] {
        let Some(pooler) = cluster.pooler(settings)? else { return Ok(()) };
        let address =
            cluster.address(&database).replace(&format!(":{}/", cluster.port()), &format!(":{}/", pooler.port()));
        let (problem, told) = refused(&address).await;
        assert_eq!(problem, DatabaseProblem::Pooler, "{settings:?}: {told}");
        assert!(told.contains("Give the address of PostgreSQL itself"), "{told}");
        let left = cluster.run(&database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'hookmill'")?;
        assert_eq!(left, "0", "a refused start left something behind");
    }
    Ok(())
}

#[tokio::test]
async fn a_full_disk_is_told_and_heals() -> Told {
    let folder = tempfile::tempdir()?;
    let Some(cluster) = cluster(folder.path())? else { return Ok(()) };
    let database = cluster.database()?;
    let store = open(&cluster.address(&database)).await?;
    let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$;
                CREATE TRIGGER full_disk BEFORE INSERT ON hookmill.setting EXECUTE FUNCTION full_disk()";
    cluster.run(&database, full)?;
    let put = |name: &str| Change::PutSetting(name.to_owned(), "1".into()).into();
    assert_eq!(store.commit(put("a"), Lane::Work).await, Err(StoreError::Full));
    cluster.run(&database, "DROP TRIGGER full_disk ON hookmill.setting")?;
    store.commit(put("b"), Lane::Work).await?;
    assert_eq!(store.settings("").await?.len(), 1);
    Ok(())
}

/// Certificates of a test authority: a server for localhost and 127.0.0.1, key and certificate in one file.
const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../hookmill-http/test_data");

#[tokio::test]
async fn connections_are_encrypted_as_asked_and_passwords_are_proven() -> Told {
    let folder = tempfile::tempdir()?;
    let doors = |lines: &[&str]| Some(lines.iter().map(|line| (*line).to_owned()).collect());
    let options = ClusterOptions {
        settings: vec!["password_encryption = 'scram-sha-256'".to_owned()],
        doors: doors(&[
            "local all all trust",
            "hostssl all secret all scram-sha-256",
            "hostssl all hookmill all trust",
        ]),
        ..ClusterOptions::default()
    };
    let Some(mut cluster) = Cluster::start(folder.path(), &options)? else { return Ok(()) };
    let data = cluster.data();
    cluster.stop("fast")?;
    let server = std::fs::read_to_string(Path::new(CERTIFICATES).join("server.pem"))?;
    cluster.keep(&data.join("server.pem"), &server)?;
    let settings = "ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.pem'\n";
    cluster.keep(&data.join("postgresql.auto.conf"), settings)?;
    cluster.resume()?;
    let database = cluster.database()?;
    cluster.run(
        &database,
        &format!("CREATE USER secret PASSWORD 'hunter2'; GRANT CREATE ON DATABASE {database} TO secret"),
    )?;
    let base = cluster.address(&database).replace("hookmill@127.0.0.1", "secret:hunter2@localhost");
    let with = |query: &str| format!("{base}&{query}");

    open(&with("sslmode=require")).await?.close().await;
    let root = format!("{CERTIFICATES}/authority.pem").replace('/', "%2F");
    open(&with(&format!("sslmode=verify-full&sslrootcert={root}"))).await?.close().await;
    // Its certificate names localhost, and not this name.
    let other_name = |mode: &str| {
        with(&format!("sslmode={mode}&sslrootcert={root}&hostaddr=127.0.0.1")).replace("@localhost", "@other.test")
    };
    open(&other_name("verify-ca")).await?.close().await;
    let strict = open(&other_name("verify-full")).await.expect_err("another name");
    assert!(strict.to_string().contains("certificate"), "{strict}");
    // The system's authorities do not know the test's.
    let unknown = open(&with("sslmode=verify-full")).await.expect_err("an unknown authority");
    assert!(unknown.to_string().contains("certificate"), "{unknown}");
    let plain = refused(&with("sslmode=disable")).await;
    assert_eq!(plain.0, DatabaseProblem::SignIn, "{}", plain.1);
    let (problem, told) = refused(&with("sslmode=require").replace("hunter2", "wrong")).await;
    assert_eq!(problem, DatabaseProblem::SignIn, "{told}");
    assert!(!told.contains("wrong"), "{told}");
    Ok(())
}
