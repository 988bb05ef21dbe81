-- Connectors as they were before a change, as long as a flow refers to them.
CREATE TABLE connector_version (
    seq        INTEGER PRIMARY KEY,
    connector  BLOB NOT NULL,
    version    TEXT NOT NULL,
    settings   BLOB NOT NULL,
    document   BLOB NOT NULL,
    properties BLOB
) STRICT;
CREATE UNIQUE INDEX connector_version_key ON connector_version (connector, version);

-- The version that a flow was saved with; NULL for the one that stands in the connector's row.
ALTER TABLE binding ADD COLUMN version TEXT;
