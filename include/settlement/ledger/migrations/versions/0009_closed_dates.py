"""Which dates a person has closed is found without reading every event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "closing_of_date",
        "event",
        ["partner", "business_date", "seq"],
        postgresql_where=sa.text("kind IN ('date closed', 'date reopened')"),
    )
