"""Open requests: those that are open for too long, are disputed, or are short of funds."""

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
from settlement.slot.state import OPEN, Slot, State
from settlement.steps.funding import Shortfall, listed, shortfalls
from settlement.values import Line, as_lines
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind, in_words
from settlement.wording import first_few

SHOWN = 3


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """A request whose end nothing proves yet; `since`: first sent, or else last changed."""

    external_id: str
    business_date: date
    state: State
    since: datetime


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A pending request, what it moves, and when: its dispute and top-up windows end then."""

    external_id: str
    business_date: date
    settlement_id: str | None
    lines: tuple[Line, ...]
    moves_at: datetime


@dataclass(frozen=True, slots=True)
class PendingRequests:
    """Requests that have not moved yet, in the order of dates and numbers.

    `balances` is None if they could not be read.
    """

    requests: Sequence[PendingRequest] = ()
    disputes: Sequence[Dispute] = ()
    balances: Balances | None = None


def read_open_slots(context: WatchContext) -> Sequence[OpenSlot]:
    """All open slots of the partner, however old their dates are."""
    since = func.coalesce(slot.c.first_sent_at, slot.c.updated_at).label("since")
    query = select(slot.c.external_id, slot.c.business_date, slot.c.state, since).where(
        slot.c.partner == context.partner.name, slot.c.state.in_([each.value for each in OPEN])
    )
    with context.ledger.transaction() as tx:
        return [
            OpenSlot(row.external_id, row.business_date, State(row.state), row.since)
            for row in tx.execute(query.order_by(slot.c.business_date, slot.c.n))
        ]


def open_too_long(context: WatchContext, slots: Sequence[OpenSlot]) -> Iterator[Finding]:
    """Those that are older than `look_up_first_after`."""
    for each in slots:
        age = context.now - each.since
        if age <= context.partner.look_up_first_after:
            continue
        text = (
            f"was sent {in_words(age)} ago and is {each.state.value}: clear submit_requests of the "
            "date's run with downstream, which looks it up before anything is sent"
        )
        yield Finding(
            Kind.OPEN_TOO_LONG,
            context.partner.name,
            text,
            business_date=each.business_date,
            external_id=each.external_id,
        )


def read_pending_requests(context: WatchContext) -> PendingRequests:
    """The partner is asked only if something is pending that its clients may dispute."""
    partner = context.partner
    if not partner.api_version.staged_by_dispute_window:
        return PendingRequests()
    with context.ledger.transaction() as tx:
        sent = _pending_since(tx, partner.name)
    if not sent:
        return PendingRequests()
    reader = unrecorded_reader(context.ledger, context.open_api(), partner)
    dispute_windows = reader.dispute_windows()
    pending = [
        PendingRequest(
            held.external_id,
            business_date,
            held.settlement_id,
            as_lines(held.current.positions if held.current else {}),
            moves_at=moves_at,
        )
        for held, business_date, sent_at in sent
        if (moves_at := sent_at + dispute_windows.dispute + dispute_windows.top_up) > context.now
    ]
    if not pending:
        return PendingRequests()
    return PendingRequests(pending, reader.disputes(), _balances(reader))


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
    return [
        (require_slot(tx, external_id), business_date, sent_at)
        for external_id, business_date, sent_at in rows
    ]


def _balances(reader: PartnerReader) -> Balances | None:
    """What is available and held: what is pending may be held (partner API, section 9.3)."""
    try:
        return reader.balances(held_too=True)
    except PartnerAnswerError:
        return None


def disputed_or_short(context: WatchContext, pending: PendingRequests) -> Iterator[Finding]:
    """Open disputes, and accounts that cannot give what pending requests take."""
    moving: list[list[Line]] = []
    for request in pending.requests:
        disputing = {
            each.connection_id
            for each in pending.disputes
            if each.status == "open" and each.settlement_id == request.settlement_id
        }
        if disputing:
            yield _disputed(context, request, sorted(disputing))
        moving.append([each for each in request.lines if each.connection_id not in disputing])
    if pending.balances is not None:
        short = shortfalls(moving, pending.balances)
        if short:
            yield _short_of_funds(context, pending.requests, short)


def _disputed(context: WatchContext, request: PendingRequest, clients: Sequence[str]) -> Finding:
    text = (
        f"disputed by connection {first_few(clients, SHOWN)}: compare both sides with "
        f"`settlement disputes {context.partner.name} --date {request.business_date}` and talk to "
        f"the client. The dispute and top-up windows end at {_clock(request.moves_at)}: what the "
        "client disputes by then is not moved"
    )
    return Finding(
        Kind.DISPUTED,
        context.partner.name,
        text,
        business_date=request.business_date,
        external_id=request.external_id,
    )


def _short_of_funds(
    context: WatchContext, pending: Sequence[PendingRequest], short: Sequence[Shortfall]
) -> Finding:
    named = ", ".join(each.external_id for each in pending[:SHOWN])
    first = min(each.moves_at for each in pending)
    text = (
        f"{listed(short, context.partner.currencies)} for what is pending ({named}). Have it "
        f"funded before {_clock(first)}, when the first dispute and top-up windows end: the "
        "settlement fails otherwise"
    )
    return Finding(Kind.SHORT_OF_FUNDS, context.partner.name, text)


def _clock(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")
