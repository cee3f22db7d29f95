"""The partner API: exchanges, answers as values, what is published of it. Knows no ledger."""
