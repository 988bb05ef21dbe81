//! A PostgreSQL of a test's own: made in a temporary folder, stopped when the test's process is gone.

use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Names the folder with `initdb` and `postgres`, where it is not where Debian puts it.
const FOLDER_VARIABLE: &str = "HOOKMILL_TEST_POSTGRES";
const DEBIAN: &str = "/usr/lib/postgresql";
/// Where Debian puts PgBouncer.
const POOLER: &str = "/usr/sbin/pgbouncer";

/// A server with a folder of its own. Databases of one server are made by [`Cluster::database`].
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    /// A shell that ends the server when our end of its input is closed: also when this process is killed.
    keeper: Option<Child>,
    databases: AtomicU32,
}

/// How a cluster is made.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    /// Whether it writes to the disk before it confirms. Tests that kill the database itself need it.
    pub durable: bool,
    /// More lines of `postgresql.conf`.
    pub settings: Vec<String>,
    /// Lines of `pg_hba.conf` in place of those that let anybody in.
    pub doors: Option<Vec<String>>,
}

/// The folder with the programs of PostgreSQL: the newest of Debian's, or the one that a variable names.
#[must_use]
pub fn programs() -> Option<PathBuf> {
    std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from).or_else(newest_of_debian)
}

fn newest_of_debian() -> Option<PathBuf> {
    let releases = std::fs::read_dir(DEBIAN).ok()?.filter_map(Result::ok);
    let mut found: Vec<(u32, PathBuf)> = releases
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| folder.join("initdb").is_file())
        .collect();
    found.sort();
    found.pop().map(|(_, folder)| folder)
}

/// A user without rights: PostgreSQL refuses to run as root.
fn unprivileged() -> Option<(u32, u32)> {
    let own = std::fs::metadata("/proc/self").ok()?;
    if std::os::unix::fs::MetadataExt::uid(&own) != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let numbers = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    numbers("postgres").or_else(|| numbers("nobody"))
}

