"""The ledger: our own PostgreSQL database of windows, snapshots, slots, attempts and events."""
