-- One person's store on one phone. Times are UTC milliseconds, ids 16-byte blobs.

-- Small single values: who, which server, which epoch, where sync stands.
CREATE TABLE facts (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE conversations (
    conversation_id BLOB NOT NULL PRIMARY KEY,
    head            TEXT NOT NULL,              -- ConversationHead as JSON: read whole, replaced whole
    readable_from_seq INTEGER NOT NULL,         -- of the head, as are the next two
    last_seq        INTEGER NOT NULL,
    last_at_ms      INTEGER NOT NULL,
    on_server       INTEGER NOT NULL DEFAULT 1  -- 0: a restored server does not have it (yet)
) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_by_time ON conversations (last_at_ms);

-- Conversations whose access was lost, with the place in the person's log: an older push about them is dropped.
CREATE TABLE lost_access (
    conversation_id BLOB NOT NULL PRIMARY KEY,
    epoch           BLOB NOT NULL,              -- in which life of the server
    log_seq         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- place: accepted_at_ms * 2^20 + seq, so that the search index steps through time by rowid.
CREATE TABLE entries (
    place           INTEGER NOT NULL PRIMARY KEY,
    entry_id        BLOB NOT NULL UNIQUE,
    conversation_id BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    standing        INTEGER NOT NULL,           -- 0 held, 1 unconfirmed since a restore, 2 missing on the server
    kind            TEXT NOT NULL,
    epoch           BLOB NOT NULL,
    author_id       BLOB NOT NULL,
    author_name     TEXT NOT NULL,
    accepted_at_ms  INTEGER NOT NULL,
    composed_at_ms  INTEGER NOT NULL,
    body            TEXT NOT NULL,
    salt            BLOB NOT NULL,
    files           TEXT NOT NULL,
    previous_hash   BLOB NOT NULL,
    hash            BLOB NOT NULL,
    send_key        BLOB,
    quiet           INTEGER NOT NULL,           -- never unread: the person's own, or not a message
    relook          INTEGER NOT NULL DEFAULT 0  -- looked at in an epoch before; to be told again
) STRICT;
CREATE INDEX entries_in_order ON entries (conversation_id, seq);
CREATE INDEX entries_quiet ON entries (conversation_id, seq) WHERE quiet = 1 AND standing < 2;
CREATE INDEX entries_by_send_key ON entries (send_key) WHERE send_key IS NOT NULL;
CREATE INDEX entries_to_relook ON entries (place) WHERE relook = 1;

-- Tokens only; the text stays in `entries`.
CREATE VIRTUAL TABLE entry_tokens USING fts5 (
    tokens, content = '', contentless_delete = 1, tokenize = 'ascii', detail = 'full'
);

-- What is held of a conversation without a gap.
CREATE TABLE spans (
    conversation_id BLOB NOT NULL,
    from_seq        INTEGER NOT NULL,
    to_seq          INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, from_seq)
) STRICT, WITHOUT ROWID;

-- The union of what this person looked at, on all devices.
CREATE TABLE looks (
    conversation_id BLOB NOT NULL,
    from_seq        INTEGER NOT NULL,
    to_seq          INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, from_seq)
) STRICT, WITHOUT ROWID;

-- Looks of this phone that the server has not heard of.
CREATE TABLE untold_looks (
    look_id         INTEGER NOT NULL PRIMARY KEY,
    conversation_id BLOB NOT NULL,
    from_seq        INTEGER NOT NULL,
    to_seq          INTEGER NOT NULL,
    shown_at_ms     INTEGER NOT NULL
) STRICT;

-- Never deleted from: no migration and no cache clearing removes a row (R51).
CREATE TABLE outbox (
    position        INTEGER NOT NULL PRIMARY KEY,
    send_key        BLOB NOT NULL UNIQUE,
    conversation_id BLOB NOT NULL,
    lane            TEXT NOT NULL,
    line            INTEGER NOT NULL,           -- order in the lane: position, or below zero when offered again
    body            TEXT NOT NULL,
    composed_at_ms  INTEGER NOT NULL,
    is_open         INTEGER NOT NULL,           -- no answer yet
    state           TEXT NOT NULL,
    until_ms        INTEGER NOT NULL DEFAULT 0,
    fault           TEXT,
    refusal         TEXT,                       -- Refusal as JSON
    tried           INTEGER NOT NULL DEFAULT 0,
    attempts        INTEGER NOT NULL DEFAULT 0,
    server_faults   INTEGER NOT NULL DEFAULT 0,
    others_passed   INTEGER NOT NULL DEFAULT 0, -- since its first faulty answer, something else was answered well
    stuck           INTEGER NOT NULL DEFAULT 0,
    receipt         TEXT,                       -- Receipt as JSON
    first_rank      INTEGER,                    -- order of the first acceptance
    accepted_at_ms  INTEGER,                    -- newest acceptance
    dismissed       INTEGER NOT NULL DEFAULT 0, -- the person has seen the end of it
    rolled_back     INTEGER NOT NULL DEFAULT 0  -- found in an old copy of this store
) STRICT;
CREATE INDEX outbox_line ON outbox (conversation_id, lane, line) WHERE is_open = 1 AND stuck = 0;
CREATE INDEX outbox_stuck ON outbox (until_ms) WHERE is_open = 1 AND stuck = 1;
CREATE INDEX outbox_failing ON outbox (send_key) WHERE is_open = 1 AND server_faults > 0;
CREATE INDEX outbox_shown ON outbox (conversation_id, position) WHERE dismissed = 0;
CREATE INDEX outbox_to_keep ON outbox (accepted_at_ms) WHERE state = 'accepted' AND body <> '';

CREATE TABLE drafts (
    conversation_id BLOB NOT NULL PRIMARY KEY,
    body            TEXT NOT NULL,
    changed_at_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What pushes said of messages that are not here yet.
CREATE TABLE previews (
    entry_id        BLOB NOT NULL PRIMARY KEY,
    conversation_id BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    log_seq         INTEGER NOT NULL,
    body            TEXT NOT NULL,
    complete        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Events of kinds this version does not know, replayed after an upgrade.
CREATE TABLE unknown_events (
    log_seq         INTEGER NOT NULL PRIMARY KEY,
    event           TEXT NOT NULL               -- SyncEvent as JSON
) STRICT;
