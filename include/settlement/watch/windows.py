"""What a person can still do while clients may dispute, or balances can be topped up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, and_, func, select

from settlement.errors import PartnerAnswerError
from settlement.ledger.partner_reader import unrecorded_reader
from settlement.ledger.schema import body, slot
from settlement.ledger.slots import require_slot
from settlement.partner.balances import Balances
from settlement.partner.disputes import Dispute
from settlement.partner.reads import PartnerReader
from settlement.slot.state import Slot, State
from settlement.steps.funding import Shortfall, listed, shortfalls
from settlement.values import Line, as_lines
from settlement.watch.eyes import Eyes
from settlement.watch.finding import Finding, Kind
from settlement.wording import first_few

SHOWN = 3


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A pending request, what it moves, and when its windows end."""

    external_id: str
    business_date: date
    settlement_id: str | None
    lines: tuple[Line, ...]
    windows_end: datetime


@dataclass(frozen=True, slots=True)
class RunningWindows:
    """Requests whose windows run, in the order in which they were built.

    `balances` is None if nobody may see them.
    """

    pending: Sequence[PendingRequest] = ()
    disputes: Sequence[Dispute] = ()
    balances: Balances | None = None


def read_running_windows(eyes: Eyes) -> RunningWindows:
    """The partner is asked only if something is pending that its clients may dispute."""
    partner = eyes.partner
    if not partner.api_version.staged_by_dispute_window:
        return RunningWindows()
    with eyes.ledger.transaction() as tx:
        sent = _pending_since(tx, partner.name)
    if not sent:
        return RunningWindows()
    reader = unrecorded_reader(eyes.ledger, eyes.open_api(), partner)
    dispute_windows = reader.dispute_windows()
    pending = [
        PendingRequest(
            held.external_id,
            day,
            held.settlement_id,
            as_lines(held.current.positions if held.current else {}),
            windows_end=end,
        )
        for held, day, sent_at in sent
        if (end := sent_at + dispute_windows.dispute + dispute_windows.top_up) > eyes.now
    ]
    if not pending:
        return RunningWindows()
    return RunningWindows(pending, reader.disputes(), _balances(reader))


def _pending_since(tx: Connection, partner: str) -> list[tuple[Slot, date, datetime]]:
    """Pending slots, their dates, and since when; one that was adopted, since we know of it."""
    what_is_pending = and_(
        body.c.external_id == slot.c.external_id, body.c.number == slot.c.current_body
    )
    since = func.coalesce(body.c.sent_at, slot.c.updated_at)
    query = (
        select(slot.c.external_id, slot.c.business_date, since)
        .join(body, what_is_pending)
        .where(slot.c.partner == partner, slot.c.state == State.PENDING.value)
    )
    rows = tx.execute(query.order_by(slot.c.business_date, slot.c.n)).all()
    return [(require_slot(tx, external_id), day, sent_at) for external_id, day, sent_at in rows]


def _balances(reader: PartnerReader) -> Balances | None:
    """What is available and held: what is pending may be held (partner API, section 9.3)."""
    try:
        return reader.balances(held_too=True)
    except PartnerAnswerError:
        return None


def running_windows(eyes: Eyes, running: RunningWindows) -> Iterator[Finding]:
    """Open disputes, and accounts that cannot give what pending requests take."""
    moving: list[list[Line]] = []
    for request in running.pending:
        disputing = {
            each.connection_id
            for each in running.disputes
            if each.status == "open" and each.settlement_id == request.settlement_id
        }
        if disputing:
            yield _disputed(eyes, request, sorted(disputing))
        moving.append([each for each in request.lines if each.connection_id not in disputing])
    if running.balances is not None:
        short = shortfalls(moving, running.balances)
        if short:
            yield _short_of_funds(eyes, running.pending, short)


def _disputed(eyes: Eyes, request: PendingRequest, clients: Sequence[str]) -> Finding:
    text = (
        f"disputed by connection {first_few(clients, SHOWN)}: compare both sides with "
        f"`settlement disputes {eyes.partner.name} --date {request.business_date}` and talk to the "
        f"client; what it still disputes at {_clock(request.windows_end)}, when the windows end, "
        "is not moved"
    )
    return Finding(
        Kind.DISPUTED,
        eyes.partner.name,
        text,
        business_date=request.business_date,
        external_id=request.external_id,
    )


def _short_of_funds(
    eyes: Eyes, pending: Sequence[PendingRequest], short: Sequence[Shortfall]
) -> Finding:
    named = ", ".join(each.external_id for each in pending[:SHOWN])
    first = min(each.windows_end for each in pending)
    text = (
        f"{listed(short, eyes.partner.currencies)} for what is pending ({named}): have it funded "
        f"before the first windows end at {_clock(first)}, or the settlement fails"
    )
    return Finding(Kind.SHORT_OF_FUNDS, eyes.partner.name, text)


def _clock(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")
