"""Nine columns take known values only, three amounts whole numbers: from a hand as from code."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ALLOWED = {
    ("binding", "amounts"): ("base_units", "full_units"),
    ("slot", "state"): (
        *("prepared", "unknown", "pending", "failed", "completed", "rejected", "refused"),
        *("withdrawn", "diverged"),
    ),
    ("body", "origin"): ("built", "adopted"),
    ("line", "kind"): ("trading",),
    ("transfer", "kind"): ("trading", "adjustment"),
    ("remembered_trades", "role"): ("read", "taken-back", "left-out"),
    ("question", "subject"): ("diverged", "history", "other-date", "approval"),
    ("question", "choice"): ("adopt", "leave", "settle", "approve", "reject"),
    ("attempt", "kind"): (
        *("payload", "submit", "look-up", "listing", "connections", "balances", "disputes"),
        "profile",
    ),
}


def upgrade() -> None:
    for (table, column), values in ALLOWED.items():
        listed = ", ".join(f"'{each}'" for each in values)
        op.create_check_constraint(f"{table}_{column}_known", table, f"{column} IN ({listed})")
    for table, column in (("net_position", "amount"), ("line", "amount"), ("transfer", "amount")):
        op.create_check_constraint(f"{table}_{column}_whole", table, f"{column} = trunc({column})")
