"""Invariants of the ledger, proved again from its rows."""
