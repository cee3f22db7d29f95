CREATE TABLE IF NOT EXISTS settlement (
    id TEXT PRIMARY KEY,
    partner_id TEXT NOT NULL,
    external_id TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'failed', 'completed', 'rejected')),
    reason TEXT,
    notes TEXT,
    cutoff_at TEXT,
    nonce TEXT NOT NULL,
    properties TEXT NOT NULL,
    initiated_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    finalized_at TEXT,
    look_ups_until_complete INTEGER,
    look_ups_until_shown INTEGER NOT NULL,
    shown_from TEXT NOT NULL,
    UNIQUE (partner_id, external_id)
) STRICT;

CREATE INDEX IF NOT EXISTS settlement_by_age ON settlement (partner_id, created_at, id);
CREATE INDEX IF NOT EXISTS settlement_by_nonce ON settlement (partner_id, nonce);

CREATE TABLE IF NOT EXISTS transfer (
    id TEXT PRIMARY KEY,
    settlement_id TEXT NOT NULL REFERENCES settlement (id),
    position INTEGER NOT NULL,
    source TEXT,
    destination TEXT NOT NULL,
    currency TEXT NOT NULL,
    quantity TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS transfer_by_settlement ON transfer (settlement_id, position);

-- exact integers in base units, as text: they outgrow 64 bits
CREATE TABLE IF NOT EXISTS balance (
    account TEXT NOT NULL,
    currency TEXT NOT NULL,
    available TEXT NOT NULL,
    PRIMARY KEY (account, currency)
) STRICT;

CREATE TABLE IF NOT EXISTS booking (
    position INTEGER PRIMARY KEY,
    external_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount TEXT NOT NULL,
    settlement_id TEXT NOT NULL REFERENCES settlement (id),
    at TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS issued_payload (
    digest TEXT PRIMARY KEY
) STRICT;
