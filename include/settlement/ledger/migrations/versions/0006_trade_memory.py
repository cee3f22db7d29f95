"""The ids of the trades that each date's snapshots have read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SEQUENCE remembered_version_seq")
    op.create_table(
        "remembered_date",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("trade_count", sa.BigInteger(), nullable=False),
        sa.Column("trades_digest", sa.Text(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("remembered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partner", "business_date"),
    )
    op.create_table(
        "remembered_trades",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("beginning", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("endings", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner", "business_date"],
            ["remembered_date.partner", "remembered_date.business_date"],
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("partner", "business_date", "number"),
    )
    op.create_index("remembered_trades_by_beginning", "remembered_trades", ["partner", "beginning"])
    # Hashes cannot be compressed, and trying costs more than writing them.
    for column in ("hashes", "endings"):
        op.execute(f"ALTER TABLE remembered_trades ALTER COLUMN {column} SET STORAGE EXTERNAL")
