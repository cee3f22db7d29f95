"""Where the ledger's database is, its version, its roles and its upgrade."""
