"""Attempts say as a fact that no byte left; the newest event of a date is found by its date."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "attempt", sa.Column("never_sent", sa.Boolean, nullable=False, server_default=sa.false())
    )
    # Until now the error's text began with it.
    op.execute("UPDATE attempt SET never_sent = true WHERE error LIKE 'not sent: %'")
    op.create_index("event_of_date", "event", ["partner", "business_date", "seq"])
