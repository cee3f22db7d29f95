"""One business date: what is owed, booked, in flight and left, its requests, and its story."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import DateNotDueError
from settlement.ledger.chain import Event, read_events
from settlement.ledger.database import clock
from settlement.ledger.people.closings import closing_of
from settlement.ledger.people.holds import Hold, holds_in_force
from settlement.ledger.people.question import Question
from settlement.ledger.people.questions import open_questions
from settlement.ledger.people.stop import Stop, stop_of
from settlement.ledger.snapshots import Snapshot
from settlement.pages.date_facts import Facts, since_when
from settlement.pages.settlements import DateRow, row_of
from settlement.slot.difference import difference
from settlement.slot.state import OPEN, Slot, State
from settlement.steps.forecast import Around as AroundRequests
from settlement.steps.forecast import Forecast, forecasts_of_date
from settlement.steps.verify import DateFacts, load_facts
from settlement.values import Positions


@dataclass(frozen=True, slots=True)
class CurrencyRow:
    """Gross base units of one currency: what clients receive plus what they give."""

    currency: str
    net: int
    booked: int
    in_flight: int
    left: int


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request of the date. `since`: first sent, or last changed before that."""

    slot: Slot
    since: datetime | None
    lines: int
    if_cleared: Forecast


@dataclass(frozen=True, slots=True)
class DatePage:
    """One business date of one partner.

    `proved_at`: since when it is proved settled, if it is. `not_due`: why it cannot be run now, if
    it cannot.
    """

    partner: PartnerFile
    row: DateRow
    at: datetime
    snapshot: Snapshot | None
    currencies: tuple[CurrencyRow, ...]
    requests: tuple[RequestRow, ...]
    questions: tuple[Question, ...]
    holds: tuple[Hold, ...]
    stop: Stop | None
    events: tuple[Event, ...]
    proved_at: datetime | None
    not_due: str | None

    @property
    def refused_clients(self) -> tuple[str, ...]:
        """Connections that are alone in a refused request: the refusal is about them."""
        refused = [each.slot for each in self.requests if each.slot.state is State.REFUSED]
        named = [
            {key.connection_id for key in one.current.positions} for one in refused if one.current
        ]
        return tuple(dict.fromkeys(each for ids in named if len(ids) == 1 for each in ids))


def read_date_page(tx: Connection, partner: PartnerFile, business_date: date) -> DatePage:
    """What the ledger holds about a date, and about its partner, whether it was ever run or not."""
    name, key = partner.name, (partner.name, business_date)
    now = clock(tx)
    facts = load_facts(tx, name, business_date)
    questions = open_questions(tx, name, business_date)
    holds, stop = holds_in_force(tx, name), stop_of(tx, name)
    closing = closing_of(tx, name, business_date)
    since = since_when(tx, [each.external_id for each in facts.slots])
    around_requests = AroundRequests(now, stop, closing, facts.held)
    forecasts = forecasts_of_date(tx, partner, business_date, facts.slots, around_requests)
    events = tuple(read_events(tx, name, business_date=business_date))
    around = Facts(
        at=now,
        proofs={},
        unproved={key: facts},
        since=since,
        requests={key: _states(facts)},
        stops={name: stop} if stop else {},
        holds={name: holds},
        closed={key: closing} if closing else {},
        questions=questions,
    )
    row = row_of(partner, business_date, around)
    proofs = [each.at for each in events if each.kind == "settled"]
    return DatePage(
        partner=partner,
        row=row,
        at=now,
        snapshot=facts.snapshot,
        currencies=tuple(_currencies(facts)),
        requests=tuple(
            RequestRow(
                each,
                since.get(each.external_id),
                len(each.current.positions) if each.current else 0,
                forecasts[each.external_id],
            )
            for each in facts.slots
        ),
        questions=tuple(questions),
        holds=tuple(holds),
        stop=stop,
        events=events,
        proved_at=proofs[-1] if proofs and row.left is None else None,
        not_due=_not_due(partner, business_date, now),
    )


def _states(facts: DateFacts) -> dict[State, int]:
    states = [each.state for each in facts.slots]
    return {state: states.count(state) for state in State if state in states}


def _currencies(facts: DateFacts) -> Iterator[CurrencyRow]:
    booked, in_flight = ([each for each in facts.slots if each.state in states] for states in SPLIT)
    columns = (
        _gross(facts.net),
        _gross(*(each.current.positions for each in booked if each.current)),
        _gross(*(each.current.positions for each in in_flight if each.current)),
        _gross(difference(facts.net, facts.slots)),
    )
    for currency in sorted(set().union(*columns)):
        yield CurrencyRow(currency, *(each.get(currency, 0) for each in columns))


SPLIT = (frozenset({State.COMPLETED}), OPEN)


def _gross(*several: Positions) -> Mapping[str, int]:
    gross: dict[str, int] = {}
    for positions in several:
        for key, amount in positions.items():
            gross[key.currency] = gross.get(key.currency, 0) + abs(amount)
    return gross


def _not_due(partner: PartnerFile, business_date: date, now: datetime) -> str | None:
    try:
        BusinessCalendar(partner).require_due(business_date, now)
    except DateNotDueError as error:
        return error.message
    return None
