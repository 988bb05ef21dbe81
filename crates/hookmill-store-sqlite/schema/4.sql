-- The queue of events is read by flow, so that a flow with much to do is not in the way of the others.
ALTER TABLE pending RENAME TO pending_before;
CREATE TABLE pending (
    flow BLOB NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (flow, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO pending (flow, seq) SELECT flow, seq FROM pending_before;
DROP TABLE pending_before;

-- Timers of runs and of flows are looked for apart.
DROP INDEX timer_due;
CREATE INDEX timer_due ON timer (kind, due, id);
