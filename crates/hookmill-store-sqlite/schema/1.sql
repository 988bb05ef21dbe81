-- Identifiers are 16 bytes, big-endian, so that their order is that of time. Moments are microseconds since 1970.

-- Notifications. Rows with bytes keep an integer key, so that new ones go to the end of the file's tree.
CREATE TABLE event (
    seq          INTEGER PRIMARY KEY,
    id           BLOB NOT NULL,
    flow         BLOB NOT NULL,
    subscription BLOB,
    received     INTEGER NOT NULL,
    summary      TEXT NOT NULL,
    payload      BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_id ON event (id);
CREATE INDEX event_flow ON event (flow, id);

-- The queue of events that no run has taken: apart, so that taking one does not rewrite its bytes.
CREATE TABLE pending (
    seq  INTEGER PRIMARY KEY,
    flow BLOB NOT NULL
) STRICT;

-- Keys of deliveries, in buckets of time, so that new keys stand close together.
CREATE TABLE dedupe (
    bucket INTEGER NOT NULL,
    scope  BLOB NOT NULL,
    key    BLOB NOT NULL,
    event  BLOB NOT NULL,
    PRIMARY KEY (bucket, scope, key)
) STRICT, WITHOUT ROWID;

-- Status: 0 waiting, 1 running, 2 succeeded, 3 and more ended otherwise. Kind: 0 flow, 1 and 2 webhook.
CREATE TABLE run (
    id               BLOB NOT NULL PRIMARY KEY,
    owner            BLOB NOT NULL,
    flow             BLOB NOT NULL,
    version          INTEGER NOT NULL,
    kind             INTEGER NOT NULL,
    status           INTEGER NOT NULL,
    epoch            INTEGER NOT NULL,
    facts            INTEGER NOT NULL,
    started          INTEGER NOT NULL,
    ended            INTEGER,
    trigger_name     TEXT NOT NULL,
    summary          TEXT NOT NULL,
    event            BLOB,
    subscription     BLOB,
    resubmitted_from BLOB,
    parent           BLOB,
    error_code       TEXT,
    error_message    TEXT,
    error_hint       TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX run_owner ON run (owner, id);
CREATE INDEX run_flow ON run (flow, id);
-- The others are partial: the usual run, which succeeds, pays for none of them but the first, and only for a moment.
CREATE INDEX run_active ON run (id) WHERE status < 2;
CREATE INDEX run_owner_status ON run (owner, status, id) WHERE status > 2;
CREATE INDEX run_flow_status ON run (flow, status, id) WHERE status > 2;
CREATE INDEX run_owner_kind ON run (owner, kind, id) WHERE kind > 0;
CREATE INDEX run_flow_kind ON run (flow, kind, id) WHERE kind > 0;

-- Journals: the facts of one commit are one row.
CREATE TABLE fact (
    seq   INTEGER PRIMARY KEY,
    run   BLOB NOT NULL,
    first INTEGER NOT NULL,
    facts BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX fact_run ON fact (run, first);

-- How many runs of a flow ended with which status.
CREATE TABLE run_count (
    flow   BLOB NOT NULL,
    status INTEGER NOT NULL,
    runs   INTEGER NOT NULL,
    PRIMARY KEY (flow, status)
) STRICT, WITHOUT ROWID;

-- Kind: 0 run, 1 flow.
CREATE TABLE timer (
    kind INTEGER NOT NULL,
    id   BLOB NOT NULL,
    due  INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due);

CREATE TABLE flow (
    id          BLOB NOT NULL PRIMARY KEY,
    owner       BLOB NOT NULL,
    name        TEXT NOT NULL,
    description TEXT,
    state       TEXT NOT NULL,
    etag        INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    trigger_row BLOB NOT NULL,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    deleted     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX flow_owner ON flow (owner, id) WHERE deleted IS NULL;
CREATE INDEX flow_deleted ON flow (deleted) WHERE deleted IS NOT NULL;

CREATE TABLE binding (
    flow       BLOB NOT NULL,
    place      INTEGER NOT NULL,
    key        TEXT NOT NULL,
    connector  BLOB,
    connection BLOB,
    api        TEXT,
    PRIMARY KEY (flow, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX binding_connector ON binding (connector) WHERE connector IS NOT NULL;
CREATE INDEX binding_connection ON binding (connection) WHERE connection IS NOT NULL;

CREATE TABLE flow_version (
    seq         INTEGER PRIMARY KEY,
    flow        BLOB NOT NULL,
    version     INTEGER NOT NULL,
    definition  BLOB NOT NULL,
    parameters  BLOB NOT NULL,
    profile     TEXT NOT NULL,
    envelope    BLOB NOT NULL,
    created     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX flow_version_key ON flow_version (flow, version);

CREATE TABLE trigger_state (
    flow  BLOB NOT NULL PRIMARY KEY,
    state BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE subscription (
    id         BLOB NOT NULL PRIMARY KEY,
    flow       BLOB NOT NULL,
    owner      BLOB NOT NULL,
    generation INTEGER NOT NULL,
    state      TEXT NOT NULL,
    etag       INTEGER NOT NULL,
    capability BLOB NOT NULL,
    record     BLOB NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX subscription_capability ON subscription (capability);
CREATE INDEX subscription_flow ON subscription (flow, generation);
CREATE INDEX subscription_state ON subscription (state, id);

CREATE TABLE connector (
    id          BLOB NOT NULL PRIMARY KEY,
    owner       BLOB NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    etag        INTEGER NOT NULL,
    settings    BLOB NOT NULL,
    summary     BLOB NOT NULL,
    icon_type   TEXT,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX connector_owner ON connector (owner, id);

CREATE TABLE connector_document (
    seq        INTEGER PRIMARY KEY,
    connector  BLOB NOT NULL,
    document   BLOB NOT NULL,
    properties BLOB
) STRICT;
CREATE UNIQUE INDEX connector_document_key ON connector_document (connector);

CREATE TABLE icon (
    seq          INTEGER PRIMARY KEY,
    connector    BLOB NOT NULL,
    content_type TEXT NOT NULL,
    bytes        BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX icon_key ON icon (connector);

CREATE TABLE connection (
    id            BLOB NOT NULL PRIMARY KEY,
    owner         BLOB NOT NULL,
    connector     BLOB NOT NULL,
    name          TEXT NOT NULL,
    username      TEXT,
    sealed        BLOB NOT NULL,
    health        TEXT NOT NULL,
    health_detail TEXT,
    etag          INTEGER NOT NULL,
    created       INTEGER NOT NULL,
    updated       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX connection_owner ON connection (owner, id);
CREATE INDEX connection_connector ON connection (connector, id);

CREATE TABLE notification (
    id         BLOB NOT NULL PRIMARY KEY,
    owner      BLOB NOT NULL,
    title      TEXT NOT NULL,
    text       TEXT NOT NULL,
    link_uri   TEXT,
    link_label TEXT,
    run        BLOB,
    flow       BLOB,
    created    INTEGER NOT NULL,
    read       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX notification_owner ON notification (owner, id);
CREATE INDEX notification_unread ON notification (owner, id) WHERE read IS NULL;

CREATE TABLE device (
    id        BLOB NOT NULL PRIMARY KEY,
    owner     BLOB NOT NULL,
    name      TEXT NOT NULL,
    endpoint  TEXT NOT NULL,
    p256dh    TEXT NOT NULL,
    auth      TEXT NOT NULL,
    created   INTEGER NOT NULL,
    delivered INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX device_owner ON device (owner, id);
CREATE UNIQUE INDEX device_endpoint ON device (endpoint);

CREATE TABLE delivery (
    notification BLOB NOT NULL,
    device       BLOB NOT NULL,
    attempts     INTEGER NOT NULL,
    next_attempt INTEGER NOT NULL,
    last_error   TEXT,
    PRIMARY KEY (notification, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_next ON delivery (next_attempt);
CREATE INDEX delivery_device ON delivery (device);

CREATE TABLE user (
    id            BLOB NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    email         TEXT NOT NULL,
    email_folded  TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    role          TEXT NOT NULL,
    created       INTEGER NOT NULL,
    updated       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX user_email ON user (email_folded);

CREATE TABLE session (
    id          BLOB NOT NULL PRIMARY KEY,
    user        BLOB NOT NULL,
    secret_hash BLOB NOT NULL,
    created     INTEGER NOT NULL,
    expires     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX session_secret ON session (secret_hash);
CREATE INDEX session_user ON session (user);

CREATE TABLE token (
    id          BLOB NOT NULL PRIMARY KEY,
    user        BLOB NOT NULL,
    name        TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    created     INTEGER NOT NULL,
    expires     INTEGER,
    used        INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX token_secret ON token (secret_hash);
CREATE INDEX token_user ON token (user, id);

-- One row, written to find out whether anything can be.
CREATE TABLE pulse (
    id    INTEGER PRIMARY KEY,
    beats INTEGER NOT NULL
) STRICT;

CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
