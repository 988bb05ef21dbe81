-- Several servers side by side: each owns shards of all flows, by lease.

-- The session lock of the connection that writes: while it is held, that connection is open.
ALTER TABLE node ADD COLUMN lock bigint NOT NULL DEFAULT 0;
-- Gives up its shards, and takes no others.
ALTER TABLE node ADD COLUMN drains boolean NOT NULL DEFAULT false;

-- Who looks after a share of the flows. `epoch` rises with each new owner; `until` is of the database's clock;
-- `orderly` says that the owner before cut no call off.
CREATE TABLE shard (
    id      bigint NOT NULL PRIMARY KEY,
    owner   bytea,
    epoch   bigint NOT NULL DEFAULT 0,
    until   timestamptz NOT NULL DEFAULT '-infinity',
    orderly boolean NOT NULL DEFAULT false
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- Runs that were written before keep epochs that new owners are above of.
INSERT INTO shard (id, epoch) SELECT id, (SELECT coalesce(max(epoch), 0) FROM run) FROM generate_series(0, 255) AS id;

-- What nodes ask owners of shards, with the answers.
CREATE TABLE mail (
    id     bytea NOT NULL PRIMARY KEY,
    shard  bigint NOT NULL,
    body   bytea NOT NULL,
    asker  bytea NOT NULL,
    taker  bytea,
    answer bytea,
    made   timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX mail_shard ON mail (shard, made) WHERE taker IS NULL;
CREATE INDEX mail_made ON mail (made);

-- Names that one node at a time holds for a while.
CREATE TABLE hold (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    owner bytea NOT NULL,
    until timestamptz NOT NULL
);

-- The oldest version of the tables whose servers may work beside those of this one.
ALTER TABLE schema_version ADD COLUMN works_with bigint NOT NULL DEFAULT 3;
