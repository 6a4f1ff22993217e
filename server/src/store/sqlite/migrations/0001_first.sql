-- The lives of this server between restores, oldest first; the last is the present one. A restore from a backup
-- takes this list along, so it outlives every restore.
CREATE TABLE epochs (
    ordinal        INTEGER PRIMARY KEY,
    epoch          BLOB NOT NULL UNIQUE CHECK (length(epoch) = 16),
    from_epoch     BLOB,
    from_number    INTEGER,
    restored_to_ms INTEGER,
    began_at_ms    INTEGER NOT NULL,
    CHECK ((from_epoch IS NULL) = (restored_to_ms IS NULL) AND (from_epoch IS NULL) = (from_number IS NULL))
) STRICT;

-- Every backup taken; `number` counts within its epoch. A lapsed one may not be restored any more.
CREATE TABLE backups (
    backup_id   BLOB PRIMARY KEY CHECK (length(backup_id) = 16),
    epoch       BLOB NOT NULL,
    number      INTEGER NOT NULL,
    taken_at_ms INTEGER NOT NULL,
    lapsed      INTEGER NOT NULL DEFAULT 0 CHECK (lapsed IN (0, 1)),
    UNIQUE (epoch, number)
) STRICT;

-- People. A person may belong to several firms; everything else carries its firm.
CREATE TABLE persons (
    person_id BLOB PRIMARY KEY CHECK (length(person_id) = 16),
    email     TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE firms (
    firm_id           BLOB PRIMARY KEY CHECK (length(firm_id) = 16),
    name              TEXT NOT NULL,
    created_at_ms     INTEGER NOT NULL,
    -- Lower limits than the product's own, where the firm has set them.
    batch_files_max   INTEGER CHECK (batch_files_max >= 0),
    batch_bytes_max   INTEGER CHECK (batch_bytes_max >= 0),
    storage_bytes_max INTEGER CHECK (storage_bytes_max >= 0),
    -- The least that it asks of those who sign in, beyond the mailed code.
    staff_least       TEXT NOT NULL DEFAULT 'second_factor' CHECK (staff_least IN ('email', 'second_factor')),
    clients_least     TEXT NOT NULL DEFAULT 'second_factor' CHECK (clients_least IN ('email', 'second_factor')),
    -- Plain bytes of all its files. Counted here, or each manifest would have to add them up.
    stored_bytes      INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE memberships (
    firm_id        BLOB NOT NULL REFERENCES firms,
    person_id      BLOB NOT NULL REFERENCES persons,
    name           TEXT NOT NULL,
    standing       TEXT NOT NULL CHECK (standing IN ('staff', 'client', 'third_party')),
    ended_at_ms    INTEGER,
    -- The newest event of this person's log. Allocated here, in the transaction of the change.
    last_event_seq INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (firm_id, person_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_of_person ON memberships (person_id);

CREATE TABLE matters (
    firm_id    BLOB NOT NULL REFERENCES firms,
    matter_id  BLOB NOT NULL CHECK (length(matter_id) = 16),
    title      TEXT NOT NULL,
    restricted INTEGER NOT NULL CHECK (restricted IN (0, 1)),
    PRIMARY KEY (firm_id, matter_id)
) STRICT, WITHOUT ROWID;

-- The staff who may know of a restricted matter.
CREATE TABLE matter_listed (
    firm_id   BLOB NOT NULL,
    matter_id BLOB NOT NULL,
    person_id BLOB NOT NULL,
    PRIMARY KEY (firm_id, matter_id, person_id),
    FOREIGN KEY (firm_id, matter_id) REFERENCES matters,
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships
) STRICT, WITHOUT ROWID;

-- Conversations and their logs.
CREATE TABLE conversations (
    firm_id         BLOB NOT NULL REFERENCES firms,
    conversation_id BLOB NOT NULL UNIQUE CHECK (length(conversation_id) = 16),
    kind            TEXT NOT NULL CHECK (kind IN ('external_matter', 'internal_matter', 'staff_channel', 'direct')),
    title           TEXT NOT NULL,
    matter_id       BLOB,
    state           TEXT NOT NULL CHECK (state IN ('open', 'archived', 'closed')),
    created_at_ms   INTEGER NOT NULL,
    last_seq        INTEGER NOT NULL DEFAULT 0,
    last_hash       BLOB NOT NULL CHECK (length(last_hash) = 32),
    PRIMARY KEY (firm_id, conversation_id),
    FOREIGN KEY (firm_id, matter_id) REFERENCES matters,
    CHECK ((matter_id IS NULL) = (kind IN ('staff_channel', 'direct')))
) STRICT, WITHOUT ROWID;

-- Who is or was in a conversation, as intervals of its log.
CREATE TABLE stays (
    firm_id         BLOB NOT NULL,
    conversation_id BLOB NOT NULL,
    person_id       BLOB NOT NULL,
    from_seq        INTEGER NOT NULL,
    until_seq       INTEGER,
    PRIMARY KEY (firm_id, conversation_id, person_id, from_seq),
    FOREIGN KEY (firm_id, conversation_id) REFERENCES conversations,
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships
) STRICT, WITHOUT ROWID;
CREATE INDEX stays_of_person ON stays (firm_id, person_id);

CREATE TABLE entries (
    firm_id         BLOB NOT NULL,
    conversation_id BLOB NOT NULL,
    seq             INTEGER NOT NULL CHECK (seq >= 1),
    entry_id        BLOB NOT NULL UNIQUE CHECK (length(entry_id) = 16),
    epoch           BLOB NOT NULL CHECK (length(epoch) = 16),
    kind            TEXT NOT NULL,
    author_id       BLOB NOT NULL,
    author_name     TEXT NOT NULL,
    accepted_at_ms  INTEGER NOT NULL,
    composed_at_ms  INTEGER NOT NULL,
    previous_hash   BLOB NOT NULL CHECK (length(previous_hash) = 32),
    hash            BLOB NOT NULL CHECK (length(hash) = 32),
    send_key        BLOB CHECK (send_key IS NULL OR length(send_key) = 16),
    -- Of a message: its row in `message_tokens`. Rows follow time.
    place           INTEGER,
    PRIMARY KEY (firm_id, conversation_id, seq),
    FOREIGN KEY (firm_id, conversation_id) REFERENCES conversations,
    FOREIGN KEY (firm_id, author_id) REFERENCES memberships (firm_id, person_id),
    CHECK ((kind = 'message') = (place IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX entries_by_place ON entries (place) WHERE place IS NOT NULL;

-- Tokens of messages, as portico_wire::search::index lays them out, and marks that say where each belongs. Nothing is
-- ever removed from it (R21), nor ranked by length: it needs neither tombstones nor sizes.
CREATE VIRTUAL TABLE message_tokens USING fts5 (
    tokens, content = '', columnsize = 0, tokenize = 'ascii', detail = 'full'
);

CREATE TABLE bodies (
    firm_id         BLOB NOT NULL,
    conversation_id BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    body            TEXT NOT NULL,
    salt            BLOB NOT NULL CHECK (length(salt) = 16),
    PRIMARY KEY (firm_id, conversation_id, seq),
    FOREIGN KEY (firm_id, conversation_id, seq) REFERENCES entries
) STRICT;

-- What became of every send key, for ever. The digest is unknown where a key was withdrawn before it came.
CREATE TABLE outcomes (
    firm_id         BLOB NOT NULL,
    person_id       BLOB NOT NULL,
    send_key        BLOB NOT NULL CHECK (length(send_key) = 16),
    digest          BLOB CHECK (digest IS NULL OR length(digest) = 32),
    outcome         TEXT NOT NULL CHECK (outcome IN ('accepted', 'refused', 'withdrawn')),
    conversation_id BLOB,
    seq             INTEGER,
    refusal         TEXT,
    refusal_limit   INTEGER,
    measured        INTEGER,
    refusal_file    INTEGER,
    recorded_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (firm_id, person_id, send_key),
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships,
    FOREIGN KEY (firm_id, conversation_id, seq) REFERENCES entries,
    CHECK ((outcome = 'accepted') = (seq IS NOT NULL) AND (outcome = 'refused') = (refusal IS NOT NULL)),
    CHECK (outcome = 'withdrawn' OR digest IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- The bytes of files: a run of sealed chunks in a segment, `blobs/<segment id>.pack`. The key is here alone, so losing
-- the row loses the file. Key and associated data of a chunk are bound to batch and slot.
CREATE TABLE contents (
    firm_id         BLOB NOT NULL REFERENCES firms,
    content_id      BLOB NOT NULL UNIQUE CHECK (length(content_id) = 16),
    media_type      TEXT NOT NULL,
    size_bytes      INTEGER NOT NULL CHECK (size_bytes >= 0),
    sha256          BLOB NOT NULL CHECK (length(sha256) = 32),
    segment_id      BLOB NOT NULL CHECK (length(segment_id) = 16),
    segment_offset  INTEGER NOT NULL CHECK (segment_offset >= 0),
    slot            INTEGER NOT NULL CHECK (slot >= 0),
    batch_id        BLOB NOT NULL CHECK (length(batch_id) = 16),
    file_key        BLOB NOT NULL CHECK (length(file_key) = 32),
    -- What the firm's scan said of them, or whoever overruled it. The one thing of them that changes.
    verdict         TEXT NOT NULL DEFAULT 'unscanned' CHECK (verdict IN ('unscanned', 'clean', 'refused')),
    PRIMARY KEY (firm_id, content_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX contents_of_segment ON contents (segment_id);
CREATE INDEX contents_of_hash ON contents (firm_id, sha256);
CREATE INDEX contents_unscanned ON contents (content_id) WHERE verdict = 'unscanned';

-- The files of entries: each has its own id and name, and bytes that nothing changes (R1, R2).
CREATE TABLE attachments (
    firm_id         BLOB NOT NULL,
    conversation_id BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    place           INTEGER NOT NULL CHECK (place >= 0),
    attachment_id   BLOB NOT NULL UNIQUE CHECK (length(attachment_id) = 16),
    name            TEXT NOT NULL,
    content_id      BLOB NOT NULL,
    PRIMARY KEY (firm_id, conversation_id, seq, place),
    FOREIGN KEY (firm_id, conversation_id, seq) REFERENCES entries,
    FOREIGN KEY (firm_id, content_id) REFERENCES contents
) STRICT, WITHOUT ROWID;

-- Documents of matters (R45). What one is now is what its changes come to: they only grow.
CREATE TABLE documents (
    firm_id     BLOB NOT NULL,
    document_id BLOB NOT NULL UNIQUE CHECK (length(document_id) = 16),
    matter_id   BLOB NOT NULL,
    PRIMARY KEY (firm_id, document_id),
    FOREIGN KEY (firm_id, matter_id) REFERENCES matters
) STRICT, WITHOUT ROWID;
CREATE INDEX documents_of_matter ON documents (firm_id, matter_id, document_id);

-- Each change tells the whole: name, version and bytes from then on.
CREATE TABLE document_changes (
    firm_id     BLOB NOT NULL,
    document_id BLOB NOT NULL,
    number      INTEGER NOT NULL CHECK (number >= 1),
    -- Made of its maker's key, so that the same key changes nothing twice.
    change_id   BLOB NOT NULL UNIQUE CHECK (length(change_id) = 16),
    act         TEXT NOT NULL CHECK (act IN ('added', 'versioned', 'renamed', 'removed')),
    person_id   BLOB NOT NULL,
    person_name TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    name        TEXT NOT NULL,
    version     INTEGER NOT NULL CHECK (version >= 1),
    content_id  BLOB NOT NULL,
    PRIMARY KEY (firm_id, document_id, number),
    FOREIGN KEY (firm_id, document_id) REFERENCES documents,
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships,
    FOREIGN KEY (firm_id, content_id) REFERENCES contents
) STRICT, WITHOUT ROWID;
CREATE INDEX document_changes_of_version ON document_changes (firm_id, document_id, version, number);

-- Batches whose bytes are on their way. The offset is not here: it is what opens of the segment.
CREATE TABLE batches (
    firm_id         BLOB NOT NULL,
    person_id       BLOB NOT NULL,
    send_key        BLOB NOT NULL CHECK (length(send_key) = 16),
    digest          BLOB NOT NULL CHECK (length(digest) = 32),
    conversation_id BLOB NOT NULL,
    body            TEXT NOT NULL,
    composed_at_ms  INTEGER NOT NULL,
    receipted       INTEGER NOT NULL CHECK (receipted IN (0, 1)),
    form            TEXT NOT NULL CHECK (form IN ('sealed', 'plain')),
    batch_key       BLOB NOT NULL CHECK (length(batch_key) = 32),
    segment_id      BLOB NOT NULL UNIQUE CHECK (length(segment_id) = 16),
    epoch           BLOB NOT NULL CHECK (length(epoch) = 16),
    capability_hash BLOB NOT NULL UNIQUE CHECK (length(capability_hash) = 32),
    -- A capability dies with the session it was made in: a device that signs in again is a later one.
    device_id       BLOB NOT NULL REFERENCES devices,
    minted_at_ms    INTEGER NOT NULL,
    touched_at_ms   INTEGER NOT NULL,
    PRIMARY KEY (firm_id, person_id, send_key),
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships,
    FOREIGN KEY (firm_id, conversation_id) REFERENCES conversations
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_by_touch ON batches (touched_at_ms);

CREATE TABLE batch_files (
    firm_id    BLOB NOT NULL,
    person_id  BLOB NOT NULL,
    send_key   BLOB NOT NULL,
    place      INTEGER NOT NULL CHECK (place >= 0),
    slot       INTEGER NOT NULL CHECK (slot >= 0),
    name       TEXT NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    sha256     BLOB NOT NULL CHECK (length(sha256) = 32),
    PRIMARY KEY (firm_id, person_id, send_key, place),
    FOREIGN KEY (firm_id, person_id, send_key) REFERENCES batches ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Capabilities whose batch is decided: who lost the answer to the last byte hears it again.
CREATE TABLE finished_uploads (
    capability_hash BLOB PRIMARY KEY CHECK (length(capability_hash) = 32),
    firm_id         BLOB NOT NULL,
    person_id       BLOB NOT NULL,
    send_key        BLOB NOT NULL,
    device_id       BLOB NOT NULL REFERENCES devices,
    minted_at_ms    INTEGER NOT NULL,
    epoch           BLOB NOT NULL,
    length_bytes    INTEGER NOT NULL,
    expires_at_ms   INTEGER NOT NULL,
    FOREIGN KEY (firm_id, person_id, send_key) REFERENCES outcomes
) STRICT, WITHOUT ROWID;
CREATE INDEX finished_uploads_by_end ON finished_uploads (expires_at_ms);

-- Conversations are never deleted (R21): the database itself refuses. `recursive_triggers` is on, so that
-- INSERT OR REPLACE does not slip past.
CREATE TRIGGER entries_keep BEFORE DELETE ON entries BEGIN SELECT raise(ABORT, 'entries are kept'); END;
CREATE TRIGGER entries_stand BEFORE UPDATE ON entries BEGIN SELECT raise(ABORT, 'entries are immutable'); END;
CREATE TRIGGER bodies_keep BEFORE DELETE ON bodies BEGIN SELECT raise(ABORT, 'bodies are kept'); END;
CREATE TRIGGER bodies_stand BEFORE UPDATE ON bodies BEGIN SELECT raise(ABORT, 'bodies are immutable'); END;
CREATE TRIGGER conversations_keep BEFORE DELETE ON conversations BEGIN SELECT raise(ABORT, 'conversations are kept'); END;
CREATE TRIGGER outcomes_keep BEFORE DELETE ON outcomes BEGIN SELECT raise(ABORT, 'outcomes are kept'); END;
CREATE TRIGGER attachments_keep BEFORE DELETE ON attachments BEGIN SELECT raise(ABORT, 'attachments are kept'); END;
CREATE TRIGGER attachments_stand BEFORE UPDATE ON attachments BEGIN SELECT raise(ABORT, 'attachments are immutable'); END;
CREATE TRIGGER documents_keep BEFORE DELETE ON documents BEGIN SELECT raise(ABORT, 'documents are kept'); END;
CREATE TRIGGER documents_stand BEFORE UPDATE ON documents BEGIN SELECT raise(ABORT, 'documents are immutable'); END;
CREATE TRIGGER document_changes_keep BEFORE DELETE ON document_changes BEGIN SELECT raise(ABORT, 'changes are kept'); END;
CREATE TRIGGER document_changes_stand BEFORE UPDATE ON document_changes BEGIN SELECT raise(ABORT, 'changes are immutable'); END;
CREATE TRIGGER contents_keep BEFORE DELETE ON contents BEGIN SELECT raise(ABORT, 'contents are kept'); END;
CREATE TRIGGER contents_stand BEFORE UPDATE OF content_id, media_type, size_bytes, sha256, segment_id, segment_offset,
    slot, batch_id, file_key, firm_id ON contents BEGIN SELECT raise(ABORT, 'contents are immutable'); END;
CREATE TRIGGER outcomes_stand BEFORE UPDATE ON outcomes BEGIN SELECT raise(ABORT, 'outcomes are immutable'); END;
-- A conversation stays what it is and where it is, and its log goes on; a stay ends, once.
CREATE TRIGGER conversations_stand BEFORE UPDATE OF firm_id, conversation_id, kind, title, matter_id, created_at_ms
    ON conversations BEGIN SELECT raise(ABORT, 'conversations stay what they are'); END;
CREATE TRIGGER conversations_go_on BEFORE UPDATE OF last_seq ON conversations WHEN new.last_seq < old.last_seq
    BEGIN SELECT raise(ABORT, 'logs go on'); END;
CREATE TRIGGER stays_keep BEFORE DELETE ON stays BEGIN SELECT raise(ABORT, 'stays are kept'); END;
CREATE TRIGGER stays_stand BEFORE UPDATE OF firm_id, conversation_id, person_id, from_seq ON stays
    BEGIN SELECT raise(ABORT, 'stays begin once'); END;
CREATE TRIGGER stays_end_once BEFORE UPDATE OF until_seq ON stays WHEN old.until_seq IS NOT NULL
    BEGIN SELECT raise(ABORT, 'stays end once'); END;

-- One gap-free log for each (firm, person). Rows are references; the state is joined when they are read.
CREATE TABLE events (
    firm_id         BLOB NOT NULL,
    person_id       BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('entry', 'conversation', 'looked_at', 'access_lost')),
    conversation_id BLOB NOT NULL,
    entry_seq       INTEGER,
    PRIMARY KEY (firm_id, person_id, seq),
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships,
    FOREIGN KEY (firm_id, conversation_id) REFERENCES conversations,
    CHECK ((kind = 'entry') = (entry_seq IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX events_of_loss ON events (firm_id, person_id, conversation_id, seq) WHERE kind = 'access_lost';
CREATE TRIGGER events_keep BEFORE DELETE ON events BEGIN SELECT raise(ABORT, 'events are kept'); END;
CREATE TRIGGER events_stand BEFORE UPDATE ON events BEGIN SELECT raise(ABORT, 'events are immutable'); END;

-- What was on screen: disjoint ranges, each with the first time it was shown and the time the server heard of it.
CREATE TABLE looks (
    firm_id         BLOB NOT NULL,
    conversation_id BLOB NOT NULL,
    person_id       BLOB NOT NULL,
    from_seq        INTEGER NOT NULL,
    to_seq          INTEGER NOT NULL,
    shown_at_ms     INTEGER NOT NULL,
    heard_at_ms     INTEGER NOT NULL,
    PRIMARY KEY (firm_id, conversation_id, person_id, from_seq),
    FOREIGN KEY (firm_id, conversation_id) REFERENCES conversations,
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships
) STRICT, WITHOUT ROWID;
CREATE TRIGGER looks_keep BEFORE DELETE ON looks BEGIN SELECT raise(ABORT, 'looks are kept'); END;
CREATE TRIGGER looks_stand BEFORE UPDATE ON looks BEGIN SELECT raise(ABORT, 'looks are immutable'); END;

-- Links that stand for somebody's address; by the hash of their code.
CREATE TABLE invitations (
    code_hash     BLOB PRIMARY KEY CHECK (length(code_hash) = 32),
    firm_id       BLOB NOT NULL,
    person_id     BLOB NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships
) STRICT, WITHOUT ROWID;

-- Sign-in. A challenge of an unknown address has no person and no code that answers it.
CREATE TABLE challenges (
    challenge_id  BLOB PRIMARY KEY CHECK (length(challenge_id) = 16),
    person_id     BLOB REFERENCES persons,
    key_id        TEXT NOT NULL,
    code_mac      BLOB NOT NULL,
    tries_left    INTEGER NOT NULL CHECK (tries_left >= 0),
    expires_at_ms INTEGER NOT NULL,
    -- Beyond the code: tries of a factor, and whether one was proved, at which firm.
    factor_tries_left INTEGER NOT NULL CHECK (factor_tries_left >= 0),
    -- Where it began with an invitation: the firm that invited.
    invited_firm_id BLOB REFERENCES firms,
    -- and by which device, under which key: nobody else goes on from there.
    proved_firm_id BLOB REFERENCES firms,
    proved_device_id BLOB,
    proved_public_key BLOB,
    -- By something that is not in the hand that holds the device.
    proved_apart   INTEGER NOT NULL DEFAULT 0 CHECK (proved_apart IN (0, 1)),
    used_firm_id  BLOB REFERENCES firms,
    used_device_id BLOB,
    used_public_key BLOB,
    CHECK ((used_firm_id IS NULL) = (used_device_id IS NULL) AND (used_firm_id IS NULL) = (used_public_key IS NULL))
) STRICT;
CREATE INDEX challenges_by_end ON challenges (expires_at_ms);

CREATE TABLE devices (
    device_id        BLOB PRIMARY KEY CHECK (length(device_id) = 16),
    firm_id          BLOB NOT NULL,
    person_id        BLOB NOT NULL,
    name             TEXT NOT NULL,
    public_key       BLOB NOT NULL CHECK (length(public_key) = 65),
    last_nonce_ms    INTEGER NOT NULL DEFAULT 0,
    -- Signs only with the person there; none where the device asks for no face, finger or PIN.
    presence_key     BLOB CHECK (presence_key IS NULL OR length(presence_key) = 65),
    last_presence_ms INTEGER NOT NULL DEFAULT 0,
    -- Until when the person counts as just proved.
    stepped_up_until_ms INTEGER NOT NULL DEFAULT 0,
    signed_in_at_ms  INTEGER NOT NULL,
    signed_out_at_ms INTEGER,
    -- A restore ended it, and nobody else: it is still its person's, and its key still proves it.
    ended_by_restore INTEGER NOT NULL DEFAULT 0 CHECK (ended_by_restore IN (0, 1)),
    -- Its person wants everything gone from it; told once it has asked for a token under its key.
    wiped_at_ms      INTEGER,
    wipe_told_at_ms  INTEGER,
    push_token       TEXT,
    push_key         BLOB,
    push_key_id      TEXT,
    UNIQUE (firm_id, device_id),
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships,
    CHECK (wiped_at_ms IS NULL OR signed_out_at_ms IS NOT NULL),
    CHECK ((push_token IS NULL) = (push_key IS NULL) AND (push_token IS NULL) = (push_key_id IS NULL))
) STRICT;
CREATE INDEX devices_of_person ON devices (firm_id, person_id);

CREATE TABLE access_tokens (
    token_hash    BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    firm_id       BLOB NOT NULL,
    device_id     BLOB NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    FOREIGN KEY (firm_id, device_id) REFERENCES devices (firm_id, device_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_tokens_of_device ON access_tokens (device_id);

-- What proves a person at one firm beyond the mailed code. No firm touches another's (R7).
CREATE TABLE totps (
    firm_id         BLOB NOT NULL,
    person_id       BLOB NOT NULL,
    key_id          TEXT NOT NULL,
    sealed_secret   BLOB NOT NULL,
    -- Where it was set up. Its codes may be on that very device, so they are no second thing there.
    device_id       BLOB NOT NULL,
    added_at_ms     INTEGER NOT NULL,
    last_used_at_ms INTEGER NOT NULL,
    -- No code of this step or an earlier one passes again (RFC 6238 section 5.2).
    last_step       INTEGER NOT NULL,
    -- Steps that its clock was ahead when a code last passed.
    drift_steps     INTEGER NOT NULL,
    -- Wrong codes in a row. At 50 it proves nothing any more.
    failures        INTEGER NOT NULL DEFAULT 0,
    not_before_ms   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (firm_id, person_id),
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships
) STRICT, WITHOUT ROWID;

-- Steps whose code was told to be of another time: it was said out loud, so it never passes.
CREATE TABLE totp_told (
    firm_id   BLOB NOT NULL,
    person_id BLOB NOT NULL,
    step      INTEGER NOT NULL,
    PRIMARY KEY (firm_id, person_id, step),
    FOREIGN KEY (firm_id, person_id) REFERENCES totps ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Secrets that were shown and of which no code came back yet: each to one device, or whoever began would know another's.
CREATE TABLE totp_set_ups (
    firm_id       BLOB NOT NULL,
    person_id     BLOB NOT NULL,
    public_key    BLOB NOT NULL CHECK (length(public_key) = 65),
    key_id        TEXT NOT NULL,
    sealed_secret BLOB NOT NULL,
    made_at_ms    INTEGER NOT NULL,
    PRIMARY KEY (firm_id, person_id, public_key),
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_codes (
    firm_id    BLOB NOT NULL,
    person_id  BLOB NOT NULL,
    ordinal    INTEGER NOT NULL,
    key_id     TEXT NOT NULL,
    code_mac   BLOB NOT NULL CHECK (length(code_mac) = 32),
    used_at_ms INTEGER,
    PRIMARY KEY (firm_id, person_id, ordinal),
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships
) STRICT, WITHOUT ROWID;

-- Addresses that are to sign in, once a code that was mailed to each came back.
CREATE TABLE email_changes (
    change_id       BLOB PRIMARY KEY CHECK (length(change_id) = 16),
    firm_id         BLOB NOT NULL,
    person_id       BLOB NOT NULL,
    email           TEXT NOT NULL,
    key_id          TEXT NOT NULL,
    code_mac        BLOB NOT NULL,
    -- Of the code to the address before, where it is needed.
    old_code_mac    BLOB,
    tries_left      INTEGER NOT NULL CHECK (tries_left >= 0),
    expires_at_ms   INTEGER NOT NULL,
    confirmed_at_ms INTEGER,
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships
) STRICT;

-- Jobs: rows written in the transaction that causes them, claimed with a lease, gone when done.
-- A mail is a code, named by its challenge, or a notice of what happened to an account.
CREATE TABLE mail_jobs (
    mail_id        BLOB PRIMARY KEY CHECK (length(mail_id) = 16),
    kind           TEXT NOT NULL,
    -- To whom, at the address they have by then; or to an address that is not, or not any more, theirs.
    person_id      BLOB REFERENCES persons,
    to_email       TEXT,
    key_id         TEXT NOT NULL,
    sealed         BLOB NOT NULL,
    due_at_ms      INTEGER NOT NULL,
    leased_until_ms INTEGER NOT NULL DEFAULT 0,
    attempts       INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE push_jobs (
    job_id          INTEGER PRIMARY KEY,
    firm_id         BLOB NOT NULL,
    person_id       BLOB NOT NULL,
    device_id       BLOB NOT NULL,
    conversation_id BLOB NOT NULL,
    entry_seq       INTEGER NOT NULL,
    log_seq         INTEGER NOT NULL,
    due_at_ms       INTEGER NOT NULL,
    leased_until_ms INTEGER NOT NULL DEFAULT 0,
    attempts        INTEGER NOT NULL DEFAULT 0,
    FOREIGN KEY (firm_id, person_id) REFERENCES memberships,
    FOREIGN KEY (firm_id, device_id) REFERENCES devices (firm_id, device_id),
    FOREIGN KEY (firm_id, conversation_id, entry_seq) REFERENCES entries (firm_id, conversation_id, seq)
) STRICT;
CREATE INDEX push_jobs_due ON push_jobs (due_at_ms);

-- Files that the scan was given and that have no verdict yet: until when they are not given to it again. One without a
-- row was never given to it.
CREATE TABLE scan_jobs (
    content_id      BLOB PRIMARY KEY REFERENCES contents (content_id),
    leased_until_ms INTEGER NOT NULL,
    attempts        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
