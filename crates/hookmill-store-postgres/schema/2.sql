-- What runs ask people, and whom: the second table finds what a person is asked.
CREATE TABLE approval (
    id      bytea NOT NULL PRIMARY KEY,
    owner   bytea NOT NULL,
    flow    bytea NOT NULL,
    run     bytea NOT NULL,
    state   text NOT NULL,
    etag    bigint NOT NULL,
    record  bytea NOT NULL,
    created bigint NOT NULL,
    ended   bigint
);
CREATE INDEX approval_owner ON approval (owner, id);
CREATE INDEX approval_open ON approval (owner, id) WHERE state = 'open';
CREATE INDEX approval_decided ON approval (id) WHERE state = 'decided';
CREATE INDEX approval_ended ON approval (id) WHERE ended IS NOT NULL;

CREATE TABLE approval_person (
    person   bytea NOT NULL,
    approval bytea NOT NULL,
    awaited  bigint NOT NULL,
    PRIMARY KEY (person, approval)
);
CREATE INDEX approval_awaited ON approval_person (person, approval) WHERE awaited = 1;
CREATE INDEX approval_people ON approval_person (approval);
