"""What the watch says: one finding a sentence, each kind with its section of the runbook."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from settlement.ledger.people.question import Question
from settlement.watch.date_span import DateSpan


class Kind(StrEnum):
    """Kinds of findings; the runbook of settlement_watch has a section for each."""

    NEVER_TOUCHED = "never-touched"
    OVERDUE = "overdue"
    LATE_TRADES = "late-trades"
    COMMITTED_LATE = "committed-late"
    GONE = "gone-trades"
    EDITED = "edited-trades"
    MOVED = "moved-trades"
    DELIVERED_AGAIN = "delivered-again"
    UNCOVERED = "uncovered-trades"
    RECORDED_IN_FUTURE = "recorded-in-future"
    NO_POOL = "no-pool"
    OPEN_TOO_LONG = "open-too-long"
    DISPUTED = "disputed"
    SHORT_OF_FUNDS = "short-of-funds"
    STATE_CHANGED = "state-changed"
    UNKNOWN_SETTLEMENT = "unknown-settlement"
    FOREIGN_SETTLEMENT = "foreign-settlement"
    PARTNER_CHANGED = "partner-changed"
    MARKED_BY_HAND = "marked-by-hand"
    UNANSWERED = "unanswered"
    STOPPED = "stopped"
    OLD_HOLD = "old-hold"
    CHAIN_BROKEN = "chain-broken"
    BINDING_CONFLICT = "binding-conflict"
    NO_PARTNER_FILE = "no-partner-file"
    BROKEN_PARTNER_FILE = "broken-partner-file"
    NOT_CHECKED = "not-checked"


@dataclass(frozen=True, slots=True)
class SettleAgain:
    """A run to start for a date; the trades that it is for give it its name.

    `recorded_until`: the newest `recorded_at` among them; `digest`: over their ids, since trades
    that are committed late need not be the newest.
    """

    business_date: date
    recorded_until: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be; `text` is one sentence with the next step.

    `start` is what the DAG starts by itself because of it: a run for late trades, or the run that
    puts a question before a person. A finding that needs no person is said, but turns nothing red.
    One that `may_pass` is worth another look in a minute. One about several dates in a row names
    the first as `business_date`, and all of them as `span`.
    """

    kind: Kind
    partner: str
    text: str
    business_date: date | None = None
    external_id: str | None = None
    needs_a_person: bool = True
    may_pass: bool = False
    start: SettleAgain | Question | None = None
    span: DateSpan | None = None

    @property
    def about(self) -> str:
        """The externalId, else the business dates, else the partner itself."""
        return self.external_id or str(self.span or self.business_date or "")

    def __str__(self) -> str:
        named = f"{self.partner} {self.about}".strip()
        return f"{named}: {self.text} [runbook: {self.kind}]"


def in_words(span: timedelta) -> str:
    """A span as people read it, rounded down: "3 days", "7 hours", "20 minutes"."""
    minutes = int(span.total_seconds()) // 60
    for unit, length in (("day", 24 * 60), ("hour", 60)):
        if minutes >= 2 * length:
            return f"{minutes // length} {unit}s"
    return f"{minutes} minutes"
