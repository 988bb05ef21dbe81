-- What runs ask people, and whom: the second table finds what a person is asked.
CREATE TABLE approval (
    id      BLOB NOT NULL PRIMARY KEY,
    owner   BLOB NOT NULL,
    flow    BLOB NOT NULL,
    run     BLOB NOT NULL,
    state   TEXT NOT NULL,
    etag    INTEGER NOT NULL,
    record  BLOB NOT NULL,
    created INTEGER NOT NULL,
    ended   INTEGER
) WITHOUT ROWID, STRICT;
CREATE INDEX approval_owner ON approval (owner, id);
CREATE INDEX approval_open ON approval (owner, id) WHERE state = 'open';
CREATE INDEX approval_decided ON approval (id) WHERE state = 'decided';
CREATE INDEX approval_ended ON approval (id) WHERE ended IS NOT NULL;

CREATE TABLE approval_person (
    person   BLOB NOT NULL,
    approval BLOB NOT NULL,
    awaited  INTEGER NOT NULL,
    PRIMARY KEY (person, approval)
) WITHOUT ROWID, STRICT;
CREATE INDEX approval_awaited ON approval_person (person, approval) WHERE awaited = 1;
CREATE INDEX approval_people ON approval_person (approval);
