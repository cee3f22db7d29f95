"""Status of each business date, proved from the ledger as the gate proves it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import NotSettledError
from settlement.ledger.database import Ledger
from settlement.ledger.date_proofs import date_proofs
from settlement.ledger.people.closings import closed_dates
from settlement.ledger.snapshots import Snapshot, newest_snapshots
from settlement.steps.verify import prove_settled

LOOK_BACK = 30
"""Business dates that are recent: that a hold was lifted is noticed within an hour, not a day."""


@dataclass(frozen=True, slots=True)
class DateStatus:
    """A date that is due or known. `left` says what keeps it from being settled; None: nothing.

    `touched`: by a run.
    """

    business_date: date
    deadline: datetime
    snapshot: Snapshot | None
    touched: bool
    last_event_at: datetime | None
    left: NotSettledError | None


def due_dates(partner: PartnerFile, now: datetime, most: int | None = LOOK_BACK) -> list[date]:
    """The last business dates that may be settled at `now`, oldest first; all with `most` None.

    Cut-offs follow one another as their dates do, so what is before a date that is due is due too.
    """
    calendar = BusinessCalendar(partner)
    in_two_days = now.astimezone(ZoneInfo(partner.timezone)).date() + timedelta(days=2)
    business_date = calendar.previous(in_two_days)
    due: list[date] = []
    while business_date >= partner.first_business_date and (most is None or len(due) < most):
        if due or calendar.due_at(business_date) <= now:
            due.append(business_date)
        business_date = calendar.previous(business_date)
    return due[::-1]


def read_date_statuses(
    ledger: Ledger, partner: PartnerFile, now: datetime, *, thorough: bool
) -> list[DateStatus]:
    """All dates that are due or that the ledger knows, oldest first, while runs go on.

    What the ledger knows stays watched until it is settled, or a person has closed it: however old
    it is, and if the partner file calls it a date before the first one now.

    :param thorough: prove older dates anew that were settled but for connections on hold
    """
    calendar = BusinessCalendar(partner)
    due = due_dates(partner, now, most=None)
    recent = set(due[-LOOK_BACK:])
    with ledger.transaction() as tx:
        tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        known = {day: proof for (_, day), proof in date_proofs(tx, [partner.name]).items()}
        snapshots = newest_snapshots(tx, partner.name)
        closed = {day for _, day in closed_dates(tx, [partner.name])}
        statuses = []
        for business_date in sorted({*due, *known} - closed):
            proof = known.get(business_date)
            but_held = not thorough and business_date not in recent
            proved = proof is not None and proof.proved and (but_held or proof.held == 0)
            statuses.append(
                DateStatus(
                    business_date=business_date,
                    deadline=calendar.due_at(business_date) + partner.settled_within,
                    snapshot=snapshots.get(business_date),
                    touched=proof is not None and proof.frozen.generation > 0,
                    last_event_at=proof.last_event_at if proof else None,
                    left=None if proved else _left(tx, partner, business_date, known=bool(proof)),
                )
            )
    return statuses


def _left(
    tx: Connection, partner: PartnerFile, business_date: date, *, known: bool
) -> NotSettledError | None:
    if not known:
        return NotSettledError(
            "no run has ever read it", partner=partner.name, business_date=business_date
        )
    try:
        prove_settled(tx, partner, business_date, since=None)
    except NotSettledError as error:
        return error.with_traceback(None)
    return None
