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

-- Tokens only: of the text, the files' names and the author's name, as portico_wire::search::index lays them out. The
-- text stays in `entries`.
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
    copies          TEXT,                       -- documents that go along, as JSON; their bytes are at the server
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
    held            INTEGER NOT NULL DEFAULT 1, -- what was sent is still here, to be offered again after a restore
    held_since_ms   INTEGER,                    -- a text behind a batch: since when, in connected time
    passed          INTEGER NOT NULL DEFAULT 0, -- a text that went before an earlier batch
    rolled_back     INTEGER NOT NULL DEFAULT 0  -- found in an old copy of this store
) STRICT;
CREATE INDEX outbox_line ON outbox (lane, conversation_id, line) WHERE is_open = 1 AND stuck = 0;
CREATE INDEX outbox_stuck ON outbox (lane, until_ms) WHERE is_open = 1 AND stuck = 1;
CREATE INDEX outbox_failing ON outbox (send_key) WHERE is_open = 1 AND server_faults > 0;
CREATE INDEX outbox_shown ON outbox (conversation_id, position) WHERE dismissed = 0;
CREATE INDEX outbox_to_keep ON outbox (accepted_at_ms) WHERE state = 'accepted' AND held = 1;

-- Upload batches: those being picked, and those in the outbox. `pack` names the sealed file in the folder `packs`.
CREATE TABLE batches (
    send_key        BLOB NOT NULL PRIMARY KEY,
    conversation_id BLOB NOT NULL,
    batch_key       BLOB NOT NULL CHECK (length(batch_key) = 32),
    pack            TEXT NOT NULL,
    composing       INTEGER NOT NULL,           -- files are being picked; not in the outbox yet
    next_slot       INTEGER NOT NULL DEFAULT 0, -- a slot is given out once, so that no nonce repeats
    metered         INTEGER NOT NULL DEFAULT 0, -- the person said that it may go over a metered network
    server_bytes    INTEGER NOT NULL DEFAULT 0, -- of the pack, that the server holds
    reached         INTEGER NOT NULL DEFAULT 0  -- the server has answered in the present attempt
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX batches_composing ON batches (conversation_id) WHERE composing = 1;

CREATE TABLE batch_files (
    send_key        BLOB NOT NULL REFERENCES batches,
    slot            INTEGER NOT NULL,
    name            TEXT NOT NULL,
    size_bytes      INTEGER NOT NULL,
    sha256          BLOB NOT NULL,
    media_type      TEXT NOT NULL,
    at_bytes        INTEGER NOT NULL,           -- where its first chunk lies in the pack
    PRIMARY KEY (send_key, slot)
) STRICT, WITHOUT ROWID;

-- Attachments whose bytes are on this phone, or on their way. Each lies sealed under a key of its own in `files`.
CREATE TABLE held_files (
    attachment_id   BLOB NOT NULL PRIMARY KEY,
    conversation_id BLOB NOT NULL,
    file_key        BLOB NOT NULL CHECK (length(file_key) = 32),
    size_bytes      INTEGER NOT NULL,
    whole           INTEGER NOT NULL DEFAULT 0, -- all of it is here, and has its hash
    used_at_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

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
