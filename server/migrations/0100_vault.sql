-- Vaults and the catalogue of their objects. Times are in milliseconds since 1970 UTC, lengths in bytes.

CREATE TABLE vaults (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    minimum_age_ms BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    objects BIGINT NOT NULL,
    -- 0 while it is in use.
    deleted_at BIGINT NOT NULL
);
CREATE INDEX vaults_by_account ON vaults (account_id, id);

-- What the vaults of an account hold together, and what is reserved for objects that are being received.
CREATE TABLE vault_usage (
    account_id TEXT PRIMARY KEY,
    bytes BIGINT NOT NULL,
    objects BIGINT NOT NULL,
    reserved BIGINT NOT NULL
);

-- Objects that were accepted. `upload_id` is part of the name of their bytes in the store.
CREATE TABLE vault_objects (
    vault_id TEXT NOT NULL,
    folder TEXT NOT NULL,
    file TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    length BIGINT NOT NULL,
    hash TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    -- 0 without a hold.
    hold_until BIGINT NOT NULL,
    PRIMARY KEY (vault_id, folder, file)
);

-- Objects that are being received: reservations of quota.
CREATE TABLE vault_uploads (
    id TEXT PRIMARY KEY,
    vault_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    folder TEXT NOT NULL,
    file TEXT NOT NULL,
    length BIGINT NOT NULL,
    -- The process that receives it in one request; empty for uploads in parts, which any process may go on with.
    process_id TEXT NOT NULL,
    -- When an upload in parts is given up.
    expires_at BIGINT NOT NULL,
    -- The multipart upload to the bucket that is under way, or empty.
    multipart TEXT NOT NULL
);
CREATE INDEX vault_uploads_by_vault ON vault_uploads (vault_id);
CREATE INDEX vault_uploads_by_account ON vault_uploads (account_id);

-- Bytes in the store that belong to no object, and when to remove them.
CREATE TABLE vault_garbage (
    upload_id TEXT NOT NULL,
    place TEXT NOT NULL,
    multipart TEXT NOT NULL,
    remove_at BIGINT NOT NULL,
    PRIMARY KEY (upload_id, remove_at)
);
CREATE INDEX vault_garbage_by_time ON vault_garbage (remove_at);

-- The processes that receive objects, and when each last said that it is alive.
CREATE TABLE vault_processes (
    id TEXT PRIMARY KEY,
    seen_at BIGINT NOT NULL
);
