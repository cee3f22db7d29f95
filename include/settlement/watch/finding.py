"""What the watch says: findings, each kind with its section of the runbook."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from settlement.config.calendar import BusinessCalendar
from settlement.ledger.people.question import Question


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


WORST_FIRST = (
    Kind.CHAIN_BROKEN,
    Kind.STATE_CHANGED,
    Kind.UNKNOWN_SETTLEMENT,
    Kind.FOREIGN_SETTLEMENT,
    Kind.BINDING_CONFLICT,
    Kind.BROKEN_PARTNER_FILE,
    Kind.NO_PARTNER_FILE,
    Kind.STOPPED,
    Kind.NO_POOL,
    Kind.OPEN_TOO_LONG,
    Kind.UNANSWERED,
    Kind.SHORT_OF_FUNDS,
    Kind.MARKED_BY_HAND,
    Kind.OVERDUE,
    Kind.NEVER_TOUCHED,
)
"""Money that nobody can account for, then what keeps all dates from settling, then single dates."""


@dataclass(frozen=True, slots=True)
class DateSpan:
    """Business dates without a gap, both ends included."""

    first: date
    last: date
    count: int

    def __str__(self) -> str:
        if self.count == 1:
            return str(self.first)
        return f"{self.first} to {self.last} ({self.count} dates)"


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
    """One thing that is not as it should be; `text` says what, with the next step.

    `start` is what the DAG starts by itself because of it: a run for trades that came late, or the
    run that puts a question before a person. A finding that needs no person is said, but turns
    nothing red. One that `may_pass` is worth another check soon. One about several dates in a row
    names the first as `business_date`, and all of them as `span`.
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


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Those that need a person first, by their kind; of one kind the newest date first."""
    return sorted(findings, key=_rank)


def _rank(finding: Finding) -> tuple[bool, int, int]:
    kind = finding.kind
    severity = WORST_FIRST.index(kind) if kind in WORST_FIRST else len(WORST_FIRST)
    newest = finding.span.last if finding.span else finding.business_date
    return not finding.needs_a_person, severity, -(newest or date.min).toordinal()


def spans_of(business_dates: Iterable[date], calendar: BusinessCalendar) -> list[DateSpan]:
    """Business dates in a row as one span each, the newest first: people read ranges."""
    spans: list[DateSpan] = []
    for business_date in sorted(business_dates):
        before = spans[-1] if spans else None
        if before is not None and calendar.following(before.last) == business_date:
            spans[-1] = DateSpan(before.first, business_date, before.count + 1)
        else:
            spans.append(DateSpan(business_date, business_date, 1))
    return spans[::-1]


def in_words(duration: timedelta) -> str:
    """A duration as people read it, rounded down: "3 days", "7 hours", "20 minutes"."""
    minutes = int(duration.total_seconds()) // 60
    for unit, length in (("day", 24 * 60), ("hour", 60)):
        if minutes >= 2 * length:
            return f"{minutes // length} {unit}s"
    return f"{minutes} minutes"
