-- Identifiers are 16 bytes, big-endian, so that their order is that of time. Moments are microseconds since 1970.
-- Names and forms of columns are those of the store in SQLite, so that rows can be moved between the two.

-- Notifications.
CREATE TABLE event (
    seq          bigint NOT NULL PRIMARY KEY,
    id           bytea NOT NULL,
    flow         bytea NOT NULL,
    subscription bytea,
    received     bigint NOT NULL,
    summary      text NOT NULL,
    payload      bytea NOT NULL
);
CREATE SEQUENCE event_seq OWNED BY event.seq;
CREATE UNIQUE INDEX event_id ON event (id);
CREATE INDEX event_flow ON event (flow, id);
-- Payloads are compressed before they come here.
ALTER TABLE event ALTER COLUMN payload SET STORAGE EXTERNAL;

-- The queue of events that no run has taken: apart, so that taking one does not rewrite its bytes.
CREATE TABLE pending (
    flow bytea NOT NULL,
    seq  bigint NOT NULL,
    PRIMARY KEY (flow, seq)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Keys of deliveries, in buckets of time, so that new keys stand close together.
CREATE TABLE dedupe (
    bucket bigint NOT NULL,
    scope  bytea NOT NULL,
    key    bytea NOT NULL,
    event  bytea NOT NULL,
    PRIMARY KEY (bucket, scope, key)
);

-- Status: 0 waiting, 1 running, 2 succeeded, 3 and more ended otherwise. Kind: 0 flow, 1 and 2 webhook.
CREATE TABLE run (
    id               bytea NOT NULL PRIMARY KEY,
    owner            bytea NOT NULL,
    flow             bytea NOT NULL,
    version          bigint NOT NULL,
    kind             bigint NOT NULL,
    status           bigint NOT NULL,
    epoch            bigint NOT NULL,
    facts            bigint NOT NULL,
    started          bigint NOT NULL,
    ended            bigint,
    trigger_name     text NOT NULL,
    summary          text NOT NULL,
    event            bytea,
    subscription     bytea,
    resubmitted_from bytea,
    parent           bytea,
    error_code       text,
    error_message    text,
    error_hint       text
) WITH (fillfactor = 80);
CREATE INDEX run_owner ON run (owner, id);
CREATE INDEX run_flow ON run (flow, id);
-- The others are partial: the usual run, which succeeds, pays for none of them but the first, and only for a moment.
CREATE INDEX run_active ON run (id) WHERE status < 2;
CREATE INDEX run_owner_status ON run (owner, status, id) WHERE status > 2;
CREATE INDEX run_flow_status ON run (flow, status, id) WHERE status > 2;
CREATE INDEX run_owner_kind ON run (owner, kind, id) WHERE kind > 0;
CREATE INDEX run_flow_kind ON run (flow, kind, id) WHERE kind > 0;
CREATE INDEX run_active_event ON run (event) WHERE status < 2 AND event IS NOT NULL;

-- Journals: the facts of one commit are one row.
CREATE TABLE fact (
    run   bytea NOT NULL,
    first bigint NOT NULL,
    facts bytea NOT NULL,
    PRIMARY KEY (run, first)
);
ALTER TABLE fact ALTER COLUMN facts SET STORAGE EXTERNAL;

-- How many runs of a flow ended with which status.
CREATE TABLE run_count (
    flow   bytea NOT NULL,
    status bigint NOT NULL,
    runs   bigint NOT NULL,
    PRIMARY KEY (flow, status)
) WITH (fillfactor = 50);

-- Flows that fail: how many runs in a row, since the last one that succeeded, and which run was the last.
CREATE TABLE failing (
    flow     bytea NOT NULL PRIMARY KEY,
    owner    bytea NOT NULL,
    failures bigint NOT NULL,
    run      bytea NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX failing_owner ON failing (owner, flow);

-- Kind: 0 run, 1 flow.
CREATE TABLE timer (
    kind bigint NOT NULL,
    id   bytea NOT NULL,
    due  bigint NOT NULL,
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX timer_due ON timer (kind, due, id);

CREATE TABLE flow (
    id          bytea NOT NULL PRIMARY KEY,
    owner       bytea NOT NULL,
    name        text NOT NULL,
    description text,
    state       text NOT NULL,
    etag        bigint NOT NULL,
    version     bigint NOT NULL,
    trigger_row bytea NOT NULL,
    created     bigint NOT NULL,
    updated     bigint NOT NULL,
    deleted     bigint
);
CREATE INDEX flow_list ON flow (owner, id) WHERE deleted IS NULL;
CREATE INDEX flow_kept ON flow (id) WHERE deleted IS NULL;
CREATE INDEX flow_deleted ON flow (deleted) WHERE deleted IS NOT NULL;

CREATE TABLE binding (
    flow       bytea NOT NULL,
    place      bigint NOT NULL,
    key        text NOT NULL,
    connector  bytea,
    connection bytea,
    api        text,
    PRIMARY KEY (flow, place)
);
CREATE INDEX binding_connector ON binding (connector, flow) WHERE connector IS NOT NULL;
CREATE INDEX binding_connection ON binding (connection, flow) WHERE connection IS NOT NULL;

CREATE TABLE flow_version (
    flow        bytea NOT NULL,
    version     bigint NOT NULL,
    definition  bytea NOT NULL,
    parameters  bytea NOT NULL,
    profile     text NOT NULL,
    envelope    bytea NOT NULL,
    created     bigint NOT NULL,
    PRIMARY KEY (flow, version)
);
ALTER TABLE flow_version ALTER COLUMN definition SET STORAGE EXTERNAL;

CREATE TABLE trigger_state (
    flow  bytea NOT NULL PRIMARY KEY,
    state bytea NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE subscription (
    id         bytea NOT NULL PRIMARY KEY,
    flow       bytea NOT NULL,
    owner      bytea NOT NULL,
    generation bigint NOT NULL,
    state      text NOT NULL,
    etag       bigint NOT NULL,
    capability bytea NOT NULL,
    record     bytea NOT NULL,
    created    bigint NOT NULL,
    updated    bigint NOT NULL
);
CREATE UNIQUE INDEX subscription_capability ON subscription (capability);
CREATE INDEX subscription_flow ON subscription (flow, generation, id);
CREATE INDEX subscription_state ON subscription (state, id);
CREATE INDEX subscription_owner ON subscription (owner, state, id);

CREATE TABLE connector (
    id          bytea NOT NULL PRIMARY KEY,
    owner       bytea NOT NULL,
    name        text NOT NULL,
    description text NOT NULL,
    etag        bigint NOT NULL,
    settings    bytea NOT NULL,
    summary     bytea NOT NULL,
    icon_type   text,
    created     bigint NOT NULL,
    updated     bigint NOT NULL,
    sealed      bytea
);
CREATE INDEX connector_owner ON connector (owner, id);

CREATE TABLE connector_document (
    connector  bytea NOT NULL PRIMARY KEY,
    document   bytea NOT NULL,
    properties bytea
);
ALTER TABLE connector_document ALTER COLUMN document SET STORAGE EXTERNAL;

CREATE TABLE icon (
    connector    bytea NOT NULL PRIMARY KEY,
    content_type text NOT NULL,
    bytes        bytea NOT NULL
);

CREATE TABLE connection (
    id            bytea NOT NULL PRIMARY KEY,
    owner         bytea NOT NULL,
    connector     bytea NOT NULL,
    name          text NOT NULL,
    username      text,
    sealed        bytea NOT NULL,
    health        text NOT NULL,
    health_detail text,
    etag          bigint NOT NULL,
    created       bigint NOT NULL,
    updated       bigint NOT NULL
);
CREATE INDEX connection_owner ON connection (owner, id);
CREATE INDEX connection_connector ON connection (connector, id);
CREATE INDEX connection_health ON connection (owner, health, id);

CREATE TABLE notification (
    id         bytea NOT NULL PRIMARY KEY,
    owner      bytea NOT NULL,
    title      text NOT NULL,
    text       text NOT NULL,
    link_uri   text,
    link_label text,
    run        bytea,
    flow       bytea,
    created    bigint NOT NULL,
    read       bigint
);
CREATE INDEX notification_owner ON notification (owner, id);
CREATE INDEX notification_unread ON notification (owner, id) WHERE read IS NULL;

CREATE TABLE device (
    id        bytea NOT NULL PRIMARY KEY,
    owner     bytea NOT NULL,
    name      text NOT NULL,
    endpoint  text NOT NULL,
    p256dh    text NOT NULL,
    auth      text NOT NULL,
    created   bigint NOT NULL,
    delivered bigint
);
CREATE INDEX device_owner ON device (owner, id);
CREATE UNIQUE INDEX device_endpoint ON device (endpoint);

CREATE TABLE delivery (
    notification bytea NOT NULL,
    device       bytea NOT NULL,
    attempts     bigint NOT NULL,
    next_attempt bigint NOT NULL,
    last_error   text,
    PRIMARY KEY (notification, device)
);
CREATE INDEX delivery_next ON delivery (next_attempt, notification, device);
CREATE INDEX delivery_device ON delivery (device);

CREATE TABLE "user" (
    id            bytea NOT NULL PRIMARY KEY,
    name          text NOT NULL,
    email         text NOT NULL,
    email_folded  text NOT NULL,
    password_hash text NOT NULL,
    role          text NOT NULL,
    created       bigint NOT NULL,
    updated       bigint NOT NULL
);
CREATE UNIQUE INDEX user_email ON "user" (email_folded);

CREATE TABLE session (
    id          bytea NOT NULL PRIMARY KEY,
    "user"      bytea NOT NULL,
    secret_hash bytea NOT NULL,
    created     bigint NOT NULL,
    expires     bigint NOT NULL,
    browser     text NOT NULL
);
CREATE UNIQUE INDEX session_secret ON session (secret_hash);
CREATE INDEX session_of_user ON session ("user", id);
CREATE INDEX session_expires ON session (expires);

CREATE TABLE token (
    id          bytea NOT NULL PRIMARY KEY,
    "user"      bytea NOT NULL,
    name        text NOT NULL,
    secret_hash bytea NOT NULL,
    created     bigint NOT NULL,
    expires     bigint,
    used        bigint
);
CREATE UNIQUE INDEX token_secret ON token (secret_hash);
CREATE INDEX token_of_user ON token ("user", id);

-- In the order of bytes, as in any other store.
CREATE TABLE setting (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    value bytea NOT NULL
);

-- The servers that work with this database: one writes, others wait to take its place. `batch` is the number of the
-- last batch that was committed, read back when the answer to a COMMIT was lost; `pid` is the connection that writes.
CREATE TABLE node (
    id      bytea NOT NULL PRIMARY KEY,
    name    text NOT NULL,
    version text NOT NULL,
    pid     bigint,
    batch   bigint NOT NULL,
    began   timestamptz NOT NULL DEFAULT now(),
    seen    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
