"""What the settlement pages show, as values: read from the ledger alone, nothing is written."""