impl Cluster {
    /// Makes and starts a cluster in `folder`; `None`, with a printed line, on a machine without PostgreSQL. Where the
    /// variable `CI` is set, PostgreSQL must be there.
    ///
    /// # Errors
    /// What the system says, or the last lines of the server's log.
    #[expect(clippy::print_stderr, reason = "a test that is left out must be seen")]
    pub fn start(folder: &Path, options: &ClusterOptions) -> io::Result<Option<Self>> {
        let Some(programs) = programs() else {
            if std::env::var_os("CI").is_some() {
                return Err(io::Error::other("PostgreSQL is not installed: apt-get install postgresql"));
            }
            eprintln!("left out: there is no PostgreSQL in {DEBIAN}; {FOLDER_VARIABLE} names another folder");
            return Ok(None);
        };
        let user = unprivileged();
        let folder = folder.join("cluster");
        std::fs::create_dir_all(&folder)?;
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid))?;
        }
        // Nobody else listens on it at this moment; the folder of the socket is this test's own anyway.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut cluster = Self { folder, programs, user, port, keeper: None, databases: AtomicU32::new(0) };
        let data = cluster.data();
        let data = data.to_string_lossy();
        let made = cluster
            .program("initdb")
            .args(["-D", &data, "-U", "hookmill", "-E", "UTF8", "--no-locale", "-A", "trust", "-N"])
            .output()?;
        if !made.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&made.stderr).into_owned()));
        }
        cluster.configure(options)?;
        cluster.resume()?;
        Ok(Some(cluster))
    }

    fn configure(&self, options: &ClusterOptions) -> io::Result<()> {
        let fast = if options.durable { "" } else { "fsync = off\nfull_page_writes = off\n" };
        let text = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\nmax_connections = 200\n\
             shared_buffers = 32MB\nlog_min_messages = warning\nautovacuum_naptime = 5\n{fast}{}\n",
            self.port,
            self.folder.display(),
            options.settings.join("\n"),
        );
        append(&self.data().join("postgresql.conf"), &text)?;
        if let Some(doors) = &options.doors {
            std::fs::write(self.data().join("pg_hba.conf"), doors.join("\n") + "\n")?;
        }
        Ok(())
    }

    /// Makes and starts a copy in `folder` that follows this server. From here on this one confirms nothing that the copy
    /// does not have on its disk. `None`, with a printed line, where this release of PostgreSQL is there without
    /// `pg_basebackup`, which copies servers of its own release only.
    ///
    /// # Errors
    /// What the system says, or the servers.
    #[expect(clippy::print_stderr, reason = "a test that is left out must be seen")]
    pub fn replica(&self, folder: &Path) -> io::Result<Option<Self>> {
        if !self.programs.join("pg_basebackup").is_file() {
            eprintln!("left out: there is no pg_basebackup in {}", self.programs.display());
            return Ok(None);
        }
        let folder = folder.join("replica");
        std::fs::create_dir_all(&folder)?;
        if let Some((uid, gid)) = self.user {
            chown(&folder, Some(uid), Some(gid))?;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let (programs, user) = (self.programs.clone(), self.user);
        let mut replica = Self { folder, programs, user, port, keeper: None, databases: AtomicU32::new(0) };
        let copied = self.program("pg_basebackup").arg("-D").arg(replica.data()).args(["-R", "-c", "fast"]).output()?;
        if !copied.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&copied.stderr).into_owned()));
        }
        let own = format!("port = {port}\nunix_socket_directories = '{}'\n", replica.folder.display());
        append(&replica.data().join("postgresql.conf"), &own)?;
        replica.resume()?;
        self.run("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")?;
        self.run("postgres", "SELECT pg_reload_conf()")?;
        let until = Instant::now() + Duration::from_secs(30);
        while self.run("postgres", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")? != "1" {
            if Instant::now() > until {
                return Err(io::Error::other("the copy does not follow"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Some(replica))
    }

    /// Lets a copy go on by itself.
    ///
    /// # Errors
    /// What the system says.
    pub fn promote(&self) -> io::Result<()> {
        self.run("postgres", "SELECT pg_promote()")?;
        self.run("postgres", "ALTER SYSTEM RESET synchronous_standby_names")?;
        self.run("postgres", "SELECT pg_reload_conf()").map(drop)
    }

    /// Where the server keeps its data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The port it listens on, on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// One of PostgreSQL's programs, run by the cluster's user. Where the folder that the variable names has servers only,
    /// Debian's clients talk to them.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        let mut program = self.programs.join(name);
        if !program.is_file()
            && let Some(folder) = newest_of_debian()
        {
            program = folder.join(name);
        }
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").env("PGHOST", &self.folder).env("PGPORT", self.port.to_string());
        command.env("PGUSER", "hookmill").current_dir(&self.folder);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Starts the server, and waits until it takes connections.
    ///
    /// # Errors
    /// The server's log, where it does not start.
    pub fn resume(&mut self) -> io::Result<()> {
        let log = self.folder.join("log");
        let data = self.data();
        self.keeper = Some(self.kept(&self.programs.join("postgres"), &[Path::new("-D"), &data], &log, "INT")?);
        let until = Instant::now() + Duration::from_secs(30);
        while !self.program("pg_isready").arg("-q").status()?.success() {
            if Instant::now() > until {
                return Err(io::Error::other(std::fs::read_to_string(&log)?));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Starts a program that gets a signal once our end of its keeper's input is closed: also when this process is killed.
    fn kept(&self, program: &Path, arguments: &[&Path], log: &Path, signal: &str) -> io::Result<Child> {
        let script = r#"log=$1 signal=$2; shift 2; "$0" "$@" >> "$log" 2>&1 & server=$!
                        read -r _; kill -"$signal" $server; wait $server"#;
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", script]).arg(program).arg(log).arg(signal).args(arguments);
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir(&self.folder);
        if let Some((uid, gid)) = self.user {
            keeper.uid(uid).gid(gid);
        }
        keeper.spawn()
    }

    /// Starts Debian's PgBouncer in front of this server, in transaction mode; `None`, with a printed line, on a machine
    /// without it. `settings` are more lines of its configuration.
    ///
    /// # Errors
    /// What the system says, or the pooler's log.
    #[expect(clippy::print_stderr, reason = "a test that is left out must be seen")]
    pub fn pooler(&self, settings: &[&str]) -> io::Result<Option<Pooler>> {
        let program = Path::new(POOLER);
        if !program.is_file() {
            eprintln!("left out: there is no {POOLER}; apt-get install pgbouncer");
            return Ok(None);
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let (file, log) =
            (self.folder.join(format!("pooler-{port}.ini")), self.folder.join(format!("pooler-{port}.log")));
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=hookmill\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n{}\n",
            self.port,
            settings.join("\n"),
        );
        self.keep(&file, &text)?;
        let pooler = Pooler { keeper: self.kept(program, &[&file], &log, "TERM")?, port };
        let until = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > until {
                return Err(io::Error::other(std::fs::read_to_string(&log)?));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Some(pooler))
    }

    /// Stops the server: `fast` ends connections in order, `immediate` is a crash.
    ///
    /// # Errors
    /// What the system says.
    pub fn stop(&mut self, mode: &str) -> io::Result<()> {
        let data = self.data();
        self.program("pg_ctl").arg("-D").arg(data).args(["stop", "-w", "-m", mode]).output()?;
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait()?;
        }
        Ok(())
    }

    /// Writes a file that belongs to the server, and that nobody else may read.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep(&self, file: &Path, text: &str) -> io::Result<()> {
        std::fs::write(file, text)?;
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        match self.user {
            Some((uid, gid)) => chown(file, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }

    /// Runs statements in a database; answers what `psql` prints, without frills.
    ///
    /// # Errors
    /// What `psql` says.
    pub fn run(&self, database: &str, sql: &str) -> io::Result<String> {
        let mut psql = self.program("psql");
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]);
        let done = psql.output()?;
        if done.status.success() {
            Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
        } else {
            Err(io::Error::other(String::from_utf8_lossy(&done.stderr).into_owned()))
        }
    }

    /// Makes an empty database; answers its name.
    ///
    /// # Errors
    /// What the server says.
    pub fn database(&self) -> io::Result<String> {
        let name = format!("mill{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"))?;
        Ok(name)
    }

    /// The address of a database, for the user that may do everything. Losing data is allowed, since the cluster is
    /// thrown away.
    #[must_use]
    pub fn address(&self, database: &str) -> String {
        format!("postgres://hookmill@127.0.0.1:{}/{database}?options=-c%20hookmill.may_forget%3Don", self.port)
    }
}

/// PgBouncer in front of a cluster; it ends with this value.
#[derive(Debug)]
pub struct Pooler {
    keeper: Child,
    port: u16,
}

impl Pooler {
    /// The port it listens on, on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

fn append(file: &Path, text: &str) -> io::Result<()> {
    let before = std::fs::read_to_string(file)?;
    std::fs::write(file, before + text)
}
