-- Lists of flows and searches through names walk this index alone; the rows are read for what is shown.
DROP INDEX flow_owner;
CREATE INDEX flow_list ON flow (owner, id, state, name, description, deleted) WHERE deleted IS NULL;

-- Flows that fail: how many runs in a row, since the last one that succeeded, and which run was the last.
CREATE TABLE failing (
    flow     BLOB NOT NULL PRIMARY KEY,
    owner    BLOB NOT NULL,
    failures INTEGER NOT NULL,
    run      BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX failing_owner ON failing (owner, flow);
INSERT INTO failing (flow, owner, failures, run)
    SELECT r.flow, r.owner, count(*), max(r.id)
    FROM (SELECT id, coalesce((SELECT w.id FROM run AS w INDEXED BY run_flow
                               WHERE w.flow = flow.id AND w.status = 2 AND w.kind = 0
                               ORDER BY w.id DESC LIMIT 1), x'') AS worked
          FROM flow WHERE deleted IS NULL) AS f
    CROSS JOIN run AS r INDEXED BY run_flow ON r.flow = f.id
    WHERE r.id > f.worked AND r.status IN (3, 5, 7) AND r.kind = 0
    GROUP BY r.flow;

-- What needs attention is looked for by its owner.
CREATE INDEX subscription_owner ON subscription (owner, state, id);
CREATE INDEX connection_health ON connection (owner, health, id);

ALTER TABLE session ADD COLUMN browser TEXT NOT NULL DEFAULT '';
