"""Tables of the ledger (PostgreSQL). Amounts are NUMERIC without scale: integers of any size."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


class BaseUnits(TypeDecorator[int]):
    """An integer amount in base units: `int` in Python, NUMERIC in SQL, nothing in between."""

    impl = Numeric(asdecimal=True)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Any) -> Decimal | None:  # noqa: ARG002
        """Refuse anything but an int before it reaches the database."""
        if value is None:
            return None
        if type(value) is not int:
            raise TypeError(f"amounts are int in base units, not {type(value).__name__}")
        return Decimal(value)

    def process_result_value(self, value: Decimal | None, dialect: Any) -> int | None:  # noqa: ARG002
        """Turn NUMERIC into int, refusing a fraction."""
        if value is None:
            return None
        number = int(value)
        if number != value:
            raise ValueError(f"the ledger holds an amount with a fraction: {value}")
        return number


def _at(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=nullable, primary_key=primary_key)


binding = Table(
    "binding",
    metadata,
    _text("partner", primary_key=True),
    _text("api_base_url"),
    _text("enterprise_id"),
    _text("amounts"),
    _text("api_version"),
    _at("bound_at"),
    UniqueConstraint("api_base_url", "enterprise_id", name="binding_account_key"),
)

bound_currency = Table(
    "bound_currency",
    metadata,
    _text("partner", primary_key=True),
    _text("currency", primary_key=True),
    Column("decimals", Integer, nullable=False),
    _at("bound_at"),
)

chain_head = Table(
    "chain_head",
    metadata,
    _text("partner", primary_key=True),
    Column("seq", BigInteger, nullable=False),
    _text("hash"),
)

event = Table(
    "event",
    metadata,
    _text("partner", primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    _at("at"),
    _text("kind"),
    Column("business_date", Date),
    _text("external_id", nullable=True),
    _text("details"),
    _text("previous_hash"),
    _text("hash"),
    Index("event_of_date", "partner", "business_date", "seq"),
    Index(
        "closing_of_date",
        "partner",
        "business_date",
        "seq",
        postgresql_where=text("kind IN ('date closed', 'date reopened')"),
    ),
)

listing = Table(
    "listing",
    metadata,
    _text("partner", primary_key=True),
    _at("listed_from"),
    _at("listed_until"),
)

stop_flag = Table(
    "stop_flag",
    metadata,
    _text("partner", primary_key=True),
    _text("reason"),
    _text("who"),
    _at("at"),
)

hold = Table(
    "hold",
    metadata,
    _text("connection_id", primary_key=True),
    _text("partner", primary_key=True),
    _text("reason"),
    _text("who"),
    _at("at"),
    _at("until", nullable=True),
)

ignored_settlement = Table(
    "ignored_settlement",
    metadata,
    _text("partner", primary_key=True),
    _text("settlement_id", primary_key=True),
    _text("external_id"),
    _text("reason"),
    _text("who"),
    _at("at"),
)

business_date = Table(
    "business_date",
    metadata,
    _text("partner", primary_key=True),
    Column("business_date", Date, primary_key=True),
    _at("window_start"),
    _at("window_end"),
    Column("generation", Integer, nullable=False),
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    _text("partner"),
    Column("business_date", Date, nullable=False),
    Column("generation", Integer, nullable=False),
    _at("window_start"),
    _at("window_end"),
    _at("watermark", nullable=True),
    _at("newest_executed_at", nullable=True),
    Column("trade_count", BigInteger, nullable=False),
    Column("position_count", BigInteger, nullable=False),
    _text("query_text"),
    _text("positions_digest"),
    _text("run_id", nullable=True),
    _at("taken_at"),
    _text("decision", nullable=True),
    UniqueConstraint("partner", "business_date", "generation", name="snapshot_generation_key"),
    ForeignKeyConstraint(
        ["partner", "business_date"], ["business_date.partner", "business_date.business_date"]
    ),
)

net_position = Table(
    "net_position",
    metadata,
    Column("snapshot_id", BigInteger, primary_key=True),
    _text("connection_id", primary_key=True),
    _text("currency", primary_key=True),
    Column("amount", BaseUnits, nullable=False),
    # No foreign key: a million rows are copied before their snapshot's row exists, in the same
    # transaction; `settlement verify` checks the digest over them instead.
)

remembered_date = Table(
    "remembered_date",
    metadata,
    _text("partner", primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("trade_count", BigInteger, nullable=False),
    _text("trades_digest"),
    Column("complete", Boolean, nullable=False),
    _at("remembered_at"),
    # No foreign key to business_date: a run of another date remembers a date's trades too, and
    # would wait for the row that the date's own run has locked.
)

remembered_trades = Table(
    "remembered_trades",
    metadata,
    _text("partner", primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("beginning", Text(collation="C"), nullable=False),
    _text("role"),
    Column("hashes", LargeBinary, nullable=False),
    _text("endings"),
    ForeignKeyConstraint(
        ["partner", "business_date"],
        ["remembered_date.partner", "remembered_date.business_date"],
        ondelete="CASCADE",
    ),
    Index("remembered_trades_by_beginning", "partner", "beginning"),
)

slot = Table(
    "slot",
    metadata,
    _text("external_id", primary_key=True),
    _text("partner"),
    Column("business_date", Date, nullable=False),
    Column("n", Integer),
    _text("state"),
    Column("current_body", Integer),
    _text("settlement_id", nullable=True),
    _text("reason", nullable=True),
    _text("last_verdict", nullable=True),
    Column("absences", Integer, nullable=False),
    _at("first_sent_at", nullable=True),
    _at("updated_at"),
    UniqueConstraint("partner", "business_date", "n", name="slot_number_key"),
    Index("slot_of_date", "partner", "business_date"),
)

body = Table(
    "body",
    metadata,
    _text("external_id", primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("snapshot_id", BigInteger),
    _text("nonce"),
    _text("notes"),
    _at("window_start", nullable=True),
    _at("window_end", nullable=True),
    _at("cutoff_at", nullable=True),
    _text("digest"),
    _text("origin"),
    _text("payload", nullable=True),
    _text("signature", nullable=True),
    _text("key_id", nullable=True),
    Column("request", LargeBinary),
    _at("built_at"),
    _at("sent_at", nullable=True),
    ForeignKeyConstraint(["external_id"], ["slot.external_id"]),
    ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"]),
)

line = Table(
    "line",
    metadata,
    _text("external_id", primary_key=True),
    Column("body", Integer, primary_key=True),
    _text("connection_id", primary_key=True),
    _text("currency", primary_key=True),
    Column("amount", BaseUnits, nullable=False),
    _text("kind"),
    ForeignKeyConstraint(["external_id", "body"], ["body.external_id", "body.number"]),
)

transfer = Table(
    "transfer",
    metadata,
    _text("id", primary_key=True),
    _text("external_id"),
    _text("connection_id"),
    _text("source_connection_id", nullable=True),
    _text("currency"),
    Column("amount", BaseUnits, nullable=False),
    _text("kind"),
    _text("status"),
    _text("dispute_closure_id", nullable=True),
    _at("updated_at"),
    ForeignKeyConstraint(["external_id"], ["slot.external_id"]),
    Index("transfer_of_slot", "external_id"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    _text("partner"),
    _text("kind"),
    _text("external_id", nullable=True),
    Column("body", Integer),
    _text("request_digest"),
    _at("started_at"),
    _at("finished_at", nullable=True),
    Column("status", Integer),
    Column("answer", LargeBinary),
    _text("error", nullable=True),
    Column("never_sent", Boolean, nullable=False, server_default=false()),
    _text("who"),
    _text("run_id", nullable=True),
    _text("task_id", nullable=True),
    Column("try_number", Integer),
    Index("attempt_of_slot", "external_id"),
)

question = Table(
    "question",
    metadata,
    _text("partner", primary_key=True),
    _text("digest", primary_key=True),
    _text("subject"),
    Column("business_date", Date, nullable=False),
    _text("external_id", nullable=True),
    _text("facts"),
    _at("asked_at"),
    _text("asked_by"),
    _text("run_id", nullable=True),
    _text("choice", nullable=True),
    _text("reason", nullable=True),
    _text("decided_by", nullable=True),
    _at("decided_at", nullable=True),
    Index("question_of_date", "partner", "business_date"),
)
