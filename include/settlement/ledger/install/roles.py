"""Who may do what in the ledger's database: owner, writer, reader.

The owner upgrades the schema. Logins of workers and people who decide are members of the role
`settlement_writer`, those who only look of `settlement_reader`. A writer can add, and change what
must change; it can rewrite no window, no amount, no event. Where the roles do not exist, one login
does everything.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

WRITER, READER = "settlement_writer", "settlement_reader"
VERSION_TABLE = "ledger_version"
CHANGES: dict[str, str] = {
    "attempt": "UPDATE (finished_at, status, answer, error, never_sent)",
    "binding": "DELETE",
    "body": "UPDATE (payload, signature, key_id, request, sent_at)",
    "business_date": "UPDATE (generation)",
    "bound_currency": "DELETE",
    "chain_head": "UPDATE (seq, hash)",
    "event": "",
    "hold": "UPDATE, DELETE",
    "ignored_settlement": "",
    "line": "",
    "listing": "UPDATE (listed_from, listed_until)",
    "net_position": "",
    "question": "UPDATE (facts, asked_at, asked_by, run_id, choice, reason, decided_by, "
    "decided_at)",
    "remembered_date": "UPDATE (complete), DELETE",
    "remembered_trades": "DELETE",
    "slot": "UPDATE (state, current_body, settlement_id, reason, last_verdict, absences, "
    "first_sent_at, updated_at)",
    "snapshot": "",
    "stop_flag": "UPDATE, DELETE",
    "transfer": "UPDATE (status, updated_at)",
}
"""What a writer may do to each table besides reading and adding rows."""


def grant_rights(tx: Connection) -> list[str]:
    """Give both roles exactly their rights, as the owner; the roles that exist."""
    query = text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names) ORDER BY rolname")
    roles = list(tx.execute(query, {"names": [WRITER, READER]}).scalars())
    for role in roles:
        for statement in _statements(role):
            tx.execute(text(statement))
    return roles


def _statements(role: str) -> Iterator[str]:
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}"
    yield f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role}"
    yield f"GRANT USAGE ON SCHEMA public TO {role}"
    yield f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    if role == WRITER:
        yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"
        for table, changes in CHANGES.items():
            yield f"GRANT {', '.join(filter(None, ['INSERT', changes]))} ON {table} TO {role}"
