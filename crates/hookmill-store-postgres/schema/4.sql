-- Connectors as they were before a change, as long as a flow refers to them.
CREATE TABLE connector_version (
    connector  bytea NOT NULL,
    version    text COLLATE "C" NOT NULL,
    settings   bytea NOT NULL,
    document   bytea NOT NULL,
    properties bytea,
    PRIMARY KEY (connector, version)
);
ALTER TABLE connector_version ALTER COLUMN document SET STORAGE EXTERNAL;

-- The version that a flow was saved with; NULL for the one that stands in the connector's row. Servers that do not know it
-- may work beside: they save flows with the newest version.
ALTER TABLE binding ADD COLUMN version text COLLATE "C";
