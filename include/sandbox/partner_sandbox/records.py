"""What the store keeps: settlements, their transfers, disputes, and what was booked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias

from partner_sandbox.ids import made_up_id

SettlementStatus: TypeAlias = Literal["pending", "failed", "completed", "rejected"]
TransferStatus: TypeAlias = SettlementStatus | Literal["disputed", "pending_settlement_assignment"]
TransferKind: TypeAlias = Literal["own", "adjustment"]
Closer: TypeAlias = Literal["client", "admin"]
ClosureStatus: TypeAlias = Literal["pending_review", "approved", "rejected"]


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
    """A pending settlement goes on by itself after so many look-ups."""
    look_ups_until_shown: int
    """Look-ups that do not show the settlement yet."""
    shown_from: str
    """Look-ups before this time do not show the settlement."""
    dispute_until: str | None = None
    """End of the dispute window, which it does not include; None: posted with version 1."""
    finalize_at: str | None = None
    """End of the top-up window: when the transfers of a pending settlement are due to run."""
    held_back: bool = False
    """A fault keeps it from running when it is due."""
    disputed: bool = False
    """A dispute was raised and not retracted."""

    @property
    def version(self) -> int:
        """Version of the endpoint that it was posted with."""
        return 1 if self.dispute_until is None else 2


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement that a settlement asks for, in signed base units.

    Positive goes from source to destination. No source: the partner's own account.
    """

    id: str
    settlement_id: str | None
    """None: an adjustment that no settlement has taken yet."""
    position: int
    source: str | None
    destination: str
    currency: str
    quantity: int
    status: TransferStatus
    created_at: str
    updated_at: str
    dispute_closure_id: str | None = None
    """The closed dispute that it comes from, if it is an adjustment."""

    @property
    def kind(self) -> TransferKind:
        """Whether the request asked for it, or a closed dispute of an earlier settlement."""
        return "own" if self.dispute_closure_id is None else "adjustment"


@dataclass(frozen=True, slots=True)
class Dispute:
    """What a client says against a settlement (partner API, section 9.5), in base units."""

    id: str
    partner_id: str
    settlement_id: str
    """The settlement that it is about."""
    connection_id: str
    expected: Mapping[str, int]
    """What the client expected to receive, per currency."""
    reason: str | None
    created_at: str
    updated_at: str
    retracted_at: str | None = None
    closed_at: str | None = None
    closed_by: Closer | None = None
    adjusted: Mapping[str, int] | None = None
    """What the client receives after all, per currency; None: not closed."""
    settled_in: str | None = None
    """The later settlement that the adjustments run with."""
    closure_status: ClosureStatus | None = None
    """What its closure has come to; None: not closed."""

    @property
    def is_open(self) -> bool:
        """Whether it is neither retracted nor closed; a rejected closure leaves it open."""
        return self.retracted_at is None and self.closure_status in (None, "rejected")

    @property
    def awaits_review(self) -> bool:
        """Whether nobody has reviewed how it was closed."""
        return self.closure_status == "pending_review"

    @property
    def closure_id(self) -> str | None:
        """Id of its closure, if it is closed."""
        return None if self.closed_at is None else made_up_id("dispute closure", self.id)


class Booking(NamedTuple):
    """Money that moved on a client's connection; positive: the client received."""

    external_id: str
    connection_id: str
    currency: str
    amount: int
    settlement_id: str
    at: datetime
    kind: TransferKind = "own"


class Event(NamedTuple):
    """A call that the partner would have got, with the amounts it names."""

    kind: Literal["finalize"]
    settlement_id: str
    external_id: str
    at: datetime
    amounts: Mapping[str, Mapping[str, int]]
    """Net per connection and currency, adjustments included; positive: the client receives."""


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
