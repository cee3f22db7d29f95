-- version 2 of the settlement endpoint: windows, disputes, adjustments
ALTER TABLE settlement ADD COLUMN dispute_until TEXT;
ALTER TABLE settlement ADD COLUMN finalize_at TEXT;
ALTER TABLE settlement ADD COLUMN held_back INTEGER NOT NULL DEFAULT 0;
ALTER TABLE settlement ADD COLUMN disputed INTEGER NOT NULL DEFAULT 0;

CREATE INDEX settlement_by_window ON settlement (dispute_until)
WHERE status = 'pending' AND dispute_until IS NOT NULL;

ALTER TABLE booking ADD COLUMN kind TEXT NOT NULL DEFAULT 'own';

-- an adjustment belongs to no settlement until the next one takes it
ALTER TABLE transfer RENAME TO transfer_of_version_1;
DROP INDEX transfer_by_settlement;

CREATE TABLE transfer (
    id TEXT PRIMARY KEY,
    settlement_id TEXT REFERENCES settlement (id),
    position INTEGER NOT NULL,
    source TEXT,
    destination TEXT NOT NULL,
    currency TEXT NOT NULL,
    quantity TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    dispute_closure_id TEXT
) STRICT;

INSERT INTO transfer SELECT *, NULL FROM transfer_of_version_1;
DROP TABLE transfer_of_version_1;

CREATE INDEX transfer_by_settlement ON transfer (settlement_id, position);
CREATE INDEX transfer_by_closure ON transfer (dispute_closure_id)
WHERE dispute_closure_id IS NOT NULL;

CREATE TABLE dispute (
    id TEXT PRIMARY KEY,
    partner_id TEXT NOT NULL,
    settlement_id TEXT NOT NULL REFERENCES settlement (id),
    connection_id TEXT NOT NULL,
    expected TEXT NOT NULL,
    reason TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    retracted_at TEXT,
    closed_at TEXT,
    closed_by TEXT CHECK (closed_by IN ('client', 'admin')),
    adjusted TEXT,
    settled_in TEXT REFERENCES settlement (id)
) STRICT;

CREATE INDEX dispute_by_partner ON dispute (partner_id, created_at, id);
CREATE INDEX dispute_by_settlement ON dispute (settlement_id);
CREATE INDEX dispute_by_settling ON dispute (settled_in);

CREATE TABLE event (
    position INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    settlement_id TEXT NOT NULL REFERENCES settlement (id),
    external_id TEXT NOT NULL,
    at TEXT NOT NULL,
    amounts TEXT NOT NULL,
    UNIQUE (settlement_id, kind)
) STRICT;
