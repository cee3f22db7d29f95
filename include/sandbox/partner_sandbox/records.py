"""What the store keeps: settlements, their transfers and the movements that were booked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias

SettlementStatus: TypeAlias = Literal["pending", "failed", "completed", "rejected"]


@dataclass(frozen=True, slots=True)
class Settlement:
    """One settlement; times are texts that sort like the instants they name."""

    id: str
    partner_id: str
    external_id: str
    status: SettlementStatus
    reason: str | None
    notes: str | None
    cutoff_at: str | None
    nonce: str
    properties: str
    """Canonical JSON of what must be equal under the same externalId."""
    initiated_by: str
    created_at: str
    updated_at: str
    finalized_at: str | None
    look_ups_until_complete: int | None
    """A pending settlement completes by itself after so many look-ups."""
    look_ups_until_shown: int
    """Look-ups that do not show the settlement yet."""
    shown_from: str
    """Look-ups before this time do not show the settlement."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement that a settlement asks for, in signed base units.

    Positive goes from source to destination. No source: the partner's own account.
    """

    id: str
    settlement_id: str
    position: int
    source: str | None
    destination: str
    currency: str
    quantity: int
    status: SettlementStatus
    created_at: str
    updated_at: str


class Booking(NamedTuple):
    """Money that moved on a client's connection; positive: the client received."""

    external_id: str
    connection_id: str
    currency: str
    amount: int
    settlement_id: str
    at: datetime


def stamp(instant: datetime) -> str:
    """Return the text of an instant, to milliseconds, that sorts like the instant."""
    return bound(instant.replace(microsecond=instant.microsecond // 1000 * 1000))


def bound(instant: datetime) -> str:
    """Return the text of an instant at full precision, to compare stamps with."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def shown(text: str) -> str:
    """Return a stamp as the API shows it: UTC, milliseconds, Z."""
    return f"{text[:-3]}Z"


def instant_of(text: str) -> datetime:
    """Return the instant that a stamp names."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
