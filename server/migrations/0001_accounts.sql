-- Accounts, devices, tokens, plans and mail. For SQLite and PostgreSQL alike: ids and binary values are text, times
-- are milliseconds since 1970 UTC. "sealed" is what the service's key seals; "hash" is a keyed hash by it.

CREATE TABLE service_secrets (
    name TEXT PRIMARY KEY,
    sealed TEXT NOT NULL
);

CREATE TABLE plans (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    quota_bytes BIGINT NOT NULL,
    price_cents BIGINT NOT NULL,
    currency TEXT NOT NULL,
    billing_interval TEXT NOT NULL,
    features TEXT NOT NULL,
    upload_bytes_per_second BIGINT NOT NULL,
    download_bytes_per_second BIGINT NOT NULL,
    stripe_price TEXT,
    -- Whether it can be chosen now.
    offered BIGINT NOT NULL,
    position BIGINT NOT NULL
);

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    email_hash TEXT NOT NULL UNIQUE,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- OPAQUE: the credential identifier, and the sealed registration record.
    credential_id TEXT NOT NULL,
    opaque_record TEXT NOT NULL,
    password_wrap TEXT NOT NULL,
    recovery_wrap TEXT NOT NULL,
    recovery_public TEXT NOT NULL,
    account_public TEXT NOT NULL,
    -- The sealed TOTP secret, and the last time step that a code was accepted for.
    second_factor TEXT,
    second_factor_step BIGINT NOT NULL
);

CREATE TABLE registrations (
    id TEXT PRIMARY KEY,
    email_hash TEXT NOT NULL,
    credential_id TEXT NOT NULL,
    -- Everything personal, sealed, from its second step on.
    details TEXT,
    code_hash TEXT,
    tries BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE sign_ins (
    id TEXT PRIMARY KEY,
    -- None where there is no such account: the sign-in goes on and fails like one with a wrong password.
    account_id TEXT,
    email_hash TEXT NOT NULL,
    -- The counters of tries that a success sets back.
    counters TEXT NOT NULL,
    -- The sealed state of OPAQUE; gone once it was used.
    opaque_state TEXT,
    -- The sealed session key, while the second factor is waited for.
    session_key TEXT,
    tries BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Tries at passwords since the last success, by hashes of account, address and device.
CREATE TABLE tries (
    counter TEXT PRIMARY KEY,
    count BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);

CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    request TEXT NOT NULL,
    grants TEXT NOT NULL,
    certificate TEXT NOT NULL,
    master_wrap TEXT,
    signing_public TEXT NOT NULL,
    enrolled_at BIGINT NOT NULL,
    last_seen_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX devices_account ON devices (account_id, id);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- None for the token of a session.
    device_id TEXT REFERENCES devices (id) ON DELETE CASCADE,
    -- The one vault it is for; none where it is for all.
    vault_id TEXT,
    capabilities TEXT NOT NULL,
    -- The sealed key that a session's requests are proved with. A device's are signed.
    proof_key TEXT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX tokens_account ON tokens (account_id);
CREATE INDEX tokens_device ON tokens (device_id);

CREATE TABLE nonces (
    owner TEXT NOT NULL,
    nonce TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (owner, nonce)
);

CREATE TABLE recoveries (
    id TEXT PRIMARY KEY,
    account_id TEXT,
    challenge TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    -- OPAQUE's new credential identifier, once possession of the recovery code was proved.
    credential_id TEXT,
    tries BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE password_changes (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    token_id TEXT NOT NULL,
    credential_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE email_changes (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- Sealed.
    new_email TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    tries BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE second_factors_pending (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    secret TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE second_factor_codes (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    code_hash TEXT NOT NULL,
    PRIMARY KEY (account_id, code_hash)
);

-- Answers to changes, sealed, so that a change that is asked for again is not made again.
CREATE TABLE answers (
    scope TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (scope, idempotency_key)
);

CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    -- Recipient, subject and text, sealed.
    message TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    -- When it may be tried next; in the future while a process sends it.
    next_at BIGINT NOT NULL
);
CREATE INDEX outbox_next ON outbox (next_at);

CREATE TABLE subscriptions (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    plan_id TEXT NOT NULL REFERENCES plans (id),
    status TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    period_start_at BIGINT NOT NULL,
    period_end_at BIGINT NOT NULL,
    -- The plan that follows at the end of the period.
    next_plan_id TEXT REFERENCES plans (id),
    cancelled_at BIGINT,
    -- Until when a cancelled account can be read.
    readable_until BIGINT,
    provider_customer TEXT,
    provider_subscription TEXT,
    -- The provider's time of the last event that counted: older ones change nothing.
    provider_event_at BIGINT NOT NULL
);
CREATE INDEX subscriptions_customer ON subscriptions (provider_customer);
CREATE INDEX subscriptions_period ON subscriptions (period_end_at);

CREATE TABLE subscription_events (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    category TEXT NOT NULL
);
CREATE INDEX subscription_events_account ON subscription_events (account_id, at, id);

CREATE TABLE invoices (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    plan_id TEXT NOT NULL,
    amount_cents BIGINT NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    period_start_at BIGINT NOT NULL,
    period_end_at BIGINT NOT NULL,
    paid_at BIGINT,
    url TEXT,
    provider_invoice TEXT UNIQUE,
    provider_event_at BIGINT NOT NULL
);
CREATE INDEX invoices_account ON invoices (account_id, issued_at, id);

CREATE TABLE provider_events (
    event_id TEXT PRIMARY KEY,
    received_at BIGINT NOT NULL
);
