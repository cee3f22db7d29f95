"""Limits: what may move for a date, and within a day over all dates, runs, backfills and retries.

There is no second bookkeeping: what is taken is read from the slots whenever something new is to be
built. So a refused, rejected or withdrawn slot gives back by itself, a refilled one counts once,
and a refused one that turns out booked counts again. Limits stop new bodies and nothing else: what
was sent is looked up, replayed and reconciled whatever they say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Connection, Subquery, bindparam, func, select, text

from settlement.amounts import display
from settlement.config.partner_file import PartnerFile
from settlement.errors import LimitExceededError
from settlement.ledger.database import NOW
from settlement.ledger.schema import BaseUnits, body, line, slot
from settlement.slot.difference import Fill
from settlement.slot.state import IN_EFFECT, OPEN, State
from settlement.values import PartnerName

ROLLING_DAY = timedelta(hours=24)
MAY_STILL_MOVE = OPEN | {State.PREPARED}
TAKING = IN_EFFECT | {State.PREPARED, State.DIVERGED}
"""States whose current body counts: it is booked, or may be."""


@dataclass(frozen=True, slots=True)
class Total:
    """How many requests, and the sum of their absolute amounts per currency in base units."""

    requests: int
    gross: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Span:
    """A date, or a rolling day: what the partner file allows for it, and what is taken of that.

    `name` ends the keys of the partner file, `text` says in an error what it is.
    """

    name: str
    text: str
    allowed: Total
    taken: Total


def require_within_limits(
    tx: Connection, partner: PartnerFile, business_date: date, fills: Sequence[Fill]
) -> None:
    """Refuse a plan that would take more than the partner file's limits leave.

    Holds the partner's limits to the transaction's end, so that two builds cannot both take what
    only one of them finds left. A plan without fills adds nothing and always passes.

    :raises LimitExceededError: naming each limit that is passed, and who may raise it
    """
    if not fills:
        return
    tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"limits of {partner.name}"},
    )
    new = _total_of(fills)
    spans = _spans(tx, partner, business_date)
    passed = [each for span in spans for each in _passed(span, new, partner.currencies)]
    if passed:
        raise LimitExceededError(partner.name, business_date, passed=passed)


def _total_of(fills: Sequence[Fill]) -> Total:
    gross: dict[str, int] = {}
    for fill in fills:
        for each in fill.lines:
            gross[each.currency] = gross.get(each.currency, 0) + abs(each.amount)
    return Total(len(fills), gross)


def _spans(tx: Connection, partner: PartnerFile, business_date: date) -> tuple[_Span, _Span]:
    limits = partner.limits
    per_date = Total(limits.requests_per_date, limits.gross_per_date)
    per_day = Total(limits.requests_per_day, limits.gross_per_day)
    of_date, of_day = _taken(tx, partner.name, business_date)
    return (
        _Span("date", f"for {business_date}", per_date, of_date),
        _Span("day", "within 24 hours, over all dates", per_day, of_day),
    )


def _passed(span: _Span, new: Total, decimals: Mapping[str, int]) -> Iterator[str]:
    """Each limit that the addition does not fit into; a currency that nothing is added to fits."""
    allowed, taken = span.allowed.requests, span.taken.requests
    if taken + new.requests > allowed:
        key = f"limits.requests_per_{span.name}"
        yield _described(key, span.text, (allowed, taken, new.requests), "request(s)", 0)
    for currency, allowed in span.allowed.gross.items():
        taken, more = span.taken.gross.get(currency, 0), new.gross.get(currency, 0)
        if more and taken + more > allowed:
            key = f"limits.gross_per_{span.name}.{currency}"
            yield _described(key, span.text, (allowed, taken, more), currency, decimals[currency])


def _described(key: str, span: str, numbers: tuple[int, int, int], unit: str, decimals: int) -> str:
    allowed, taken, more = (f"{display(each, decimals)} {unit}" for each in numbers)
    none_left = ", so nothing more fits" if numbers[1] >= numbers[0] else ""
    return f"{key} allows {allowed} {span}: {taken} taken, {more} to be added{none_left}"


def _taken(tx: Connection, partner: PartnerName, business_date: date) -> tuple[Total, Total]:
    """What is taken of the limits of the date, and of those of the rolling day."""
    named = {"partner": partner, "business_date": business_date}
    requests = tx.execute(_REQUESTS, named).one()
    rows = tx.execute(_GROSS, named).all()
    return (
        Total(requests[0], {currency: amount or 0 for currency, amount, _ in rows}),
        Total(requests[1], {currency: amount or 0 for currency, _, amount in rows}),
    )


def _counted() -> Subquery:
    """Current bodies that count, for the date or for the rolling day.

    What the date has prepared is left out: the plan fills or withdraws each such slot again.
    Recorded and adopted bodies count for their date only, nobody knows when they were made. A body
    of ours is in the rolling day as long as it may still move, however long ago it was built, and
    for a day after that.
    """
    ours = slot.c.business_date == bindparam("business_date")
    recent = slot.c.updated_at > NOW - ROLLING_DAY
    built = (body.c.origin == "built") & (_in_state(MAY_STILL_MOVE) | recent)
    return (
        select(slot.c.external_id, body.c.number, ours.label("of_date"), built.label("of_day"))
        .join(
            body,
            (body.c.external_id == slot.c.external_id) & (body.c.number == slot.c.current_body),
        )
        .where(slot.c.partner == bindparam("partner"), _in_state(TAKING), ours | built)
        .where(~(ours & (slot.c.state == State.PREPARED.value)))
        .subquery()
    )


def _in_state(states: frozenset[State]) -> ColumnElement[bool]:
    return slot.c.state.in_(sorted(each.value for each in states))


_COUNTED = _counted()
_REQUESTS = select(func.count().filter(_COUNTED.c.of_date), func.count().filter(_COUNTED.c.of_day))
_SUM = func.sum(func.abs(line.c.amount), type_=BaseUnits())
_GROSS = (
    select(line.c.currency, _SUM.filter(_COUNTED.c.of_date), _SUM.filter(_COUNTED.c.of_day))
    .join(
        _COUNTED,
        (line.c.external_id == _COUNTED.c.external_id) & (line.c.body == _COUNTED.c.number),
    )
    .group_by(line.c.currency)
)
