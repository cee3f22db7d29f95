"""Where a partner stands: dates that are not settled, the newest that are, the money at risk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, func, select

from settlement.config.partner_file import PartnerFile
from settlement.ledger.database import Ledger
from settlement.ledger.overview import money_at_risk
from settlement.ledger.people.holds import Hold, holds_in_force
from settlement.ledger.people.question import Question
from settlement.ledger.people.questions import open_questions
from settlement.ledger.people.stop import Stop, stop_of
from settlement.ledger.schema import slot
from settlement.slot.money_at_risk import MoneyAtRisk, Unsettled, by_currency
from settlement.slot.state import State
from settlement.watch.date_status import DateStatus, read_date_statuses

SETTLED_SHOWN = 10


@dataclass(frozen=True, slots=True)
class DateLine:
    """One date that is due or known: its status, its requests by state, the money at risk.

    `at_risk` is None for a date that is settled.
    """

    status: DateStatus
    overdue: bool
    requests: dict[State, int]
    at_risk: MoneyAtRisk | None

    @property
    def business_date(self) -> date:
        """The date."""
        return self.status.business_date


@dataclass(frozen=True, slots=True)
class PartnerView:
    """All dates that are not settled and the last ones that are, both newest first."""

    partner: str
    at: datetime
    stop: Stop | None
    holds: tuple[Hold, ...]
    questions: tuple[Question, ...]
    not_settled: tuple[DateLine, ...]
    settled: tuple[DateLine, ...]

    @property
    def at_risk(self) -> dict[str, dict[Unsettled, int]]:
        """Over all dates that are not settled."""
        return by_currency(each.at_risk for each in self.not_settled if each.at_risk)


def view_partner(ledger: Ledger, partner: PartnerFile) -> PartnerView:
    """What the ledger knows of the partner's dates; nobody else is asked."""
    now = ledger.now()
    statuses = read_date_statuses(ledger, partner, now, thorough=False)[::-1]
    with ledger.transaction() as tx:
        requests = _requests_by_state(tx, partner.name)

        def line(each: DateStatus, *, settled: bool) -> DateLine:
            return DateLine(
                each,
                not settled and now > each.deadline,
                requests.get(each.business_date, {}),
                None if settled else money_at_risk(tx, partner.name, each.business_date),
            )

        return PartnerView(
            partner.name,
            now,
            stop_of(tx, partner.name),
            tuple(holds_in_force(tx, partner.name)),
            tuple(open_questions(tx, partner.name)),
            tuple(line(each, settled=False) for each in statuses if each.left is not None),
            tuple(
                line(each, settled=True)
                for each in [each for each in statuses if each.left is None][:SETTLED_SHOWN]
            ),
        )


def _requests_by_state(tx: Connection, partner: str) -> dict[date, dict[State, int]]:
    query = (
        select(slot.c.business_date, slot.c.state, func.count().label("requests"))
        .where(slot.c.partner == partner)
        .group_by(slot.c.business_date, slot.c.state)
    )
    found: dict[date, dict[State, int]] = {}
    for row in tx.execute(query):
        found.setdefault(row.business_date, {})[State(row.state)] = row.requests
    return found
