"""Partners and their business dates, as the first page lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import NotSettledError
from settlement.ledger.people.closings import Closing
from settlement.ledger.people.holds import Hold
from settlement.ledger.people.question import Question
from settlement.ledger.people.stop import Stop
from settlement.pages.date_facts import Facts, read_facts
from settlement.pages.date_state import Around, DateState, state_of
from settlement.pages.last_runs import LastRun, last_runs
from settlement.slot.difference import in_effect
from settlement.slot.money_at_risk import Amounts, amounts_at_risk, merged
from settlement.slot.state import State
from settlement.steps.verify import DateFacts, proof_of
from settlement.watch.date_status import due_dates

DATES_A_PAGE = 30
NOTHING_KNOWN = DateFacts(None, None, {}, (), frozenset(), None)


@dataclass(frozen=True, slots=True)
class DateRow:
    """One business date of one partner.

    `requests`: how many are in each state. `amounts`: what is not settled. `left`: why, in the
    gate's words; None if it is settled, or a person has closed it.
    """

    business_date: date
    state: DateState
    deadline: datetime
    overdue: bool
    last_event_at: datetime | None
    requests: Mapping[State, int]
    amounts: tuple[Amounts, ...]
    left: str | None
    closing: Closing | None


@dataclass(frozen=True, slots=True)
class PartnerSummary:
    """One partner: what is at risk over all its dates, and one page of these, newest first.

    `not_read`: dates that are due and that no run has read: nobody knows what is owed.
    `not_settled`: all that are not settled, also those of other pages. `proved_at`: per date that
    is settled, since when that is proved. `last_runs`: per date of the page, what its last run has
    sent. `older_before`: where the page of the dates before begins; None if there are none.
    """

    partner: PartnerFile
    at: datetime
    stop: Stop | None
    holds: tuple[Hold, ...]
    questions: tuple[Question, ...]
    next_cut_off: datetime
    amounts: tuple[Amounts, ...]
    not_settled: tuple[DateRow, ...]
    not_read: int
    rows: tuple[DateRow, ...]
    proved_at: Mapping[date, datetime]
    last_runs: Mapping[date, LastRun]
    older_before: date | None


def summarize(
    tx: Connection,
    partners: Sequence[PartnerFile],
    *,
    before: date | None = None,
    only_not_settled: bool = False,
) -> list[PartnerSummary]:
    """Summaries of partners whose ledger this is, in their order.

    :param before: list dates before this one; None: the newest
    :param only_not_settled: list all dates that are not settled instead, however old
    """
    facts = read_facts(tx, [each.name for each in partners])
    summaries = [_summary(each, facts, before) for each in partners]
    if only_not_settled:
        summaries = [replace(each, rows=each.not_settled, older_before=None) for each in summaries]
    listed = [(each.partner.name, row.business_date) for each in summaries for row in each.rows]
    runs = last_runs(tx, listed)
    return [
        replace(
            each, last_runs={day: run for (of, day), run in runs.items() if of == each.partner.name}
        )
        for each in summaries
    ]


def _summary(partner: PartnerFile, facts: Facts, before: date | None) -> PartnerSummary:
    name = partner.name
    known = {business_date for of, business_date in facts.proofs if of == name}
    unproved = {business_date for of, business_date in facts.unproved if of == name}
    due = set(due_dates(partner, facts.at, most=None))
    dates = sorted((each for each in known | due if before is None or each < before), reverse=True)
    page = dates[:DATES_A_PAGE]
    rows = {
        each: row_of(partner, each, facts)
        for each in sorted({*page, *unproved, *(due - known)}, reverse=True)
    }
    not_settled = tuple(each for each in rows.values() if each.left is not None)
    return PartnerSummary(
        partner=partner,
        at=facts.at,
        stop=facts.stops.get(name),
        holds=tuple(facts.holds.get(name, ())),
        questions=tuple(each for each in facts.questions if each.partner == name),
        next_cut_off=_next_cut_off(partner, facts.at),
        amounts=merged(amounts for row in not_settled for amounts in row.amounts),
        not_settled=not_settled,
        not_read=sum(each.state is DateState.NOT_RUN for each in not_settled),
        rows=tuple(rows[each] for each in page),
        proved_at={
            day: each.last_event_at
            for (of, day), each in facts.proofs.items()
            if of == name and each.proved and each.last_event_at
        },
        last_runs={},
        older_before=page[-1] if len(dates) > len(page) else None,
    )


def row_of(partner: PartnerFile, business_date: date, facts: Facts) -> DateRow:
    """One date of the list."""
    key = (partner.name, business_date)
    deadline = BusinessCalendar(partner).due_at(business_date) + partner.settled_within
    proof, of_date = facts.proofs.get(key), facts.unproved.get(key)
    state, left = DateState.SETTLED, None
    amounts: tuple[Amounts, ...] = ()
    closing = facts.closed.get(key)
    if closing is not None:
        state = DateState.CLOSED
    elif proof is None or of_date is not None:
        of_date = of_date or NOTHING_KNOWN
        left = _left(partner, business_date, of_date)
        asked = any((each.partner, each.business_date) == key for each in facts.questions)
        state = state_of(of_date, Around(left, asked, partner.name in facts.stops))
        # Without a snapshot, what slots hold was taken over from the partner's list.
        net = of_date.net if of_date.snapshot else in_effect(of_date.slots)
        cut_off = of_date.frozen.window.end if of_date.frozen else None
        amounts = amounts_at_risk(net, of_date.slots, of_date.held, facts.since, cut_off)
    return DateRow(
        business_date,
        state,
        deadline,
        left is not None and facts.at > deadline,
        proof.last_event_at if proof else None,
        facts.requests.get(key, {}),
        amounts,
        "; ".join(left.left) if left is not None else None,
        closing,
    )


def _left(partner: PartnerFile, business_date: date, facts: DateFacts) -> NotSettledError | None:
    try:
        proof_of(partner, business_date, facts)
    except NotSettledError as error:
        return error.with_traceback(None)
    return None


def _next_cut_off(partner: PartnerFile, now: datetime) -> datetime:
    calendar = BusinessCalendar(partner)
    business_date = calendar.previous(now.date())
    while calendar.cut_off(business_date) <= now:
        business_date = calendar.following(business_date)
    return calendar.cut_off(business_date)
