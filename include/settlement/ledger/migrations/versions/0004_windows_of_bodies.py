"""The window of the trades that a body settles, as its notes say it to the partner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for bound in ("window_start", "window_end"):
        op.add_column("body", sa.Column(bound, sa.DateTime(timezone=True), nullable=True))
